// Greedy selection: the largest element of a segment, over all blocks of the launch, becomes the next token.
//
// Candidates are ordered by (value, then lower index); -0 equals +0, and NaN is below everything, so it is selected
// only if there is nothing else (then index 0). The order is total: how candidates are combined does not matter.
#pragma once

#include "arch_exchange.cuh"
#include "shared/state.h"
#include "tile.cuh"

namespace cadenza {

struct Candidate {
  uint32_t key;        // order of the value as an unsigned integer; 0: NaN, or nobody
  uint32_t complement; // ~index, so that the lower index is the larger candidate

  /// NaN: 0. -inf: 0x007fffff, 0: 0x80000000, +inf: 0xff800000.
  CADENZA_DEVICE static Candidate of(float value, uint32_t index) {
    const uint32_t bits = arch::as_bits(value + 0.0f); // -0 becomes +0
    const uint32_t key = value != value ? 0 : bits >> 31 ? ~bits : bits | 0x80000000u;
    return {key, ~index};
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

/// Arguments: [state, tokens, logits, scratch]. logits: f32 [rows of the segment] or null. scratch: a counter in the
/// first 16 bytes, then a candidate (8 bytes) a block. Consumes the segment. See shared/state.h for what it writes.
/// Barriers: one before the scratch of the tile is written, three more.
template <class Config> struct Argmax {
  struct Args {
    SequenceState *state;
    int32_t *tokens;
    float *logits;
    uint32_t *scratch;
  };
  static constexpr int words = 4;
  template <class Tile> struct Loaded {};
  template <class Tile> CADENZA_DEVICE static void load(const Args &, const Tile &, Loaded<Tile> &) {}

  template <class Tile> CADENZA_DEVICE static void apply(const Args &args, Loaded<Tile> &, Tile &tile) {
    static_assert(Tile::holds_all, "every block contributes");
    const float *values = tile.segment(Config::segment);
    Candidate best{0, 0};
    tile.for_owned([&](int, int row) {
      const int index = tile.first_row + row;
      best.take_larger(Candidate::of(values[row], static_cast<uint32_t>(index)));
      if (args.logits)
        args.logits[index] = values[row];
    });
    uint32_t *shared = reinterpret_cast<uint32_t *>(tile.scratch); // [warps][2], flag
    arch::block_barrier();
    Candidate::largest_of_team<typename Tile::Team>(best, shared);

    uint32_t *counter = args.scratch, *candidates = args.scratch + 4; // [blocks][2]
    const uint32_t blocks = arch::block_count();
    if (arch::thread_index() == 0) {
      arch::store_relaxed(candidates + 2 * arch::block_index(), best.key);
      arch::store_relaxed(candidates + 2 * arch::block_index() + 1, best.complement);
    }
    if (!arch::last_block_arrives(counter, blocks, shared + 2 * Tile::warps))
      return;
    best = {0, 0};
    for (uint32_t block = arch::thread_index(); block < blocks; block += Tile::threads)
      best.take_larger({arch::load_relaxed(candidates + 2 * block), arch::load_relaxed(candidates + 2 * block + 1)});
    Candidate::largest_of_team<typename Tile::Team>(
        best, shared); // the barriers of last_block_arrives came after the last use of shared
    if (arch::thread_index() == 0)
      select(*args.state, args.tokens, static_cast<int>(~best.complement));
  }

private:
  CADENZA_DEVICE static void select(SequenceState &all, int32_t *tokens, int token) {
    DecodeState &state = all.decode;
    const HostLink &host = all.host;
    const int next = state.position + 1;
    if (next >= state.forced_tokens) { // no longer prompt
      tokens[next] = token;
      host.tokens[next] = token;
      for (int i = 0; i < state.stop_token_count; ++i)
        if (token == state.stop_tokens[i])
          state.stopped = 1;
    }
    if (arch::load_relaxed(&host.stop_requested) != 0)
      state.stopped = 1;
    arch::store_release_system(host.published, static_cast<uint32_t>(next + 1));
  }
};

} // namespace cadenza
