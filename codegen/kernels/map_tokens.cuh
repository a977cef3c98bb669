// map.cuh for each token of a tile of tokens. A block has a range of rows of one token.
#pragma once

#include "map.cuh"

namespace cadenza {

/// Config, arguments: as Map's, with the state before the epilogue's: [inputs, state, epilogue's]; edges are of T
/// tokens. Launch: blocks(T) of `threads`, shared_bytes, which are Map's, and T times its blocks.
template <class Config> struct MapTokens {
  using OfOne = Map<Config>;
  using Vectors = typename Config::inputs;
  using Epilogue = typename Config::epilogue;
  static constexpr int threads = Config::threads, shared_bytes = OfOne::shared_bytes;
  CADENZA_EVERYWHERE static constexpr int blocks(int tokens) { return OfOne::blocks * tokens; }

  struct Shape : OfOne::Shape {
    using Team = TokenTeam<BlockTeam<Config::threads>>;
    CADENZA_DEVICE static constexpr int elements(int) { return Config::rows; }
  };
  using BlockTile = Tile<Shape>;

  struct State {
    const DecodeState *state;
  };
  struct Args : Vectors::template Args<0>, State, Epilogue::Args {};
  static constexpr int words = Vectors::count + 1 + Epilogue::words;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  CADENZA_DEVICE static void run(const Args &args) {
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const int tokens = static_cast<int>(arch::block_count()) / OfOne::blocks;
    const int token = static_cast<int>(arch::block_index()) / OfOne::blocks, base = args.State::state->position;
    if (token >= live_tokens(base, args.State::state->forced_tokens, tokens))
      return;
    BlockTile tile;
    tile.team.token = token;
    tile.team.token_position = base + token;
    OfOne::run_block(args, tile, static_cast<int>(arch::block_index()) % OfOne::blocks);
  }
};

} // namespace cadenza
