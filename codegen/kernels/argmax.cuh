// Selection of the next token from a segment, over all blocks of the launch: the largest element, or one that is drawn
// (shared/sampling.h).
#pragma once

#include "arch_exchange.cuh"
#include "draw.cuh"
#include "shared/state.h"
#include "tile.cuh"

namespace cadenza {

/// Arguments: [state, tokens, logits, scratch]. logits: f32 [rows of the segment] or null. scratch: a counter in the
/// first 16 bytes, then a candidate (8 bytes) a block. Consumes the segment. See shared/state.h for what it writes.
/// Barriers: one before the scratch of the tile is written, three more. With filters the last block draws from the
/// logits of all.
template <class Config> struct Argmax {
  struct Args {
    SequenceState *state;
    int32_t *tokens;
    float *logits;
    uint32_t *scratch;
  };
  static constexpr int words = 4;
  template <class Tile> struct Loaded {
    bool samples, filters; // tokens are drawn, or logits adjusted; with filters
    float *logits;         // where they go, or null
  };
  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &, Loaded<Tile> &loaded) {
    const SequenceState &state = *args.state;
    loaded.samples = (state.sampling.draws | state.sampling.adjusts) != 0;
    loaded.filters = state.sampling.filters != 0;
    loaded.logits = loaded.samples ? state.draw.logits : args.logits;
  }

  template <class Tile> CADENZA_DEVICE static void apply(const Args &args, Loaded<Tile> &loaded, Tile &tile) {
    static_assert(Tile::holds_all, "every block contributes");
    const float *values = tile.segment(Config::segment);
    Candidate best{0, 0};
    tile.for_owned([&](int, int row) {
      const int index = tile.first_row + row;
      best.take_larger(Candidate::of(values[row], static_cast<uint32_t>(index)));
      if (loaded.logits)
        loaded.logits[index] = values[row];
    });
    if (loaded.samples && !loaded.filters)
      best = sampled<typename Tile::Team>(args.state, values, tile.first_row, tile.live_rows);
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
    if (loaded.filters) {
      const uint32_t token = filtered<typename Tile::Team>(args.state);
      if (arch::thread_index() == 0)
        select(*args.state, args.tokens, static_cast<int>(token));
      return;
    }
    best = {0, 0};
    for (uint32_t block = arch::thread_index(); block < blocks; block += Tile::threads)
      best.take_larger({arch::load_relaxed(candidates + 2 * block), arch::load_relaxed(candidates + 2 * block + 1)});
    Candidate::largest_of_team<typename Tile::Team>(
        best, shared); // the barriers of last_block_arrives came after the last use of shared
    if (arch::thread_index() == 0)
      select(*args.state, args.tokens, static_cast<int>(~best.complement));
  }

private:
  /// The candidate of a thread's rows.
  template <class Team>
  CADENZA_OUTLINE static Candidate sampled(const SequenceState *state, const float *values, int first_row,
                                           int live_rows) {
    const Sampling sampling = state->sampling;
    const auto position = static_cast<uint32_t>(state->decode.position + 1);
    Candidate best{0, 0};
    for (int row = Team::thread(); row < live_rows; row += Team::threads)
      best.take_larger(Candidate::drawn(sampling, position, static_cast<uint32_t>(first_row + row),
                                        adjusted(sampling, first_row + row, values[row])));
    return best;
  }
  /// The token, from the logits of all blocks.
  template <class Team> CADENZA_OUTLINE static uint32_t filtered(SequenceState *state) {
    const Sampling sampling = state->sampling;
    const DrawRows<Team, /*of_others=*/true> rows{sampling, state->draw.logits, 0,
                                                  static_cast<int>(state->draw.vocabulary)};
    DrawOfBlock<Team> exchange{*reinterpret_cast<DrawSpace *>(state->draw.space)};
    return draw(exchange, sampling, rows, static_cast<uint32_t>(state->draw.vocabulary),
                static_cast<uint32_t>(state->decode.position + 1), &state->sampling.slow_draws);
  }

  CADENZA_DEVICE static void select(SequenceState &all, int32_t *tokens, int token) {
    DecodeState &state = all.decode;
    const HostLink &host = all.host;
    const int next = state.position + 1;
    if (next >= state.forced_tokens && state.stopped == 0) { // no longer prompt, nor a step that repeats the last one
      if (all.sampling.adjusts != 0)
        all.sampling.rows[token].count_generated();
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
