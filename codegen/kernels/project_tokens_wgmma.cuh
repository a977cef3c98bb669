// One or more matrices of 16-bit weights times the vectors of a tile of tokens on Hopper (sm_90a): project_tokens.cuh's
// product by wgmma_product.cuh, with the same prologue's activation and the same epilogue chain of each token.
#pragma once

#include "project_tokens.cuh"
#include "wgmma_product.cuh"

namespace cadenza {

/// Config: as ProjectTokens', but that tiles is a constexpr WgmmaTiles and the encoding tiles16. Arguments: [map of the
/// activation, (factors), map of the matrix, state, T, epilogue's]; the maps are those of wgmma_tiles.h (with
/// activation_stride), in device memory. Launch: any multiple of tiles.cluster blocks, up to those that are resident,
/// of `threads`, shared_bytes; clusters of tiles.cluster. T is a multiple of token_multiple. Edges may be shared as in
/// ProjectTokens. There is no Argmax here.
template <class Config> struct ProjectTokensWgmma {
  using Weight = typename Config::weight_type;
  using Segments = typename Config::segment_rows;
  using Epilogue = typename Config::epilogue;
  using A = TokenActivation<Config>;
  static constexpr WgmmaTiles tiles = Config::tiles;
  using Product = WgmmaProduct<Weight, tiles>;
  static_assert(Config::encoding::encoding == Encoding::tiles16, "wgmma reads weights as they lie: 16-bit ones");
  static constexpr int activation_stride = A::stride; // elements of a token
  static constexpr int slots = Config::interleaved ? Segments::segments : 1;
  static_assert(Config::interleaved ? Segments::all_equal() && Segments::total % tile_rows == 0 &&
                                          tiles.rows % (stripe_rows * slots) == 0
                                    : Segments::start_at_multiples_of(tiles.rows),
                "a tile's rows lie in one segment, or evenly in all");

  struct Shape {
    static constexpr int rows = tiles.rows / ProjectTokensWgmma::slots, slots = ProjectTokensWgmma::slots;
    using Team = TokenTeam<LaneTeam>;
    static constexpr bool holds_all = Config::interleaved || Segments::segments == 1;
    CADENZA_DEVICE static constexpr int elements(int slot) { return Segments::count(slot); }
  };
  using RowTile = Tile<Shape>;
  static constexpr int threads = tiles.threads(), cluster = tiles.cluster, scratch_offset = tiles.shared_bytes();
  static constexpr int shared_bytes = wgmma_shared_bytes(tiles, slots);
  static_assert(shared_bytes <= wgmma_shared_limit && scratch_floats_of(Shape::rows) == RowTile::scratch_floats,
                "stages, chunks and scratch fit in shared memory");
  CADENZA_EVERYWHERE static constexpr int blocks(int tokens, int multiprocessors) {
    return wgmma_blocks(tiles, tokens, Segments::total, slots, multiprocessors);
  }

  struct Activation {
    const arch::TensorMap *activations;
  };
  struct Operands {
    const arch::TensorMap *weights;
    const DecodeState *state;
    int64_t tokens; // T
  };
  struct Args : Activation, A::template If<A::deferred, typename A::ReadFactors>::type, Operands, Epilogue::Args {};
  static constexpr int words = 4 + A::deferred + Epilogue::words;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  CADENZA_DEVICE static void run(const Args &args) {
    Product::begin();
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const int base = args.Operands::state->position;
    const int live = live_tokens(base, args.Operands::state->forced_tokens, static_cast<int>(args.Operands::tokens));
    Product::run({args.Operands::weights, args.Activation::activations}, {Segments::total, Config::columns, live},
                 Chained{args, base});
  }

private:
  /// The epilogue chain of a token, by a warp.
  struct Chained {
    const Args &args;
    int base;

    struct Loaded {
      float factor;
      typename Epilogue::template Loaded<RowTile> chain;
    };
    /// Rows of interleaved segments come in stripes in turn, and stand one segment after the other.
    CADENZA_DEVICE static int place(int row) {
      const int stripe = row / stripe_rows;
      return slots == 1 ? row : stripe % slots * RowTile::rows + stripe / slots * stripe_rows + row % stripe_rows;
    }
    CADENZA_DEVICE void load(int token, int first_row, Loaded &loaded) const {
      if constexpr (A::deferred)
        loaded.factor = args.A::ReadFactors::factors[token];
      Epilogue::load(args, tile(token, first_row, nullptr), loaded.chain);
    }
    CADENZA_DEVICE void apply(int token, int first_row, float *values, Loaded &loaded) const {
      RowTile mine = tile(token, first_row, values);
      if constexpr (A::deferred) {
#pragma unroll
        for (int slot = 0; slot < slots; ++slot)
          mine.for_owned([&](int, int row) { values[slot * RowTile::rows + row] *= loaded.factor; });
      }
      Epilogue::apply(args, loaded.chain, mine);
    }
    CADENZA_DEVICE RowTile tile(int token, int row, float *values) const {
      RowTile tile;
      tile.team.token = token;
      tile.team.token_position = base + token;
      tile.values = values;
      tile.scratch = reinterpret_cast<float *>(arch::swizzled_shared_memory() + scratch_offset) +
                     static_cast<int>(arch::warp()) * RowTile::scratch_floats;
      if (Config::interleaved) {
        tile.slot = 0;
        tile.first_row = row / slots;
        tile.live_rows = smaller(RowTile::rows, Segments::total / slots - tile.first_row);
      } else {
        const typename Segments::Place segment = Segments::find(row);
        tile.slot = segment.slot;
        tile.first_row = row - segment.first;
        tile.live_rows = smaller(RowTile::rows, segment.rows - tile.first_row);
      }
      return tile;
    }
  };
};

} // namespace cadenza
