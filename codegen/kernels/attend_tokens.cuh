// Attention of a tile of tokens over the cache, which already holds the keys and values of those tokens:
// softmax(score(Q Kᵀ)) V, causal, with an online softmax. (Of one token: attend.cuh.)
//
// Token i of the tile is at position state->position + i; min(T, forced_tokens - position) tokens are live, and the
// others compute, read and write nothing. The rows of a KV head are tokens x query heads that share it, so that keys
// and values are read once for all of these. A block has some rows of one KV head, of which each warp has 16 or 32, and
// takes positions `keys` at a time, from multiples of that on, in ascending order: those that any of its rows sees.
// Blocks of positions that a row does not see change nothing of it. So a row's bits depend neither on T nor on its
// place in the tile.
//
// ## What is rounded
// Queries and weights are rounded to the cache's type, with a relative error of at most 2^-8 (bf16) or 2^-11 (f16);
// scores and sums are fp32, the scale is applied to scores. (attend.cuh rounds neither.) A query that is of the cache's
// type already is exact.
//
// ## Config
// As in attend_tokens_parts.cuh, and
//   tiles     a constexpr AttendTokenTiles (shared/token_tiles_attend.h)
// Grid: attend_token_launch(tiles, {T, ...}).blocks.
#pragma once

#include "attend_tokens_parts.cuh"

