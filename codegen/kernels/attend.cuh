// Attention of one query over the cache, grouped queries: out = softmax(scale · q Kᵀ) V.
//
// Grid: query groups x splits. A query group is query heads that share a KV head: all of them, or one of the
// `subgroups` into which they are divided. A block takes a query group and one split of the positions; keys and values
// are read once by each subgroup. Split borders depend on the position alone: a split is ceil((position + 1) / splits)
// positions rounded up to split_multiple; splits beyond the position do nothing. A window w > 0 leaves the last w
// positions, which are what is split then.
//
// In a block, a warp works on 16 positions (a chunk) at a time, for a set of at most 4 query heads, by tensor cores;
// the warps of a set take chunks in turn. Each warp keeps an online softmax (maximum m, sum l, weighted values o, in
// units of log2); these are merged in a fixed order: warps, splits. If a head has more than 128 elements, a chunk is
// the work of two warps, each of which has a slice of the elements: they add up their parts of the scores, through
// shared memory.
//
// ## The two products of a chunk
// Both take keys and values as they lie, 16 bytes a lane, and leave it to the other operand to fit: which element of a
// row an index of the mma stands for may be chosen, as long as both operands agree. Queries and weights are not
// rounded to the cache's type: each is the sum of two such numbers (high, low), for which an mma has rows and columns
// to spare. With g = lane / 4, t = lane % 4:
//   scores  A = queries: rows g the high, rows g + 8 the low parts of head g / 2; B = keys: column g is a position. So
//           the sum of D[g] and D[g + 8], in one lane, is the score of head g / 2 at the positions 2t, 2t + 1: as B of
//           the next product wants it.
//   values  A = values: a row is an element, a column a position (pairs of 16-bit halves change places for that);
//           B = weights: columns 2h the high, 2h + 1 the low parts of head h. So D[..][2t] + D[..][2t + 1] is o of
//           head t.
#pragma once

#include "cache.cuh"
#include "shared/shares.h"
#include "shared/state.h"
#include "tile.cuh"

