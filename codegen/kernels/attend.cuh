// Attention of one query over the cache, grouped queries: out = softmax(scale · q Kᵀ) V.
//
// Grid: kv_heads x splits. A block takes one KV head, all query heads that share it, and one split of the positions;
// keys and values are read once. Split borders depend on the position alone: a split is ceil((position + 1) / splits)
// positions rounded up to split_multiple; splits beyond the position do nothing.
//
// In a block, `lanes` lanes share a position (8 elements each) and a warp works on 32 / lanes positions at once, with
// `unroll` such rows of keys and values in flight. Warps are divided into head sets of at most 4 query heads; the warps
// of a set take positions in turn. Each group of lanes keeps an online softmax (maximum m, sum l, weighted values o, in
// units of log2); these are merged in a fixed order: groups of a warp, warps, splits.
#pragma once

#include "state.cuh"
#include "tile.cuh"

namespace cadenza {

/// Config: query_type, output_type, cache_type, heads, kv_heads, head_dim (a multiple of 8, at most 256), scale,
/// splits, split_multiple, threads, unroll. Arguments: [q, output, cache key, cache value, state, context] and, if
/// splits > 1, [scratch]: a counter a KV head, padded to 16 bytes, then f32 [kv_heads][splits][group][head_dim + 2]: o,
/// m, l.
template <class Config> struct Attend {
  using Query = typename Config::query_type;
  using Output = typename Config::output_type;
  using Cache = typename Config::cache_type;
  static constexpr int kv_heads = Config::kv_heads, group = Config::heads / kv_heads, head_dim = Config::head_dim;
  static constexpr int splits = Config::splits, threads = Config::threads, warps = threads / 32;
  static constexpr int blocks = kv_heads * splits;
  static_assert(Config::heads % kv_heads == 0 && head_dim % 8 == 0 && head_dim <= 256);

  CADENZA_DEVICE static constexpr int power_of_two(int n) { return n <= 1 ? 1 : 2 * power_of_two((n + 1) / 2); }
  static constexpr int lanes = power_of_two(head_dim / 8); // that share a position; those beyond head_dim / 8 idle
  static constexpr int lane_groups = 32 / lanes;           // positions of a warp at once
  static constexpr int sets = ceil_div(group, 4);          // of query heads
  static constexpr int set_heads = ceil_div(group, sets);  // of a warp
  static constexpr int set_warps = warps / sets;           // that share the positions of a set
  static constexpr int unroll = Config::unroll;
  static_assert(warps % sets == 0 && set_warps > 0, "every set of query heads has as many warps");

  struct Operands {
    const Query *query; // [heads][head_dim]
    Output *output;     // [heads][head_dim]
    const Cache *key;   // [kv_heads][context][head_dim]
    const Cache *value; // [kv_heads][context][head_dim]
    const DecodeState *state;
    uint64_t context;
  };
  template <bool split, class = void> struct WithScratch : Operands {
    unsigned char *scratch;
  };
  template <class Any> struct WithScratch<false, Any> : Operands {};
  using Args = WithScratch<(splits > 1)>;
  static constexpr int words = 6 + (splits > 1);
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  // A partial result is head_dim + 2 floats: o, m, l. Shared memory: partials [set_warps][group] (later the m and l of
  // all splits, [splits][group][2]) | flag
  static constexpr int partial_floats = head_dim + 2;
  static constexpr int partials_floats = larger(set_warps * group * partial_floats, splits * group * 2);
  static constexpr int shared_bytes = 4 * partials_floats + 16;
  static constexpr int counter_bytes = round_up(4 * kv_heads, 16);
  static constexpr uint64_t scratch_bytes =
      splits > 1 ? counter_bytes + uint64_t{4} * kv_heads * splits * group *partial_floats : 0;

  CADENZA_DEVICE static void run(const Args &args) {
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const int kv_head = static_cast<int>(arch::block_index()) / splits;
    const int split = static_cast<int>(arch::block_index()) % splits;
    const Split part = split_of(args.state->position, split);
    const int used_splits = part.used;
    if (split >= used_splits)
      return; // the whole block
    float *partials = reinterpret_cast<float *>(arch::shared_memory());
    const uint64_t first = static_cast<uint64_t>(kv_head) * args.context * head_dim;
    CacheRows rows{args.key + first, args.value + first};
    attend(args.query + kv_head * group * head_dim, rows, part.begin, part.end, partials);
    arch::block_barrier(); // the warps' partials are complete
    Output *output = args.output + kv_head * group * head_dim;
    if constexpr (splits > 1) {
      if (used_splits > 1)
        return combine_splits(args, kv_head, split, used_splits, partials, output);
    }
    for_each_element([&](int head, int element) {
      const Merged merged = merge_warps(partials, head, element);
      output[head * head_dim + element] = arch::from_float<Output>(merged.o / merged.l);
    });
  }

  /// A split's positions at a step, [begin, end), and how many splits have any.
  struct Split {
    int begin, end, used;
  };
  CADENZA_DEVICE static Split split_of(int position, int split) {
    const int positions = position + 1;
    const int each = round_up(ceil_div(positions, splits), Config::split_multiple);
    const int begin = smaller(split * each, positions);
    return {begin, smaller(begin + each, positions), ceil_div(positions, each)};
  }

  static constexpr float lowest = -3.402823466e+38f; // the maximum of nothing; finite, so that differences are numbers
  static constexpr int row_positions = set_warps * lane_groups; // that all warps of a set take at once

  /// Keys and values where they lie: what `attend` reads by default. `start` is called by all lanes before the loads of
  /// the positions [base, base + unroll * row_positions), `finish` after them.
  struct CacheRows {
    const Cache *key, *value; // of the KV head, [context][head_dim]

    CADENZA_DEVICE void start(int) {}
    CADENZA_DEVICE void load(int position, int element, Vec16 &k, Vec16 &v) const {
      const uint64_t offset = static_cast<uint64_t>(position) * head_dim + static_cast<uint64_t>(element);
      k = arch::load16(key + offset);
      v = arch::load16(value + offset);
    }
    CADENZA_DEVICE void finish() {}
  };

  template <class Body> CADENZA_DEVICE static void for_each_element(Body body) {
    for (int i = static_cast<int>(arch::thread_index()); i < group * head_dim; i += threads)
      body(i / head_dim, i % head_dim);
  }

  /// This warp's heads over its positions of [begin, end), into its partials. query: [group][head_dim].
  template <class Q, class Rows>
  CADENZA_DEVICE static void attend(const Q *query, Rows &rows, int begin, int end, float *partials) {
    const int warp = static_cast<int>(arch::warp()), lane = static_cast<int>(arch::lane());
    const int set = warp % sets, set_warp = warp / sets;
    const int element = lane % lanes * 8; // first of this lane's 8
    const bool live = element < head_dim;
    float q[set_heads][8], o[set_heads][8] = {}, m[set_heads], l[set_heads] = {};
#pragma unroll
    for (int h = 0; h < set_heads; ++h) {
      m[h] = lowest;
      const int head = set * set_heads + h;
#pragma unroll
      for (int j = 0; j < 8; ++j) // scores in units of log2, so that exp2 serves
        q[h][j] = live && head < group
                      ? arch::to_float(query[head * head_dim + element + j]) * (Config::scale * 1.4426950408889634f)
                      : 0.0f;
    }

#pragma unroll 1
    for (int base = begin; base < end; base += unroll * row_positions) {
      Vec16 k[unroll], v[unroll];
      bool valid[unroll];
      rows.start(base);
#pragma unroll
      for (int u = 0; u < unroll; ++u) {
        const int position = base + u * row_positions + set_warp * lane_groups + lane / lanes;
        valid[u] = position < end;
        k[u] = v[u] = {0, 0, 0, 0};
        if (valid[u] && live)
          rows.load(position, element, k[u], v[u]);
      }
      rows.finish();
      float weight[unroll][set_heads];
#pragma unroll
      for (int u = 0; u < unroll; ++u) {
        float x[8];
        unpack8<Cache>(k[u], x);
#pragma unroll
        for (int h = 0; h < set_heads; ++h) {
          float score = 0.0f;
#pragma unroll
          for (int j = 0; j < 8; ++j)
            score = arch::fma(q[h][j], x[j], score);
#pragma unroll
          for (int mask = lanes / 2; mask > 0; mask /= 2)
            score += arch::shuffle_xor(score, mask);
          weight[u][h] = score;
        }
      }
#pragma unroll
      for (int h = 0; h < set_heads; ++h) {
        float maximum = m[h];
#pragma unroll
        for (int u = 0; u < unroll; ++u)
          if (valid[u])
            maximum = arch::max(maximum, weight[u][h]);
        const float correction = arch::exp2(m[h] - maximum);
        m[h] = maximum;
        l[h] *= correction;
#pragma unroll
        for (int j = 0; j < 8; ++j)
          o[h][j] *= correction;
#pragma unroll
        for (int u = 0; u < unroll; ++u) {
          weight[u][h] = valid[u] ? arch::exp2(weight[u][h] - maximum) : 0.0f;
          l[h] += weight[u][h];
        }
      }
#pragma unroll
      for (int u = 0; u < unroll; ++u) {
        float x[8];
        unpack8<Cache>(v[u], x);
#pragma unroll
        for (int h = 0; h < set_heads; ++h)
#pragma unroll
          for (int j = 0; j < 8; ++j)
            o[h][j] = arch::fma(weight[u][h], x[j], o[h][j]);
      }
    }

#pragma unroll
    for (int h = 0; h < set_heads; ++h) {
#pragma unroll
      for (int mask = lanes; mask < 32; mask *= 2) { // the lane groups; lanes of the first one keep the result
        const float other_m = arch::shuffle_xor(m[h], mask), other_l = arch::shuffle_xor(l[h], mask);
        const float maximum = arch::max(m[h], other_m);
        const float mine = arch::exp2(m[h] - maximum), theirs = arch::exp2(other_m - maximum);
        m[h] = maximum;
        l[h] = l[h] * mine + other_l * theirs;
#pragma unroll
        for (int j = 0; j < 8; ++j)
          o[h][j] = o[h][j] * mine + arch::shuffle_xor(o[h][j], mask) * theirs;
      }
      const int head = set * set_heads + h;
      if (lane >= lanes || !live || head >= group)
        continue;
      float *partial = partials + (set_warp * group + head) * partial_floats;
#pragma unroll
      for (int j = 0; j < 8; ++j)
        partial[element + j] = o[h][j];
      if (lane == 0) {
        partial[head_dim] = m[h];
        partial[head_dim + 1] = l[h];
      }
    }
  }

  struct Merged {
    float o, m, l;
  };
  /// One element over the warps of its set, in order.
  CADENZA_DEVICE static Merged merge_warps(const float *partials, int head, int element) {
    const float *partial = partials + head * partial_floats;
    constexpr int stride = group * partial_floats;
    Merged merged{0.0f, lowest, 0.0f};
#pragma unroll
    for (int warp = 0; warp < set_warps; ++warp)
      merged.m = arch::max(merged.m, partial[warp * stride + head_dim]);
#pragma unroll
    for (int warp = 0; warp < set_warps; ++warp) {
      const float weight = arch::exp2(partial[warp * stride + head_dim] - merged.m);
      merged.o = arch::fma(weight, partial[warp * stride + element], merged.o);
      merged.l = arch::fma(weight, partial[warp * stride + head_dim + 1], merged.l);
    }
    return merged;
  }

  /// The value of an element over splits, of which there are `most` at most; part(s) is its Merged in split s,
  /// maximum(s) the m of that.
  template <int most, class Maximum, class Part>
  CADENZA_DEVICE static float merge_splits(int used_splits, Maximum maximum, Part part) {
    float m = lowest, l = 0.0f, o = 0.0f;
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
      o = arch::fma(weight, split.o, o);
      l = arch::fma(weight, split.l, l);
    }
    return o / l;
  }

private:
  /// Publishes this split; the last block of a KV head to arrive merges all splits in order and writes the output.
  CADENZA_DEVICE static void combine_splits(const Args &args, int kv_head, int split, int used_splits, float *partials,
                                            Output *output) {
    uint32_t *counter = reinterpret_cast<uint32_t *>(args.scratch) + kv_head;
    float *published = reinterpret_cast<float *>(args.scratch + counter_bytes) +
                       static_cast<uint64_t>(kv_head) * splits * group * partial_floats; // [splits][group][..]
    for_each_element([&](int head, int element) {
      const Merged merged = merge_warps(partials, head, element);
      float *partial = published + (split * group + head) * partial_floats;
      arch::store_relaxed(partial + element, merged.o);
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
    for_each_element([&](int head, int element) {
      const float merged = merge_splits<splits>(
          used_splits, [&](int s) { return ml[2 * (s * group + head)]; },
          [&](int s) {
            const int partial = s * group + head;
            return Merged{arch::load_relaxed(published + partial * partial_floats + element), ml[2 * partial],
                          ml[2 * partial + 1]};
          });
      output[head * head_dim + element] = arch::from_float<Output>(merged);
    });
  }
};

} // namespace cadenza