namespace cadenza {

/// Rows of a head's elements in shared memory, as 16-byte pieces, so that the same piece of 8 rows lies in different
/// banks: rows are an odd number of pieces apart, or the pieces of a row change places with its number.
template <int head_dim> struct HeadRows {
  static constexpr int pieces = attend_token_pieces(head_dim), row_bytes = attend_token_row_bytes(head_dim);
  static constexpr int live_pieces = head_dim / 8; // the one behind, if there is one, is zero
  template <int rows> static constexpr int bytes = rows * row_bytes;

  /// row_of_8: row % 8, which callers know without the row.
  CADENZA_DEVICE static int place(int row, int row_of_8, int piece) {
    return row * row_bytes + 16 * (pieces % 8 == 0 ? piece ^ row_of_8 : piece);
  }
};

template <class Config>
struct AttendTokens : AttendTokenParts<Config, Config::tiles.rows(), 16 * Config::tiles.row_blocks,
                                       Config::tiles.threads(), HeadRows<Config::head_dim>> {
  static constexpr AttendTokenTiles tiles = Config::tiles;
  static constexpr int rows = tiles.rows(), row_blocks = tiles.row_blocks, warp_rows = 16 * row_blocks;
  static constexpr int threads = tiles.threads(), stages = tiles.stages;
  using Rows = HeadRows<Config::head_dim>;
  using Parts = AttendTokenParts<Config, rows, warp_rows, threads, Rows>;
  using Args = typename Parts::Args;
  using Parts::keys, Parts::head_dim, Parts::kv_heads, Parts::group, Parts::steps_of_k;
  static_assert(row_blocks * head_dim <= 256, "a warp has registers for no more sums");
  static_assert(tiles.keys == keys && stages >= 2);

  // Shared memory: stages of keys and values | queries, unless they are in registers
  static constexpr bool keeps_queries = attend_token_keeps_queries(tiles, head_dim);
  static constexpr int tile_bytes = Rows::template bytes<keys>, queries_offset = 2 * stages * tile_bytes;
  static constexpr int shared_bytes =
      attend_token_launch(tiles, {16 * rows, Config::heads, kv_heads, head_dim}).shared_bytes;
  static_assert(shared_bytes == queries_offset + (keeps_queries ? 0 : rows * Rows::row_bytes));

  CADENZA_DEVICE static void run(const Args &args) {
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const Place place = Place::of(args);
    if (place.first_row >= place.live_rows)
      return; // the whole block
    const Warp warp = Warp::of(place);
    Queries queries;
    queries.load(args, place, warp);
    State state;
    attend(args, place, warp, queries, state);
#pragma unroll
    for (int block = 0; block < row_blocks; ++block)
      Parts::store(args, place, warp, block, state.softmax[block], state.o[block]);
  }

private:
  using Cache = typename Parts::Cache;
  using Query = typename Parts::Query;
  using Place = typename Parts::Place;
  using Warp = typename Parts::Warp;
  using Copies = typename Parts::Copies;
  using Softmax = typename Parts::Softmax;

  /// The first operand of scores: 16 rows x 16 elements at a time.
  struct Queries {
    uint32_t kept[keeps_queries ? row_blocks : 1][keeps_queries ? steps_of_k : 1][4];

    CADENZA_DEVICE void load(const Args &args, const Place &place, const Warp &warp) {
      if constexpr (keeps_queries) {
#pragma unroll
        for (int block = 0; block < row_blocks; ++block)
          Parts::load_queries(args, place, warp, block, kept[block]);
      } else {
        // A warp's own rows, which it reads behind the first barrier of `attend`.
        unsigned char *to = arch::shared_memory() + queries_offset;
        for (int i = warp.lane; i < warp_rows * Rows::pieces; i += 32) {
          const int of_warp = i / Rows::pieces, piece = i % Rows::pieces, row = warp.first_row + of_warp;
          Vec16 v{0, 0, 0, 0};
          if (row < place.live_rows && piece < Rows::live_pieces) {
            const Query *from = args.query + place.element(row, Parts::template edge_stride<Query>) + 8 * piece;
            v = {Parts::pair(from), Parts::pair(from + 2), Parts::pair(from + 4), Parts::pair(from + 6)};
          }
          arch::store16(to + Rows::place(row - place.first_row, of_warp % 8, piece), v);
        }
      }
    }
    CADENZA_DEVICE void get(uint32_t (&a)[4], const Place &place, const Warp &warp, int block, int step) const {
      if constexpr (keeps_queries) {
#pragma unroll
        for (int i = 0; i < 4; ++i)
          a[i] = kept[block][step][i];
      } else {
        const int row = warp.first_row - place.first_row + 16 * block + warp.lane % 16;
        arch::load_matrices(a, arch::shared_memory() + queries_offset +
                                   Rows::place(row, warp.lane % 8, 2 * step + warp.lane / 16));
      }
    }
  };

  /// A warp's. o: elements 8n + 2t and the next of rows g and g + 8 of a block of 16, as d of an mma.
  struct State {
    Softmax softmax[row_blocks];
    float o[row_blocks][head_dim / 2];

    CADENZA_DEVICE State() {
#pragma unroll
      for (int i = 0; i < row_blocks * head_dim / 2; ++i)
        o[i / (head_dim / 2)][i % (head_dim / 2)] = 0.0f;
    }
  };
  using Scores = float[row_blocks][keys / 2]; // as d of an mma of 8 positions at a time

  CADENZA_DEVICE static void attend(const Args &args, const Place &place, const Warp &warp, const Queries &queries,
                                    State &state) {
    const Copies copies = Copies::of(args, place);
    const auto start = [&](int stage, int first) {
      copies.start(arch::shared_memory() + 2 * tile_bytes * stage, first, static_cast<int>(arch::thread_index()));
    };
    int key = place.begin - place.begin % keys;
#pragma unroll
    for (int stage = 0; stage + 1 < stages; ++stage)
      start(stage, key + stage * keys);
    int stage = 0;
#pragma unroll 1
    for (; key < place.end; key += keys) {
      arch::copy_async_wait<stages - 2>();
      arch::block_barrier(); // this stage is there, and everyone is done with the one before, which is filled next
      start(stage == 0 ? stages - 1 : stage - 1, key + (stages - 1) * keys);
      if (warp.sees(place, key)) {
        const unsigned char *tile = arch::shared_memory() + 2 * tile_bytes * stage;
        Scores scores;
        multiply_keys(tile, place, warp, queries, scores);
#pragma unroll
        for (int block = 0; block < row_blocks; ++block) {
          Parts::mask(place, warp, block, key, scores[block]);
          weigh(scores[block], state.softmax[block], state.o[block]);
        }
        multiply_values(tile + tile_bytes, warp, scores, state);
      }
      stage = stage + 1 == stages ? 0 : stage + 1;
    }
#pragma unroll
    for (int block = 0; block < row_blocks; ++block)
      state.softmax[block].finish();
  }

  CADENZA_DEVICE static void multiply_keys(const unsigned char *tile, const Place &place, const Warp &warp,
                                           const Queries &queries, Scores &scores) {
#pragma unroll
    for (int block = 0; block < row_blocks; ++block)
#pragma unroll
      for (int i = 0; i < keys / 2; ++i)
        scores[block][i] = 0.0f;
#pragma unroll
    for (int step = 0; step < steps_of_k; ++step) {
      uint32_t a[row_blocks][4];
#pragma unroll
      for (int block = 0; block < row_blocks; ++block)
        queries.get(a[block], place, warp, block, step);
#pragma unroll
      for (int j = 0; j < keys / 16; ++j) {
        uint32_t b[4]; // positions 0 to 7 of the 16, pieces 2 * step and the next; positions 8 to 15
        arch::load_matrices(b, tile + Rows::place(16 * j + warp.lane / 16 * 8 + warp.lane % 8, warp.lane % 8,
                                                  2 * step + warp.lane / 8 % 2));
#pragma unroll
        for (int i = 0; i < 2 * row_blocks; ++i)
          multiply(scores[i / 2], 2 * j + i % 2, a[i / 2], {b[2 * (i % 2)], b[2 * (i % 2) + 1]});
      }
    }
  }

  /// Adds to elements 4n to 4n + 3 of d.
  template <int count>
  CADENZA_DEVICE static void multiply(float (&d)[count], int n, const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    float part[4] = {d[4 * n], d[4 * n + 1], d[4 * n + 2], d[4 * n + 3]};
    arch::mma_m16n8k16<Cache>(part, a, b);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      d[4 * n + i] = part[i];
  }

  /// Scores become weights, and the sums so far are in units of the new maximum.
  CADENZA_DEVICE static void weigh(float (&scores)[keys / 2], Softmax &softmax, float (&o)[head_dim / 2]) {
    float correction[2];
    if (!softmax.weigh(scores, correction))
      return;
#pragma unroll
    for (int i = 0; i < head_dim / 2; ++i)
      o[i] *= correction[i % 4 / 2];
  }

  CADENZA_DEVICE static void multiply_values(const unsigned char *tile, const Warp &warp, const Scores &weights,
                                             State &state) {
#pragma unroll
    for (int j = 0; j < keys / 16; ++j) {
      uint32_t a[row_blocks][4];
#pragma unroll
      for (int block = 0; block < row_blocks; ++block)
        Parts::pack(a[block], weights[block], j);
#pragma unroll
      for (int n = 0; n < Rows::pieces; n += 2) {
        uint32_t b[4]; // piece n of positions 0 to 7 of the 16, of 8 to 15; the next piece
        arch::load_matrices_transposed(b,
                                       tile + Rows::place(16 * j + warp.lane % 16, warp.lane % 8, n + warp.lane / 16));
#pragma unroll
        for (int i = 0; i < 2 * row_blocks; ++i)
          if (n + i % 2 < Rows::live_pieces)
            multiply(state.o[i / 2], n + i % 2, a[i / 2], {b[2 * (i % 2)], b[2 * (i % 2) + 1]});
      }
    }
  }
};

} // namespace cadenza
