// Candidates: values of rows, and how the largest one is found.
//
// Candidates are ordered by (value, then lower index); -0 equals +0, and NaN is below everything, so it is selected
// only if there is nothing else (then index 0). The order is total: how candidates are combined does not matter.
#pragma once

#include "arch.cuh"
#include "shared/sampling.h"

namespace cadenza {

/// sampling::drawn_value, called: it is long, and no kernel has many rows for a thread.
CADENZA_DEVICE float drawn_value(const Sampling &sampling, float logit, uint32_t position, uint32_t row) {
  return sampling::drawn_value(sampling, logit, position, row);
}

struct Candidate {
  uint32_t key;        // sampling::order_key of the value; 0: NaN, or nobody
  uint32_t complement; // ~index, so that the lower index is the larger candidate

  CADENZA_DEVICE static Candidate of(float value, uint32_t index) { return {sampling::order_key(value), ~index}; }
  /// Of a row that is not to be selected, unless there is nothing else.
  CADENZA_DEVICE static Candidate none(uint32_t index) { return {0, ~index}; }
  /// Of a row with that (adjusted) logit for the token at `position`, with noise if tokens are drawn.
  CADENZA_DEVICE static Candidate drawn(const Sampling &sampling, uint32_t position, uint32_t row, float logit) {
    return of(sampling.draws != 0 ? drawn_value(sampling, logit, position, row) : logit, row);
  }
  CADENZA_DEVICE void take_larger(Candidate other) {
    if (other.key > key || (other.key == key && other.complement > complement))
      *this = other;
  }
  /// The largest of the warp, in every lane.
  CADENZA_DEVICE void take_largest_of_warp() {
#pragma unroll
    for (int mask = 16; mask > 0; mask /= 2)
      take_larger({arch::shuffle_xor(key, mask), arch::shuffle_xor(complement, mask)});
  }
  /// Leaves the largest of the team in its thread 0 (and the rest of its warp). shared: [warps][2]; one barrier.
  template <class Team> CADENZA_DEVICE static void largest_of_team(Candidate &best, uint32_t *shared) {
    best.take_largest_of_warp();
    if (arch::lane() == 0) {
      shared[2 * Team::warp()] = best.key;
      shared[2 * Team::warp() + 1] = best.complement;
    }
    Team::barrier();
    if (Team::warp() == 0) {
      best = {0, 0};
      if (arch::lane() < Team::warps)
        best = {shared[2 * arch::lane()], shared[2 * arch::lane() + 1]};
      best.take_largest_of_warp();
    }
  }
};

} // namespace cadenza
