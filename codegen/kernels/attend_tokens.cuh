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
//   query_type, output_type       float, bf16, f16
//   cache_type                    bf16 or f16
//   heads, kv_heads, head_dim     head_dim is a multiple of 8, at most 256
//   scale                         above 0
//   cap, windowed, ring_cache     as in attend.cuh, if it has them
//   tiles                         a constexpr AttendTokenTiles (shared/token_tiles_attend.h)
// Arguments: [q, output, cache key, cache value, state, the cache's positions], if windowed [window] (positions; 0:
// all). q and output are edges of T tokens of heads * head_dim elements, each at a multiple of 256 bytes. A ring keeps
// window + T - 1 positions at least. Grid: attend_token_launch(tiles, {T, ...}).blocks, from which the kernel knows T.
#pragma once

#include "arch_mma.cuh"
#include "attend.cuh"
#include "shared/token_tiles_attend.h"

namespace cadenza {

/// Rows of a head's elements in shared memory, as 16-byte pieces, so that the same piece of 8 rows lies in different
/// banks: rows are an odd number of pieces apart, or the pieces of a row change places with its number.
template <int head_dim> struct HeadRows {
  static constexpr int pieces = attend_token_pieces(head_dim), row_bytes = attend_token_row_bytes(head_dim);
  static constexpr int live_pieces = head_dim / 8; // the one behind, if there is one, is zero

  /// row_of_8: row % 8, which callers know without the row.
  CADENZA_DEVICE static int place(int row, int row_of_8, int piece) {
    return row * row_bytes + 16 * (pieces % 8 == 0 ? piece ^ row_of_8 : piece);
  }
};

template <class Config> struct AttendTokens {
  using Query = typename Config::query_type;
  using Output = typename Config::output_type;
  using Cache = typename Config::cache_type;
  static constexpr AttendTokenTiles tiles = Config::tiles;
  static constexpr int kv_heads = Config::kv_heads, group = Config::heads / kv_heads, head_dim = Config::head_dim;
  static constexpr int threads = tiles.threads(), rows = tiles.rows(), row_blocks = tiles.row_blocks;
  static constexpr int warp_rows = 16 * row_blocks, keys = tiles.keys, stages = tiles.stages;
  static constexpr bool windowed = IsWindowed<Config>::value;
  static_assert(Config::heads % kv_heads == 0 && head_dim % 8 == 0 && head_dim <= 256 && Config::scale > 0.0f);
  static_assert(row_blocks * head_dim <= 256, "a warp has registers for no more sums");
  static_assert(keys == attend_token_keys(head_dim) && stages >= 2, "rows have the same bits in every division");

  struct Operands {
    const Query *query; // [T][query_stride], of which [heads][head_dim] are used
    Output *output;     // [T][output_stride], likewise
    const Cache *key;   // [kv_heads][positions][head_dim]
    const Cache *value; // [kv_heads][positions][head_dim]
    const DecodeState *state;
    uint64_t positions; // that the cache has room for
  };
  template <bool has_window, class = void> struct WithWindow : Operands {
    uint64_t window;
  };
  template <class Any> struct WithWindow<false, Any> : Operands {};
  using Args = WithWindow<windowed>;
  static constexpr int words = 6 + windowed;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  template <class T>
  static constexpr int edge_stride =
      round_up(Config::heads * head_dim * static_cast<int>(sizeof(T)), 256) / static_cast<int>(sizeof(T));

  // Shared memory: stages of keys and values | queries, unless they are in registers
  using Rows = HeadRows<head_dim>;
  static constexpr int steps_of_k = Rows::pieces / 2; // of the product of queries and keys
  static constexpr bool keeps_queries = attend_token_keeps_queries(tiles, head_dim);
  static constexpr int tile_bytes = keys * Rows::row_bytes, queries_offset = 2 * stages * tile_bytes;
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
    store(args, place, warp, state);
  }

private:
  /// What a block computes. Rows are those of its KV head, positions are absolute.
  struct Place {
    int kv_head, first_row, live_rows;
    int base;       // the position of the tile's first token
    int begin, end; // positions that any of the block's rows sees
    int window;     // 0: all