namespace cadenza {

/// Whether a phase has a window: `windowed`, if its configuration says so.
CADENZA_OPTIONAL(IsWindowed, windowed, false);

/// A score in units of log2, so that exp2 serves: query_factor is what queries are multiplied by, of() what a product
/// of them with a key becomes. A cap makes it cap * tanh(scale * product / cap); without one nothing is left to do. (A
/// product that became one operation with a subtraction after it in one schedule would have other bits in another.)
template <class Config> struct Score {
  static constexpr float query_factor = Config::scale * 1.4426950408889634f;
  CADENZA_DEVICE static float of(float product) { return product; }
};
template <class Config>
  requires requires { Config::cap; }
struct Score<Config> {
  static constexpr float query_factor = Config::scale / Config::cap;
  CADENZA_DEVICE static float of(float product) {
    return arch::multiply(Config::cap * 1.4426950408889634f, arch::tanh(product));
  }
};

/// The subgroups of a KV head's query heads: `subgroups`, if the configuration names them.
CADENZA_OPTIONAL(SubgroupsOf, subgroups, 1);

/// Config: query_type, output_type, cache_type, heads, kv_heads, head_dim (a multiple of 8, at most 256), scale,
/// splits, split_multiple, threads, if it has a cap of scores, cap, if it has a window, windowed, if some of its caches
/// are rings (cache.cuh), ring_cache, and subgroups, if they are several. Arguments: [q, output, cache key, cache
/// value, state, the cache's positions], if windowed [window] (positions; 0: all) and, if splits > 1, [scratch]: a
/// counter a query group, padded to 16 bytes, then f32 [query_groups][splits][group][head_dim + 2]: o, m, l.
template <class Config> struct Attend {
  using Query = typename Config::query_type;
  using Output = typename Config::output_type;
  using Cache = typename Config::cache_type;
  static constexpr int kv_heads = Config::kv_heads, subgroups = SubgroupsOf<Config>::value;
  static constexpr int query_groups = kv_heads * subgroups, group = Config::heads / query_groups;
  static constexpr int head_dim = Config::head_dim;
  static constexpr int splits = Config::splits, threads = Config::threads, warps = threads / 32;
  static constexpr int blocks = query_groups * splits;
  static_assert(Config::heads % query_groups == 0 && head_dim % 8 == 0 && head_dim <= 256);

  static constexpr int chunk = attend_positions;          // of a warp, or the warps of its slices, at once
  static constexpr int sets = attend_sets(group);         // of query heads
  static constexpr int set_heads = ceil_div(group, sets); // of a warp
  static constexpr int slices = attend_slices(head_dim);  // of a head's elements
  static constexpr int set_warps = warps / sets / slices; // chunks of a set at once
  static constexpr int slice_dim = round_up(ceil_div(head_dim, slices), 8); // the last slice may be shorter
  static constexpr int key_blocks = ceil_div(slice_dim, 32), value_blocks = ceil_div(slice_dim, 64);
  static_assert(warps % (sets * slices) == 0 && set_warps > 0, "every set of query heads has as many warps");
  // Named barriers of the warps of a chunk: behind those of teams (team.cuh).
  static constexpr int first_barrier = 8;
  static_assert(slices == 1 || sets * set_warps <= 8, "a block has sixteen named barriers");

  struct Operands {
    const Query *query; // [heads][head_dim]
    Output *output;     // [heads][head_dim]
    const Cache *key;   // [kv_heads][positions][head_dim]
    const Cache *value; // [kv_heads][positions][head_dim]
    const DecodeState *state;
    uint64_t positions; // that the cache has room for
  };
  static constexpr bool windowed = IsWindowed<Config>::value;
  template <bool has_window, class = void> struct WithWindow : Operands {
    uint64_t window;
  };
  template <class Any> struct WithWindow<false, Any> : Operands {};
  template <bool split, class = void> struct WithScratch : WithWindow<windowed> {
    unsigned char *scratch;
  };
  template <class Any> struct WithScratch<false, Any> : WithWindow<windowed> {};
  using Args = WithScratch<(splits > 1)>;
  static constexpr int words = 6 + windowed + (splits > 1);
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  // A partial result is head_dim + 2 floats: o, m, l. Shared memory: partials [set_warps][group] | exchanges of slices
  // (later the m and l of all splits, [splits][group][2]) | flag
  static constexpr int partial_floats = head_dim + 2;
  static constexpr int exchange_floats = attend_exchange_floats(head_dim); // of a chunk
  static constexpr int warps_floats = attend_floats(set_warps, group, head_dim);
  static constexpr int exchanges_offset = warps_floats - sets * set_warps * exchange_floats;
  static constexpr int partials_floats = larger(warps_floats, splits * group * 2);
  static constexpr int shared_bytes = 4 * partials_floats + 16;
  static constexpr int counter_bytes = round_up(4 * query_groups, 16);
  static constexpr uint64_t scratch_bytes =
      splits > 1 ? counter_bytes + uint64_t{4} * query_groups * splits * group *partial_floats : 0;

  CADENZA_DEVICE static void run(const Args &args) {
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const int query_group = static_cast<int>(arch::block_index()) / splits;
    const int split = static_cast<int>(arch::block_index()) % splits;
    const int position = args.state->position;
    const Split part = split_of(position, split, first_position(args, position));
    const int used_splits = part.used;
    if (split >= used_splits)
      return; // the whole block
    float *partials = reinterpret_cast<float *>(arch::shared_memory());
    const uint64_t first = static_cast<uint64_t>(query_group / subgroups) * args.positions * head_dim;
    const QueryRows queries{args.query + query_group * group * head_dim};
    if constexpr (HasRingCache<Config>::value) {
      const int positions = static_cast<int>(args.positions);
      RingRows rows{{args.key + first, args.value + first}, part.begin - part.begin % positions, positions};
      attend(queries, rows, part.begin, part.end, partials);
    } else {
      CacheRows rows{args.key + first, args.value + first};
      attend(queries, rows, part.begin, part.end, partials);
    }
    arch::block_barrier(); // the warps' partials are complete
    Output *output = args.output + query_group * group * head_dim;
    if constexpr (splits > 1) {
      if (used_splits > 1)
        return combine_splits(args, query_group, split, part, partials, output);
    }
    for_each_pair([&](int head, int element, bool live) {
      const Merged merged = merge_warps(partials, used_warps(part), head, element);
#pragma unroll
      for (int i = 0; i < 2; ++i)
        if (live)
          output[head * head_dim + element + i] = arch::from_float<Output>(merged.o[i] / merged.l);
    });
  }

  /// A split's positions at a step, [begin, end), and how many splits have any.
  struct Split {
    int begin, end, used;
  };
  CADENZA_DEVICE static Split split_of(int position, int split, int first = 0) {
    const int positions = position + 1 - first;
    const int each = round_up(ceil_div(positions, splits), Config::split_multiple);
    const int begin = smaller(split * each, positions);
    return {first + begin, first + smaller(begin + each, positions), ceil_div(positions, each)};
  }

  /// The first position that counts.
  template <class AnyArgs> CADENZA_DEVICE static int first_position(const AnyArgs &args, int position) {
    if constexpr (windowed) {
      const int window = static_cast<int>(args.window);
      return window > 0 && window <= position ? position + 1 - window : 0;
    }
    return 0;
  }

  /// Of a set, those that have any positions of a split.
  CADENZA_DEVICE static int used_warps(Split part) {
    return smaller(set_warps, ceil_div(part.end - part.begin, chunk));
  }

  static constexpr float lowest = -3.402823466e+38f; // the maximum of nothing; finite, so that differences are numbers

  /// Keys and values where they lie: what `attend` reads by default. All lanes of a warp call `start` before the loads
  /// of a chunk, whose first position is `base`, `finish` after them, with the next one of this warp, and `complete` at
  /// the end.
  struct CacheRows {
    const Cache *keys, *values; // of the KV head, [positions][head_dim]

    CADENZA_DEVICE void start(int) {}
    CADENZA_DEVICE const Cache *key(int position) const { return keys + static_cast<uint64_t>(position) * head_dim; }
    CADENZA_DEVICE const Cache *value(int position) const {
      return values + static_cast<uint64_t>(position) * head_dim;
    }
    CADENZA_DEVICE void finish(int) {}
    CADENZA_DEVICE void complete() {}
  };

  /// Keys and values in a ring of `positions`. No more positions than that are read, so they wrap once at most. lap:
  /// the first position of the turn of the ring in which the first of them lies.
  struct RingRows : CacheRows {
    int lap, positions;

    CADENZA_DEVICE int place(int position) const {
      const int place = position - lap;
      return place < positions ? place : place - positions;
    }
    CADENZA_DEVICE const Cache *key(int position) const { return CacheRows::key(place(position)); }
    CADENZA_DEVICE const Cache *value(int position) const { return CacheRows::value(place(position)); }
  };

  /// body(head, element, live) for each two neighbouring elements, of which `element` is the first. Whole warps call,
  /// so that lanes may exchange values: those that are not `live` repeat the last pair.
  template <class Body> CADENZA_DEVICE static void for_each_pair(Body body) {
    constexpr int of_head = head_dim / 2, pairs = group * of_head;
    for (int i = static_cast<int>(arch::thread_index()); i < round_up(pairs, 32); i += threads) {
      const bool live = pairs % 32 == 0 || i < pairs;
      const int pair = live ? i : pairs - 1;
      body(pair / of_head, pair % of_head * 2, live);
    }
  }

  /// An element of a query, times the factor of scores, as two numbers of the cache's type.
  struct Halves {
    Cache high, low;
    CADENZA_DEVICE static Halves of(float x) {
      x *= Score<Config>::query_factor;
      const Cache high = arch::from_float<Cache>(x);
      return {high, arch::from_float<Cache>(x - arch::to_float(high))};
    }
  };
  /// Queries where they lie: what `attend` reads by default. `load` gives eight elements.
  struct QueryRows {
    const Query *query; // [group][head_dim]

    CADENZA_DEVICE void load(int head, int element, Vec16 &high, Vec16 &low) const {
      const Query *from = query + head * head_dim + element;
      uint32_t words[2][4];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float x[4];
        load4(from + 4 * i, x);
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          const Halves a = Halves::of(x[2 * j]), b = Halves::of(x[2 * j + 1]);
          words[0][2 * i + j] = pair(a.high, b.high);
          words[1][2 * i + j] = pair(a.low, b.low);
        }
      }
      high = {words[0][0], words[0][1], words[0][2], words[0][3]};
      low = {words[1][0], words[1][1], words[1][2], words[1][3]};
    }
  };

  /// This warp's heads over its positions of [begin, end), into its partials, if it has any.
  template <class Queries, class Rows>
  CADENZA_DEVICE static void attend(const Queries &queries, Rows &rows, int begin, int end, float *partials) {
    const int warp = static_cast<int>(arch::warp()), lane = static_cast<int>(arch::lane());
    const int set = warp % sets, slice = warp / sets % slices, set_warp = warp / (sets * slices);
    const int g = lane / 4, t = lane % 4;
    const int first = begin + set_warp * chunk;
    const int element0 = slice * slice_dim;     // of this warp's
    const int of_chunk = set + sets * set_warp; // the warps of the same chunk and set
    Exchange exchange(partials + exchanges_offset + of_chunk * exchange_floats, slice, first_barrier + of_chunk);
    if (first < end) {
      Vec16 query[2][key_blocks]; // high, low parts; of a head that does not exist, some other's
#pragma unroll
      for (int i = 0; i < key_blocks; ++i)
        if (const int element = element0 + 32 * i + 8 * t; exists(32 * i + 8 * t, element))
          queries.load(smaller(set * set_heads + g / 2, group - 1), element, query[0][i], query[1][i]);
        else
          query[0][i] = query[1][i] = {0, 0, 0, 0};
      float o[value_blocks][4][4] = {}; // of head t
      float m = lowest, l = 0.0f;       // of head g / 2, l of this lane's positions only
#pragma unroll 1
      for (int base = first; base < end; base += set_warps * chunk) {
        rows.start(base);
        // Positions that do not exist have weight 0; their keys and values are some that do.
        Vec16 k[2][key_blocks], v[4][value_blocks];
#pragma unroll
        for (int i = 0; i < 2; ++i)
          load_row(k[i], rows.key(smaller(base + 8 * i + g, end - 1)), element0, 8 * t, 32, g % 2);
        float weight[4];
        scores(query, k, weight);
#pragma unroll
        for (int i = 0; i < 4; ++i)
          load_row(v[i], rows.value(smaller(base + position_of(i), end - 1)), element0, 8 * value_blocks * g, 8, t % 2);
        rows.finish(base + set_warps * chunk);
        exchange.add(weight);

        float maximum = m;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          weight[i] = base + position_of(i) < end ? Score<Config>::of(weight[i]) : lowest;
          maximum = arch::max(maximum, weight[i]);
        }
        maximum = arch::max(maximum, arch::shuffle_xor(maximum, 1));
        maximum = arch::max(maximum, arch::shuffle_xor(maximum, 2));
        if (arch::ballot(maximum != m) != 0) {
          const float correction = arch::exp2(m - maximum), of_head = arch::shuffle(correction, 8 * t);
          m = maximum;
          l *= correction;
#pragma unroll
          for (int i = 0; i < 16 * value_blocks; ++i)
            o[i / 16][i / 4 % 4][i % 4] *= of_head;
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          weight[i] = arch::exp2(weight[i] - maximum);
          l += weight[i];
        }
        add_values(o, v, {part_of(weight[0], weight[1], g % 2), part_of(weight[2], weight[3], g % 2)});
      }
      l += arch::shuffle_xor(l, 1);
      l += arch::shuffle_xor(l, 2);
      store(partials + (set_warp * group + set * set_heads) * partial_floats, set, element0, o, arch::shuffle(m, 8 * t),
            arch::shuffle(l, 8 * t));
    }
    rows.complete();
  }

  struct alignas(8) Pair {
    float x, y;
  };
  /// What some positions give of two elements: they and the maximum and sum of their head, which lie behind the head.
  struct Merged {
    float o[2], m, l;

    CADENZA_DEVICE static Merged load(const float *partial, int element) {
      const Pair o = *reinterpret_cast<const Pair *>(partial + element);
      const Pair ml = *reinterpret_cast<const Pair *>(partial + head_dim);
      return {{o.x, o.y}, ml.x, ml.y};
    }
  };
  /// Two elements over the warps of their set that have positions, in order.
  CADENZA_DEVICE static Merged merge_warps(const float *partials, int used, int head, int element) {
    const float *partial = partials + head * partial_floats;
    constexpr int stride = group * partial_floats;
    Merged merged{{0.0f, 0.0f}, lowest, 0.0f};
#pragma unroll 2
    for (int warp = 0; warp < used; ++warp)
      merged.m = arch::max(merged.m, partial[warp * stride + head_dim]);
#pragma unroll 2
    for (int warp = 0; warp < used; ++warp) {
      const Merged of_warp = Merged::load(partial + warp * stride, element);
      const float weight = arch::exp2(of_warp.m - merged.m);
      merged.o[0] = arch::fma(weight, of_warp.o[0], merged.o[0]);
      merged.o[1] = arch::fma(weight, of_warp.o[1], merged.o[1]);
      merged.l = arch::fma(weight, of_warp.l, merged.l);
    }
    return merged;
  }

  /// The values of two elements over splits, of which there are `most` at most; part(s) is their Merged in split s,
  /// maximum(s) the m of that.
  template <int most, class Maximum, class Part>
  CADENZA_DEVICE static Pair merge_splits(int used_splits, Maximum maximum, Part part) {
    float m = lowest, l = 0.0f, o[2] = {0.0f, 0.0f};
#pragma unroll 8
    for (int s = 0; s < most; ++s)
      if (s < used_splits)
        m = arch::max(m, maximum(s));
#pragma unroll 8
    for (int s = 0; s < most; ++s) {
      if (s >= used_splits)
        break;
      const Merged split = part(s);
      const float weight = arch::exp2(split.m - m);
      o[0] = arch::fma(weight, split.o[0], o[0]);
      o[1] = arch::fma(weight, split.o[1], o[1]);
      l = arch::fma(weight, split.l, l);
    }
    return {o[0] / l, o[1] / l};
  }

  CADENZA_DEVICE static uint32_t pair(Cache a, Cache b) { return a.bits | static_cast<uint32_t>(b.bits) << 16; }
  /// Of two weights the high parts, or the low ones.
  CADENZA_DEVICE static uint32_t part_of(float a, float b, bool low) {
    const uint32_t high = arch::pack2<Cache>(a, b);
    return low ? arch::pack2<Cache>(a - arch::low_float<Cache>(high), b - arch::high_float<Cache>(high)) : high;
  }

  /// Of a chunk, the i-th position of which this lane has weights and values.
  CADENZA_DEVICE static int position_of(int i) { return 2 * static_cast<int>(arch::lane() % 4) + i % 2 + i / 2 * 8; }

  /// Whether a slice has the element that is `of_slice` in it and `element` in the head.
  CADENZA_DEVICE static bool exists(int of_slice, int element) {
    return of_slice < slice_dim && (slices * slice_dim == head_dim || element < head_dim);
  }
  /// Several times eight elements of a slice of a row, which begins at `first`: from `offset` on, `stride` apart; zeros
  /// beyond its end. Rows begin at the same bank of shared memory. So some lanes (`swapped`) load each two in the other
  /// order, from other banks than the others do.
  template <int count>
  CADENZA_DEVICE static void load_row(Vec16 (&to)[count], const Cache *row, int first, int offset, int stride,
                                      int swapped) {
    const auto load = [&](int i) -> Vec16 {
      const int of_slice = i * stride + offset;
      constexpr bool all = slice_dim % 64 == 0 && slices * slice_dim == head_dim;
      return all || exists(of_slice, first + of_slice) ? arch::load16(row + first + of_slice) : Vec16{0, 0, 0, 0};
    };
    const auto select = [](bool which, const Vec16 &a, const Vec16 &b) -> Vec16 {
      return {which ? a.x : b.x, which ? a.y : b.y, which ? a.z : b.z, which ? a.w : b.w};
    };
#pragma unroll
    for (int i = 0; i + 1 < count; i += 2) {
      const Vec16 one = load(i + swapped), other = load(i + 1 - swapped);
      to[i] = select(swapped, other, one);
      to[i + 1] = select(swapped, one, other);
    }
    if constexpr (count % 2 != 0)
      to[count - 1] = load(count - 1);
  }

  /// query, k: elements of each block of 32, of one head and of the keys at the positions g and 8 + g. out: scores of
  /// this lane's head at its four positions.
  CADENZA_DEVICE static void scores(const Vec16 (&query)[2][key_blocks], const Vec16 (&k)[2][key_blocks],
                                    float (&out)[4]) {
#pragma unroll
    for (int i = 0; i < 2; ++i)
      half_scores(query, k[i], out + 2 * i);
  }
  /// The same of eight positions of a chunk: at two of them.
  CADENZA_DEVICE static void half_scores(const Vec16 (&query)[2][key_blocks], const Vec16 (&k)[key_blocks],
                                         float *out) {
    float sums[2][4] = {}; // in two chains
#pragma unroll
    for (int block = 0; block < key_blocks; ++block) {
      const Vec16 &high = query[0][block], &low = query[1][block];
      arch::mma_m16n8k16<Cache>(sums[0], {high.x, low.x, high.y, low.y}, {k[block].x, k[block].y});
      arch::mma_m16n8k16<Cache>(sums[1], {high.z, low.z, high.w, low.w}, {k[block].z, k[block].w});
    }
#pragma unroll
    for (int j = 0; j < 2; ++j)
      out[j] = (sums[0][j] + sums[0][j + 2]) + (sums[1][j] + sums[1][j + 2]);
  }

  /// The same of two elements, a word for each of this lane's positions.
  CADENZA_DEVICE static void add_words(float (&o)[4], const uint32_t (&words)[4], const uint32_t (&weights)[2]) {
    // Two words hold two elements of two positions each; an operand wants two positions of an element.
    const auto lower = [](uint32_t a, uint32_t b) { return (a & 0xffffu) | b << 16; };
    const auto upper = [](uint32_t a, uint32_t b) { return a >> 16 | (b & 0xffff0000u); };
    arch::mma_m16n8k16<Cache>(
        o, {lower(words[0], words[1]), upper(words[0], words[1]), lower(words[2], words[3]), upper(words[2], words[3])},
        weights);
  }

