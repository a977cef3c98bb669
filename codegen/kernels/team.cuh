// The threads that work on a tile together: a whole block (a kernel a phase), or some warps of one (the persistent
// kernel, where other warps of the block have other work), or a warp with a token of its own (tiles of tokens). What a
// function needs of them goes through the team.
#pragma once

#include "arch_async.cuh"
#include "shared/state.h"

namespace cadenza {

/// All threads of a block. The decode state is in device memory.
template <int count> struct BlockTeam {
  static constexpr int threads = count, warps = count / 32;

  CADENZA_DEVICE static int thread() { return static_cast<int>(arch::thread_index()); } // 0 .. threads - 1
  CADENZA_DEVICE static int warp() { return static_cast<int>(arch::warp()); }
  CADENZA_DEVICE static void barrier() { arch::block_barrier(); }
  /// The position of the step's token.
  CADENZA_DEVICE static int position(const DecodeState *state) { return state->position; }
};

/// `warp_count` warps of a block from `first_warp` on, which meet at named barrier `id` (1 to 15). They know the
/// position themselves: the state in device memory may be a step behind.
template <int first_warp, int warp_count, int id> struct WarpTeam {
  static constexpr int threads = 32 * warp_count, warps = warp_count, barrier_id = id;
  int step_position;

  /// Found anew each time: the persistent kernel has no registers to keep throughout a layer what follows from it.
  CADENZA_DEVICE static int thread() { return arch::opaque(static_cast<int>(arch::thread_index())) - 32 * first_warp; }
  CADENZA_DEVICE static int warp() { return static_cast<int>(arch::warp()) - first_warp; }
  CADENZA_DEVICE static void barrier() { arch::named_barrier(id, threads); }
  CADENZA_DEVICE int position(const DecodeState *) const { return step_position; }
};

/// The threads of a warp, each warp for itself.
struct LaneTeam {
  static constexpr int threads = 32, warps = 1;

  CADENZA_DEVICE static int thread() { return static_cast<int>(arch::lane()); }
  CADENZA_DEVICE static int warp() { return 0; }
  CADENZA_DEVICE static void barrier() { arch::warp_barrier(); }
};

/// A team that works on one token of a tile of tokens (shared/token_tiles.h). It knows the token's position.
template <class Base> struct TokenTeam : Base {
  int token; // of the tile of tokens: the row of edges
  int token_position;

  CADENZA_DEVICE int position(const DecodeState *) const { return token_position; }
};

/// Who works on the phase of `Config`: its `Team`, if it names one, else the block of its `threads`.
template <class Config> struct TeamOf {
  using type = BlockTeam<Config::threads>;
};
template <class Config>
  requires requires { typename Config::Team; }
struct TeamOf<Config> {
  using type = typename Config::Team;
};

} // namespace cadenza