    CADENZA_DEVICE static Place of(const Args &args) {
      const int index = static_cast<int>(arch::block_index());
      const int row_tiles = static_cast<int>(arch::block_count()) / kv_heads, tokens = row_tiles * rows / group;
      Place place;
      place.kv_head = index % kv_heads;
      place.first_row = (row_tiles - 1 - index / kv_heads) * rows; // those that see most first
      place.base = args.state->position;
      place.live_rows = smaller(tokens, args.state->forced_tokens - place.base) * group;
      if constexpr (windowed)
        place.window = static_cast<int>(args.window);
      else
        place.window = 0;
      place.end = place.position(smaller(place.first_row + rows, place.live_rows) - 1) + 1;
      place.begin = place.window > 0 ? larger(place.position(place.first_row) + 1 - place.window, 0) : 0;
      return place;
    }
    CADENZA_DEVICE int position(int row) const { return base + row / group; }
    /// The first element of a row in an edge whose tokens are so far apart.
    CADENZA_DEVICE int64_t element(int row, int stride) const {
      return int64_t{row / group} * stride + (kv_head * group + row % group) * head_dim;
    }
  };

  /// What a warp computes.
  struct Warp {
    int first_row;   // of the KV head
    int first, last; // positions of its first and last live row
    int lane, g, t;
    bool is_live;

    CADENZA_DEVICE static Warp of(const Place &place) {
      Warp warp;
      warp.first_row = place.first_row + static_cast<int>(arch::warp()) * warp_rows;
      warp.is_live = warp.first_row < place.live_rows;
      warp.first = place.position(warp.first_row);
      warp.last = place.position(smaller(warp.first_row + warp_rows, place.live_rows) - 1);
      warp.lane = static_cast<int>(arch::lane());
      warp.g = warp.lane / 4;
      warp.t = warp.lane % 4;
      return warp;
    }
    /// The row that element 2 * half of an mma's d is in.
    CADENZA_DEVICE int row(int block, int half) const { return first_row + 16 * block + 8 * half + g; }
    /// Whether any of its rows sees any of `keys` positions from `key` on.
    CADENZA_DEVICE bool sees(const Place &place, int key) const {
      return is_live && key <= last && (!windowed || place.window == 0 || key + keys > first + 1 - place.window);
    }
    /// Whether all of its live rows see all of them.
    CADENZA_DEVICE bool sees_all(const Place &place, int key) const {
      return key + keys <= first + 1 && (!windowed || place.window == 0 || key > last - place.window);
    }
  };

  /// The first operand of scores: 16 rows x 16 elements at a time.
  struct Queries {
    uint32_t kept[keeps_queries ? row_blocks : 1][keeps_queries ? steps_of_k : 1][4];

