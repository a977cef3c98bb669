// The threads that work on a tile together: a whole block (a kernel a phase), or some warps of one (the persistent
// kernel, where other warps of the block have other work). What a function needs of them goes through the team.
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

  CADENZA_DEVICE static int thread() {
    if constexpr (id > 0)
      return arch::opaque(static_cast<int>(arch::thread_index())) - 32 * first_warp;
    return static_cast<int>(arch::thread_index()) - 32 * first_warp;
  }
  CADENZA_DEVICE static int warp() { return static_cast<int>(arch::warp()) - first_warp; }
  CADENZA_DEVICE static void barrier() { arch::named_barrier(id, threads); }
  CADENZA_DEVICE int position(const DecodeState *) const { return step_position; }
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