private:
  /// The sum of what the slices of a head have of the scores of a chunk, in the same order in all of them. Chunks take
  /// two places in turn: whoever writes into one again has met the others since they read it.
  struct Exchange {
    static constexpr int slice_scores = 4 * chunk;
    float *places; // [2][slices][heads of a set][chunk]
    int slice, barrier, turn = 0;

    CADENZA_DEVICE Exchange(float *places, int slice, int barrier) : places(places), slice(slice), barrier(barrier) {}
    /// scores: as of `scores`; lanes of a head that are 4 apart have the same ones.
    CADENZA_DEVICE void add(float (&scores)[4]) {
      if constexpr (slices > 1) {
        const int lane = static_cast<int>(arch::lane()), place = lane / 8 * chunk + lane % 4 * 4;
        float *of_chunk = places + turn * (exchange_floats / 2);
        if (lane / 4 % 2 == 0)
          arch::store16(of_chunk + slice * slice_scores + place,
                        Vec16{arch::as_bits(scores[0]), arch::as_bits(scores[1]), arch::as_bits(scores[2]),
                              arch::as_bits(scores[3])});
        arch::named_barrier(static_cast<uint32_t>(barrier), 32 * slices);
#pragma unroll
        for (int s = 0; s < slices; ++s) {
          const Vec16 of_slice = arch::load16(of_chunk + s * slice_scores + place);
          const float part[4] = {arch::as_float(of_slice.x), arch::as_float(of_slice.y), arch::as_float(of_slice.z),
                                 arch::as_float(of_slice.w)};
#pragma unroll
          for (int i = 0; i < 4; ++i)
            scores[i] = s == 0 ? part[i] : scores[i] + part[i];
        }
        turn ^= 1;
      }
    }
  };

  /// v: values of this lane's positions; weights: of those of one head, high or low parts.
  CADENZA_DEVICE static void add_values(float (&o)[value_blocks][4][4], const Vec16 (&v)[4][value_blocks],
                                        const uint32_t (&weights)[2]) {
#pragma unroll
    for (int block = 0; block < value_blocks; ++block) {
      uint32_t words[4][4]; // [position][pair of elements]
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const Vec16 &x = v[i][block];
        words[i][0] = x.x, words[i][1] = x.y, words[i][2] = x.z, words[i][3] = x.w;
      }
#pragma unroll
      for (int pair = 0; pair < 4; ++pair)
        add_words(o[block][pair], {words[0][pair], words[1][pair], words[2][pair], words[3][pair]}, weights);
    }
  }

  /// This lane's elements of its head, t, to `partials`, those of the set's first head.
  CADENZA_DEVICE static void store(float *partials, int set, int first, const float (&o)[value_blocks][4][4], float m,
                                   float l) {
    const int g = static_cast<int>(arch::lane() / 4), t = static_cast<int>(arch::lane() % 4);
    if (t >= set_heads || set * set_heads + t >= group)
      return;
    float *partial = partials + t * partial_floats;
#pragma unroll
    for (int block = 0; block < value_blocks; ++block) {
      const int of_slice = 8 * (value_blocks * g + block), element = first + of_slice;
      if (!exists(of_slice, element))
        continue;
#pragma unroll
      for (int pair = 0; pair < 4; ++pair) {
        const float (&d)[4] = o[block][pair];
        partial[element + 2 * pair] = d[0] + d[1];
        partial[element + 2 * pair + 1] = d[2] + d[3];
      }
    }
    if (g == 0 && first == 0) {
      partial[head_dim] = m;
      partial[head_dim + 1] = l;
    }
  }

  /// Publishes this split; the last block of a query group to arrive merges all splits in order and writes the output.
  CADENZA_DEVICE static void combine_splits(const Args &args, int query_group, int split, Split part, float *partials,
                                            Output *output) {
    const int used_splits = part.used;
    uint32_t *counter = reinterpret_cast<uint32_t *>(args.scratch) + query_group;
    float *published = reinterpret_cast<float *>(args.scratch + counter_bytes) +
                       static_cast<uint64_t>(query_group) * splits * group * partial_floats; // [splits][group][..]
    for_each_pair([&](int head, int element, bool live) {
      const Merged merged = merge_warps(partials, used_warps(part), head, element);
      float *partial = published + (split * group + head) * partial_floats;
      if (!live)
        return;
      arch::store_relaxed(partial + element, merged.o[0]);
      arch::store_relaxed(partial + element + 1, merged.o[1]);
      if (element == 0) {
        arch::store_relaxed(partial + head_dim, merged.m);
        arch::store_relaxed(partial + head_dim + 1, merged.l);
      }
    });
    uint32_t *flag = reinterpret_cast<uint32_t *>(partials + partials_floats);
    if (!arch::last_block_arrives(counter, static_cast<uint32_t>(used_splits), flag))
      return;
    float *ml = partials; // [used_splits][group][2]; the barriers above came after the last use of the partials
    for (int i = static_cast<int>(arch::thread_index()); i < used_splits * group; i += threads) {
      ml[2 * i] = arch::load_relaxed(published + i * partial_floats + head_dim);
      ml[2 * i + 1] = arch::load_relaxed(published + i * partial_floats + head_dim + 1);
    }
    arch::block_barrier();
    for_each_pair([&](int head, int element, bool live) {
      const Pair merged = merge_splits<splits>(
          used_splits, [&](int s) { return ml[2 * (s * group + head)]; },
          [&](int s) {
            const int partial = s * group + head;
            const float *o = published + partial * partial_floats + element;
            return Merged{{arch::load_relaxed(o), arch::load_relaxed(o + 1)}, ml[2 * partial], ml[2 * partial + 1]};
          });
      if (!live)
        return;
      output[head * head_dim + element] = arch::from_float<Output>(merged.x);
      output[head * head_dim + element + 1] = arch::from_float<Output>(merged.y);
    });
  }
};

} // namespace cadenza