    CADENZA_DEVICE void load(const Args &args, const Place &place, const Warp &warp) {
      if constexpr (keeps_queries) {
#pragma unroll
        for (int block = 0; block < row_blocks; ++block)
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const int row = warp.row(block, half);
            const bool live = row < place.live_rows;
            const Query *from = args.query + place.element(live ? row : 0, edge_stride<Query>) + 2 * warp.t;
#pragma unroll
            for (int piece = 0; piece < Rows::pieces; ++piece)
              kept[block][piece / 2][2 * (piece % 2) + half] =
                  live && piece < Rows::live_pieces ? pair(from + 8 * piece) : 0u;
          }
      } else {
        // A warp's own rows, which it reads behind the first barrier of `attend`.
        unsigned char *to = arch::shared_memory() + queries_offset;
        for (int i = warp.lane; i < warp_rows * Rows::pieces; i += 32) {
          const int of_warp = i / Rows::pieces, piece = i % Rows::pieces, row = warp.first_row + of_warp;
          Vec16 v{0, 0, 0, 0};
          if (row < place.live_rows && piece < Rows::live_pieces) {
            const Query *from = args.query + place.element(row, edge_stride<Query>) + 8 * piece;
            v = {pair(from), pair(from + 2), pair(from + 4), pair(from + 6)};
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

  private:
    CADENZA_DEVICE static uint32_t pair(const Query *from) {
      struct alignas(2 * sizeof(Query)) Two {
        Query x, y;
      };
      const Two two = *reinterpret_cast<const Two *>(from);
      return arch::pack2<Cache>(arch::to_float(two.x), arch::to_float(two.y));
    }
  };

  /// Keys and values on their way to shared memory, all threads of the block.
  struct Copies {
    const Cache *key, *value; // of the KV head
    int begin, end;           // as in Place
    int lap, positions;       // of a ring: the first position of the turn in which `begin` lies, and its length

    CADENZA_DEVICE static Copies of(const Args &args, const Place &place) {
      const int positions = static_cast<int>(args.positions);
      const int64_t first = int64_t{place.kv_head} * positions * head_dim;
      const int lap = HasRingCache<Config>::value ? place.begin - place.begin % positions : 0;
      return {args.key + first, args.value + first, place.begin, place.end, lap, positions};
    }
    /// Positions from `first` on into a stage: a group of copies. It is empty behind the last positions, so that what
    /// has been waited for is all that there is.
    CADENZA_DEVICE void start(int stage, int first) const {
      if (first < end) {
        unsigned char *to = arch::shared_memory() + 2 * tile_bytes * stage;
        if (first >= begin && first + keys <= end && is_straight(first))
          copy<true>(to, first);
        else
          copy<false>(to, first);
      }
      arch::copy_async_commit();
    }

  private:
    /// No more positions are read than a ring has, so they wrap once at most.
    CADENZA_DEVICE int place(int position) const {
      if constexpr (HasRingCache<Config>::value)
        return position - lap < positions ? position - lap : position - lap - positions;
      return position;
    }
    CADENZA_DEVICE bool is_straight(int first) const {
      return !HasRingCache<Config>::value || place(first) + keys <= positions;
    }
    /// whole: all positions exist, one after the other. Else, those that no row sees become zeros: what lies there may
    /// be anything, and even of weight 0 it would count if it is not a number.
    template <bool whole> CADENZA_DEVICE void copy(unsigned char *to, int first) const {
      // Few threads have many copies, and no registers for addresses that are kept from step to step.
      const int index0 = static_cast<int>(arch::thread_index()), thread = threads < 128 ? arch::opaque(index0) : index0;
      constexpr bool same_piece = threads % Rows::pieces == 0;
      const int row = thread / Rows::pieces, piece = thread % Rows::pieces;
      const int64_t first_element = whole ? int64_t{place(first)} * head_dim : 0;
#pragma unroll
      for (int i = 0; i < ceil_div(keys * Rows::pieces, threads); ++i) {
        const int index = thread + i * threads;
        if (keys * Rows::pieces % threads != 0 && index >= keys * Rows::pieces)
          break;
        const int r = same_piece ? row + i * (threads / Rows::pieces) : index / Rows::pieces;
        const int p = same_piece ? piece : index % Rows::pieces;
        int64_t from = first_element + r * head_dim + 8 * p;
        bool live = Rows::live_pieces == Rows::pieces || p < Rows::live_pieces;
        if constexpr (!whole) {
          live = live && first + r >= begin && first + r < end;
          from = live ? int64_t{place(first + r)} * head_dim + 8 * p : 0;
        } else if (!live) {
          from = 0;
        }
        unsigned char *target = to + Rows::place(r, r % 8, p);
        arch::copy_async16(target, key + from, live ? 16 : 0);
        arch::copy_async16(target + tile_bytes, value + from, live ? 16 : 0);
      }
    }
  };

  /// A warp's online softmax. With g = lane / 4, t = lane % 4: of the rows g and g + 8 of each block, the maximum of
  /// the scores (before `factor`) and the sum of weights, of this lane's positions only until the end; o: elements 8n +
  /// 2t and the next, as d of an mma.
  struct State {
    float m[row_blocks][2], l[row_blocks][2];
    float o[row_blocks][Rows::live_pieces][4];

    CADENZA_DEVICE State() {
#pragma unroll
      for (int block = 0; block < row_blocks; ++block) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          m[block][half] = minus_infinity();
          l[block][half] = 0.0f;
        }
#pragma unroll
        for (int i = 0; i < 4 * Rows::live_pieces; ++i)
          o[block][i / 4][i % 4] = 0.0f;
      }
    }
  };
  using Scores = float[row_blocks][keys / 8][4]; // [8 positions][as d of an mma]

