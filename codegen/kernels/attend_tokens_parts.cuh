// What attention of a tile of tokens has, however its products are made (attend_tokens.cuh, attend_tokens_wgmma.cuh):
// arguments, the rows of a block and what they see, copies of keys and values, the online softmax of 16 rows.
//
// ## Config
//   query_type, output_type       float, bf16, f16
//   cache_type                    bf16 or f16
//   heads, kv_heads, head_dim     head_dim is a multiple of 8, at most 256
//   scale                         above 0
//   cap, windowed, ring_cache     as in attend.cuh, if it has them
// Arguments: [q, output, cache key, cache value, state, the cache's positions], if windowed [window] (positions; 0:
// all). q and output are edges of T tokens of heads * head_dim elements, each at a multiple of 256 bytes. A ring keeps
// window + T - 1 positions at least. Grid: as many blocks as the rows of all KV heads need, from which a kernel knows
// T.
#pragma once

#include "arch_mma.cuh"
#include "attend.cuh"
#include "shared/token_tiles_attend.h"

namespace cadenza {

/// rows: of a KV head that a block has. warp_rows: of those, a warp. copiers: threads that copy keys and values.
/// Layout: where 16-byte pieces of their rows lie in shared memory, and how many there are.
template <class Config, int rows, int warp_rows, int copiers, class Layout> struct AttendTokenParts {
  using Query = typename Config::query_type;
  using Output = typename Config::output_type;
  using Cache = typename Config::cache_type;
  static constexpr int kv_heads = Config::kv_heads, group = Config::heads / kv_heads, head_dim = Config::head_dim;
  static constexpr int keys = attend_token_keys(head_dim); // always: rows have the same bits in every division
  static constexpr bool windowed = IsWindowed<Config>::value;
  static_assert(Config::heads % kv_heads == 0 && head_dim % 8 == 0 && head_dim <= 256 && Config::scale > 0.0f);

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

  /// Neighbouring rows of the KV head, and what they see.
  struct Span {
    int first_row;
    int first, last; // positions of its first and last live row
    bool is_live;

    CADENZA_DEVICE static Span of(const Place &place, int first_row, int count) {
      return {first_row, place.position(first_row), place.position(smaller(first_row + count, place.live_rows) - 1),
              first_row < place.live_rows};
    }
    /// Whether any of its rows sees any of `keys` positions from `key` on.
    CADENZA_DEVICE bool sees(const Place &place, int key) const {
      return is_live && key <= last && (!windowed || place.window == 0 || key + keys > first + 1 - place.window);
    }
    /// Whether all of its live rows see all of them.
    CADENZA_DEVICE bool sees_all(const Place &place, int key) const {
      return key + keys <= first + 1 && (!windowed || place.window == 0 || key > last - place.window);
    }
  };

  /// What a warp computes.
  struct Warp : Span {
    int lane, g, t;

    CADENZA_DEVICE static Warp of(const Place &place) {
      const int warp = static_cast<int>(arch::warp()), lane = static_cast<int>(arch::lane());
      return {Span::of(place, place.first_row + warp * warp_rows, warp_rows), lane, lane / 4, lane % 4};
    }
    /// The row that element 2 * half of an mma's d is in.
    CADENZA_DEVICE int row(int block, int half) const { return this->first_row + 16 * block + 8 * half + g; }
  };

  static constexpr int steps_of_k = Layout::pieces / 2; // of the product of queries and keys
  /// The first operand of scores: 16 rows, of which `block` is the number in the warp, x 16 elements at a time.
  CADENZA_DEVICE static void load_queries(const Args &args, const Place &place, const Warp &warp, int block,
                                          uint32_t (&to)[steps_of_k][4]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp.row(block, half);
      const bool live = row < place.live_rows;
      const Query *from = args.query + place.element(live ? row : 0, edge_stride<Query>) + 2 * warp.t;
#pragma unroll
      for (int piece = 0; piece < Layout::pieces; ++piece)
        to[piece / 2][2 * (piece % 2) + half] = live && piece < Layout::live_pieces ? pair(from + 8 * piece) : 0u;
    }
  }
  /// Two elements of a query as an operand.
  CADENZA_DEVICE static uint32_t pair(const Query *from) {
    struct alignas(2 * sizeof(Query)) Two {
      Query x, y;
    };
    const Two two = *reinterpret_cast<const Two *>(from);
    return arch::pack2<Cache>(arch::to_float(two.x), arch::to_float(two.y));
  }