  CADENZA_DEVICE static float minus_infinity() { return arch::as_float(0xff800000u); }
  static constexpr float log2_e = 1.4426950408889634f;

  /// Scores in units of log2 are `factor` times what `raw` makes of a product.
  template <class Any, class = void> struct Scale {
    static constexpr float factor = Score<Any>::query_factor;
    CADENZA_DEVICE static float raw(float product) { return product; }
  };
  template <class Any>
    requires requires { Any::cap; }
  struct Scale<Any> {
    static constexpr float factor = Any::cap * log2_e;
    CADENZA_DEVICE static float raw(float product) {
      return arch::tanh(arch::multiply(product, Score<Any>::query_factor));
    }
  };

  CADENZA_DEVICE static void attend(const Args &args, const Place &place, const Warp &warp, const Queries &queries,
                                    State &state) {
    const Copies copies = Copies::of(args, place);
    int key = place.begin - place.begin % keys;
#pragma unroll
    for (int stage = 0; stage + 1 < stages; ++stage)
      copies.start(stage, key + stage * keys);
    int stage = 0;
#pragma unroll 1
    for (; key < place.end; key += keys) {
      arch::copy_async_wait<stages - 2>();
      arch::block_barrier(); // this stage is there, and everyone is done with the one before, which is filled next
      copies.start(stage == 0 ? stages - 1 : stage - 1, key + (stages - 1) * keys);
      if (warp.sees(place, key)) {
        const unsigned char *tile = arch::shared_memory() + 2 * tile_bytes * stage;
        Scores scores;
        multiply_keys(tile, place, warp, queries, scores);
        mask(place, warp, key, scores);
        weigh(scores, state);
        multiply_values(tile + tile_bytes, warp, scores, state);
      }
      stage = stage + 1 == stages ? 0 : stage + 1;
    }
#pragma unroll
    for (int block = 0; block < row_blocks; ++block)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float &l = state.l[block][half];
        l += arch::shuffle_xor(l, 1);
        l += arch::shuffle_xor(l, 2);
      }
  }

  CADENZA_DEVICE static void multiply_keys(const unsigned char *tile, const Place &place, const Warp &warp,
                                           const Queries &queries, Scores &scores) {
#pragma unroll
    for (int block = 0; block < row_blocks; ++block)
#pragma unroll
      for (int i = 0; i < keys / 2; ++i)
        scores[block][i / 4][i % 4] = 0.0f;
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
          arch::mma_m16n8k16<Cache>(scores[i / 2][2 * j + i % 2], a[i / 2], {b[2 * (i % 2)], b[2 * (i % 2) + 1]});
      }
    }
  }

  /// Products become scores before the factor: -inf where a row does not see the position.
  CADENZA_DEVICE static void mask(const Place &place, const Warp &warp, int key, Scores &scores) {
    if constexpr (requires { Config::cap; }) {
#pragma unroll
      for (int i = 0; i < row_blocks * keys / 2; ++i) {
        float &score = scores[i / (keys / 2)][i / 4 % (keys / 8)][i % 4];
        score = Scale<Config>::raw(score);
      }
    }
    if (warp.sees_all(place, key))
      return;
#pragma unroll
    for (int block = 0; block < row_blocks; ++block)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int position = place.position(warp.row(block, half)) - key - 2 * warp.t;
        const int before = windowed && place.window > 0 ? position - place.window : -keys;
#pragma unroll
        for (int i = 0; i < keys / 4; ++i) {
          const int of_lane = i / 2 * 8 + i % 2;
          float &score = scores[block][i / 2][2 * half + i % 2];
          score = of_lane <= position && of_lane > before ? score : minus_infinity();
        }
      }
  }

  /// Scores become weights, in units of that of the maximum so far.
  CADENZA_DEVICE static void weigh(Scores &scores, State &state) {
    constexpr float factor = Scale<Config>::factor;
    float correction[row_blocks][2];
    bool changes = false;
#pragma unroll
    for (int block = 0; block < row_blocks; ++block)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float &m = state.m[block][half], &l = state.l[block][half], maximum = m;
#pragma unroll
        for (int i = 0; i < keys / 4; ++i)
          maximum = arch::max(maximum, scores[block][i / 2][2 * half + i % 2]);
        maximum = arch::max(maximum, arch::shuffle_xor(maximum, 1));
        maximum = arch::max(maximum, arch::shuffle_xor(maximum, 2));
        // Of a row that has seen nothing yet, all is 0.
        const float finite = maximum == minus_infinity() ? 0.0f : maximum;
        // 1 if the maximum is what it was, so that positions that a row does not see change nothing.
        correction[block][half] = arch::exp2_approximate(arch::multiply(m - finite, factor));
        changes |= m != maximum;
        m = maximum;
        const float shift = arch::multiply(finite, factor);
        float sum = 0.0f;
#pragma unroll
        for (int i = 0; i < keys / 4; ++i) {
          float &score = scores[block][i / 2][2 * half + i % 2];
          score = arch::exp2_approximate(arch::fma(score, factor, -shift));
          sum += score;
        }
        l = arch::fma(l, correction[block][half], sum);
      }
    if (arch::ballot(changes) == 0)
      return;
#pragma unroll
    for (int block = 0; block < row_blocks; ++block)
#pragma unroll
      for (int i = 0; i < 4 * Rows::live_pieces; ++i)
        state.o[block][i / 4][i % 4] *= correction[block][i % 4 / 2];
  }

  CADENZA_DEVICE static void multiply_values(const unsigned char *tile, const Warp &warp, const Scores &weights,
                                             State &state) {
#pragma unroll
    for (int j = 0; j < keys / 16; ++j) {
      uint32_t a[row_blocks][4];
#pragma unroll
      for (int i = 0; i < 4 * row_blocks; ++i) {
        const float (&pairs)[4] = weights[i / 4][2 * j + i % 4 / 2];
        a[i / 4][i % 4] = arch::pack2<Cache>(pairs[2 * (i % 2)], pairs[2 * (i % 2) + 1]);
      }
#pragma unroll
      for (int n = 0; n < Rows::pieces; n += 2) {
        uint32_t b[4]; // piece n of positions 0 to 7 of the 16, of 8 to 15; the next piece
        arch::load_matrices_transposed(b,
                                       tile + Rows::place(16 * j + warp.lane % 16, warp.lane % 8, n + warp.lane / 16));
#pragma unroll
        for (int i = 0; i < 2 * row_blocks; ++i)
          if (n + i % 2 < Rows::live_pieces)
            arch::mma_m16n8k16<Cache>(state.o[i / 2][n + i % 2], a[i / 2], {b[2 * (i % 2)], b[2 * (i % 2) + 1]});
      }
    }
  }

  CADENZA_DEVICE static void store(const Args &args, const Place &place, const Warp &warp, const State &state) {
    struct alignas(2 * sizeof(Output)) Two {
      Output x, y;
    };
#pragma unroll
    for (int block = 0; block < row_blocks; ++block)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = warp.row(block, half);
        if (row >= place.live_rows)
          continue;
        Output *to = args.output + place.element(row, edge_stride<Output>) + 2 * warp.t;
        const float of_sum = 1.0f / state.l[block][half];
#pragma unroll
        for (int n = 0; n < Rows::live_pieces; ++n) {
          // Zeros that were added may have taken the sign of a -0, or not.
          const float x = arch::fma(state.o[block][n][2 * half], of_sum, 0.0f);
          const float y = arch::fma(state.o[block][n][2 * half + 1], of_sum, 0.0f);
          *reinterpret_cast<Two *>(to + 8 * n) = {arch::from_float<Output>(x), arch::from_float<Output>(y)};
        }
      }
  }
};

} // namespace cadenza