  /// Keys and values on their way to shared memory, by `copiers` threads.
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
    /// Positions from `first` on to `to`, keys, then values: a group of copies of this thread, which is copier number
    /// `copier`. The group is empty behind the last positions, so that what has been waited for is all that there is.
    CADENZA_DEVICE void start(unsigned char *to, int first, int copier) const {
      if (first < end) {
        if (first >= begin && first + keys <= end && is_straight(first))
          copy<true>(to, first, copier);
        else
          copy<false>(to, first, copier);
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
    template <bool whole> CADENZA_DEVICE void copy(unsigned char *to, int first, int copier) const {
      // Few threads have many copies, and no registers for addresses that are kept from step to step.
      const int thread = copiers < 128 ? arch::opaque(copier) : copier;
      constexpr bool same_piece = copiers % Layout::pieces == 0;
      const int row = thread / Layout::pieces, piece = thread % Layout::pieces;
      const int64_t first_element = whole ? int64_t{place(first)} * head_dim : 0;
#pragma unroll
      for (int i = 0; i < ceil_div(keys * Layout::pieces, copiers); ++i) {
        const int index = thread + i * copiers;
        if (keys * Layout::pieces % copiers != 0 && index >= keys * Layout::pieces)
          break;
        const int r = same_piece ? row + i * (copiers / Layout::pieces) : index / Layout::pieces;
        const int p = same_piece ? piece : index % Layout::pieces;
        int64_t from = first_element + r * head_dim + 8 * p;
        bool live = Layout::live_pieces == Layout::pieces || p < Layout::live_pieces;
        if constexpr (!whole) {
          live = live && first + r >= begin && first + r < end;
          from = live ? int64_t{place(first + r)} * head_dim + 8 * p : 0;
        } else if (!live) {
          from = 0;
        }
        unsigned char *target = to + Layout::place(r, r % 8, p);
        arch::copy_async16(target, key + from, live ? 16 : 0);
        arch::copy_async16(target + Layout::template bytes<keys>, value + from, live ? 16 : 0);
      }
    }
  };

  /// The online softmax of a warp's 16 rows. With g = lane / 4, t = lane % 4: of the rows g and g + 8, the maximum of
  /// the scores (before `factor`) and the sum of weights, of this lane's positions only until the end.
  struct Softmax {
    float m[2], l[2];

    CADENZA_DEVICE Softmax() : m{minus_infinity(), minus_infinity()}, l{0.0f, 0.0f} {}

    /// Scores become weights, in units of that of the maximum so far. Sums of weighted values so far are to be
    /// multiplied by `correction` if that is no 1 in some lane: the result. All lanes of the warp call.
    CADENZA_DEVICE bool weigh(float (&scores)[keys / 2], float (&correction)[2]) {
      constexpr float factor = Scale<Config>::factor;
      bool changes = false;
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float maximum = m[half];
#pragma unroll
        for (int i = 0; i < keys / 4; ++i)
          maximum = arch::max(maximum, scores[element_of(half, i)]);
        maximum = arch::max(maximum, arch::shuffle_xor(maximum, 1));
        maximum = arch::max(maximum, arch::shuffle_xor(maximum, 2));
        // Of a row that has seen nothing yet, all is 0.
        const float finite = maximum == minus_infinity() ? 0.0f : maximum;
        // 1 if the maximum is what it was, so that positions that a row does not see change nothing.
        correction[half] = arch::exp2_approximate(arch::multiply(m[half] - finite, factor));
        changes |= m[half] != maximum;
        m[half] = maximum;
        const float shift = arch::multiply(finite, factor);
        float sum = 0.0f;
#pragma unroll
        for (int i = 0; i < keys / 4; ++i) {
          float &score = scores[element_of(half, i)];
          score = arch::exp2_approximate(arch::fma(score, factor, -shift));
          sum += score;
        }
        l[half] = arch::fma(l[half], correction[half], sum);
      }
      return arch::ballot(changes) != 0;
    }
    /// What the sums of weighted values are divided by: of all positions.
    CADENZA_DEVICE void finish() {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        l[half] += arch::shuffle_xor(l[half], 1);
        l[half] += arch::shuffle_xor(l[half], 2);
      }
    }
  };

  /// Where an mma's d has the i-th of a lane's elements of row g + 8 * half.
  CADENZA_DEVICE static constexpr int element_of(int half, int i) { return i / 2 * 4 + 2 * half + i % 2; }

  CADENZA_DEVICE static float minus_infinity() { return arch::as_float(0xff800000u); }
  static constexpr float log2_e = 1.4426950408889634f;

  /// Scores in units of log2 are `factor` times what `raw` makes of a product.
  template <class Any> struct Scale {
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

  /// Products of 16 rows, of which `block` is the number in the warp, with the positions from `key` on become scores
  /// before the factor: -inf where a row does not see the position.
  CADENZA_DEVICE static void mask(const Place &place, const Warp &warp, int block, int key, float (&scores)[keys / 2]) {
    if constexpr (requires { Config::cap; }) {
#pragma unroll
      for (int i = 0; i < keys / 2; ++i)
        scores[i] = Scale<Config>::raw(scores[i]);
    }
    if (warp.sees_all(place, key))
      return;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int position = place.position(warp.row(block, half)) - key - 2 * warp.t;
      const int before = windowed && place.window > 0 ? position - place.window : -keys;
#pragma unroll
      for (int i = 0; i < keys / 4; ++i) {
        const int of_lane = i / 2 * 8 + i % 2;
        float &score = scores[element_of(half, i)];
        score = of_lane <= position && of_lane > before ? score : minus_infinity();
      }
    }
  }

  /// Weights of 16 positions as operand A.
  CADENZA_DEVICE static void pack(uint32_t (&a)[4], const float (&weights)[keys / 2], int positions_16) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float *pair = weights + 8 * positions_16 + 2 * i;
      a[i] = arch::pack2<Cache>(pair[0], pair[1]);
    }
  }

  /// The sums of 16 rows, of which `block` is the number in the warp, as outputs.
  template <int count>
  CADENZA_DEVICE static void store(const Args &args, const Place &place, const Warp &warp, int block,
                                   const Softmax &softmax, const float (&sums)[count]) {
    struct alignas(2 * sizeof(Output)) Two {
      Output x, y;
    };
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp.row(block, half);
      if (row >= place.live_rows)
        continue;
      Output *to = args.output + place.element(row, edge_stride<Output>) + 2 * warp.t;
      const float of_sum = 1.0f / softmax.l[half];
#pragma unroll
      for (int n = 0; n < head_dim / 8; ++n) {
        // Zeros that were added may have taken the sign of a -0, or not.
        const float x = arch::fma(sums[4 * n + 2 * half], of_sum, 0.0f);
        const float y = arch::fma(sums[4 * n + 2 * half + 1], of_sum, 0.0f);
        *reinterpret_cast<Two *>(to + 8 * n) = {arch::from_float<Output>(x), arch::from_float<Output>(y)};
      }
    }
  }
};

} // namespace cadenza
