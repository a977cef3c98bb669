// Attention of a sequence of queries over keys and values that are tensors of a graph, without a cache:
// softmax(score(Q Kᵀ)) V for every batch and head, where score is a function of each element: a scale, a mask, whatever
// a graph has there. (Of one query over the cache: attend.cuh.)
//
// A block has 16 queries a warp, and goes over the keys with an online softmax: no more than a tile of scores exists.
// Warps may also divide keys, so that short sequences fill a GPU; what they have is put together in order at the end.
// Both products are those of matmul.cuh: queries, keys and values lie in shared memory (operand_tile.cuh), scores and
// weights stay in registers. Weights are rounded to the type of the products; their sum is that of fp32 weights.
//
// A score of -inf has weight 0. A row in which all scores are -inf is NaN, as softmax says, or 0 if the configuration
// wants that.
#pragma once

#include "operand_tile.cuh"

namespace cadenza {

/// Scores that are the products as they are. Contract of a function of scores S:
///   S::Args, S::words   its kernel arguments, 8-byte words only (possibly none)
///   S::apply(args, batch, head, query, key, product)   the score for the fp32 product of that query and key: fp32,
///                       possibly -inf; called for what exists only
struct PlainScores {
  struct Args {};
  static constexpr int words = 0;
  CADENZA_DEVICE static float apply(const Args &, int, int, int, int, float product) { return product; }
};

/// Whether query i sees keys up to i + `causal_offset` only: `causal`, if the configuration says so.
CADENZA_OPTIONAL(IsCausal, causal, false);
CADENZA_OPTIONAL(CausalOffsetOf, causal_offset, 0);

/// Whether a row in which all scores are -inf is 0: `zero_masked_rows`, if the configuration says so.
CADENZA_OPTIONAL(ZeroesMaskedRows, zero_masked_rows, false);

/// Config:
///   type                of the products: bf16, f16, float (operand_tile.cuh says how exact)
///   batches, heads, kv_heads, queries, keys, head_dim (a multiple of 8, at most 256)
///   q, k, v, output     structs of type, row_stride, column_stride, batch_strides = Strides<of batches, of heads> and,
///                       if it is not 0, offset, in elements: row and column are those of [queries or keys][head_dim]
///   scores              see PlainScores
///   causal, causal_offset, zero_masked_rows   if it has them
///   tiles               a constexpr AttendTiles
/// Arguments: [q, k, v, output, scores']; tensors are aligned to 16 bytes.
template <class Config> struct AttendSequence {
  using T = typename Config::type;
  using Q = typename Config::q;
  using K = typename Config::k;
  using V = typename Config::v;
  using Output = typename Config::output;
  using Function = typename Config::scores;
  static constexpr AttendTiles tiles = Config::tiles;
  static constexpr int queries = Config::queries, keys = Config::keys, head_dim = Config::head_dim;
  static constexpr int heads = Config::heads, kv_heads = Config::kv_heads;
  static constexpr bool causal = IsCausal<Config>::value;
  static_assert(head_dim % 8 == 0 && head_dim <= 256 && heads % kv_heads == 0);
  static_assert(tiles.keys % 16 == 0, "a warp's keys are multiples of 16");

  static constexpr AttendShape shape{Config::batches * heads, queries, keys, head_dim, sizeof(T)};
  static constexpr AttendLaunch geometry = attend_launch(tiles, shape);
  static constexpr int blocks = geometry.blocks, threads = geometry.threads, shared_bytes = geometry.shared_bytes;
  static constexpr int block_queries = 16 * tiles.query_warps, block_keys = tiles.keys * tiles.key_warps;
  static constexpr int query_tiles = ceil_div(queries, block_queries);
  static constexpr int most_steps = ceil_div(keys, block_keys);
  // As in matmul.cuh: steps that are on their way while one is computed.
  static constexpr int stages = geometry.stages;
  static constexpr int ahead = most_steps <= stages ? most_steps : stages - 1;
  static_assert(stages == most_steps || stages >= 2, "a ring has at least two stages");

  static constexpr int padded = round_up(head_dim, 16), element_blocks = padded / 16;
  // Values are the second product's B: its k are keys, its lines elements. Those of 4 bytes are read by the word, from
  // the layout of keys.
  static constexpr bool by_words = sizeof(T) == 4;
  using QTile = OperandTile<T, block_queries, padded, true>;
  using KTile = OperandTile<T, block_keys, padded, true>;
  using TurnedTile = OperandTile<T, padded, block_keys, false>;
  using QView = OperandView<typename Q::type, queries, head_dim, Q::row_stride, Q::column_stride>;
  using KView = OperandView<typename K::type, keys, head_dim, K::row_stride, K::column_stride>;
  using VView = OperandView<typename V::type, keys, head_dim, V::row_stride, V::column_stride>;
  using TurnedView = OperandView<typename V::type, head_dim, keys, V::column_stride, V::row_stride>;
  template <class Operand, int rows>
  static constexpr bool aligned = in_pieces<T, typename Operand::type, typename Operand::batch_strides>(
      rows, Operand::row_stride, Operand::column_stride, OffsetOf<Operand>::value);

  struct Operands {
    const typename Q::type *q;
    const typename K::type *k;
    const typename V::type *v;
    typename Output::type *output;
  };
  struct Args : Operands, Function::Args {};
  static constexpr int words = 4 + Function::words;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  // Shared memory: queries | stages of keys and values; if warps divide keys, later their o [key_warps][block_queries]
  // [padded + 8] | m and l [key_warps][block_queries][2]
  static constexpr int v_bytes = by_words ? KTile::bytes : TurnedTile::bytes, stage_bytes = KTile::bytes + v_bytes;
  static constexpr int partial_row = padded + 8, partial_floats = block_queries * partial_row;
  static constexpr int sums_offset = 4 * tiles.key_warps * partial_floats;
  static_assert(shared_bytes >= QTile::bytes + stages * stage_bytes &&
                    (tiles.key_warps == 1 || shared_bytes >= sums_offset + 8 * tiles.key_warps * block_queries),
                "the launch has what the kernel uses");

  CADENZA_DEVICE static void run(const Args &args) {
    if constexpr (requires { Function::prefetch(args); })
      Function::prefetch(args);
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const Place place = Place::of(static_cast<int>(arch::block_index()));
    const Pipeline pipeline = Pipeline::of(args, place);
    State state;
    attend(args, place, pipeline, state);
    if constexpr (tiles.key_warps == 1) {
      state.for_fragments([&](int query, int element, int half, float x, float y) {
        store(args, place, query, element, normalised(x, state.m[half], state.l[half]),
              normalised(y, state.m[half], state.l[half]));
      });
    } else {
      merge_warps(args, place, state);
    }
  }

private:
  static constexpr float log2_e = 1.4426950408889634f;
  CADENZA_DEVICE static float minus_infinity() { return arch::as_float(0xff800000u); }
  /// e^(x - m), and 0 for -inf, even if the maximum is that, too.
  CADENZA_DEVICE static float weight(float x, float m) {
    return arch::exp2((x - (m == minus_infinity() ? 0.0f : m)) * log2_e);
  }

  /// An element of the result from weighted values, the maximum of scores and the sum of weights.
  CADENZA_DEVICE static float normalised(float o, float m, float l) {
    return ZeroesMaskedRows<Config>::value && m == minus_infinity() ? 0.0f : o / l;
  }

  /// What a block computes.
  struct Place {
    int batch, head, first_query, steps;
    CADENZA_DEVICE static Place of(int block) {
      const int first = block % query_tiles * block_queries, of_head = block / query_tiles;
      const int last = smaller(first + block_queries, queries) - 1;
      const int seen = causal ? smaller(larger(last + 1 + CausalOffsetOf<Config>::value, 0), keys) : keys;
      return {of_head / heads, of_head % heads, first, ceil_div(seen, block_keys)};
    }
  };

  /// Queries, and the ring of keys and values: each a group of copies of its own.
  struct Pipeline {
    unsigned char *shared;
    QView q;
    KView k;
    const typename V::type *v;
    int first_query, steps;

    CADENZA_DEVICE static Pipeline of(const Args &args, const Place &place) {
      using Heads = Extents<Config::batches, heads>;
      using KvHeads = Extents<Config::batches, kv_heads>;
      const int of_q = place.batch * heads + place.head;
      const int of_kv = place.batch * kv_heads + place.head / (heads / kv_heads);
      return {arch::shared_memory(),
              {args.q + (OffsetOf<Q>::value + Q::batch_strides::template offset<Heads>(of_q))},
              {args.k + (OffsetOf<K>::value + K::batch_strides::template offset<KvHeads>(of_kv))},
              args.v + (OffsetOf<V>::value + V::batch_strides::template offset<KvHeads>(of_kv)),
              place.first_query,
              place.steps};
    }
    CADENZA_DEVICE unsigned char *k_tile(int step) const { return shared + QTile::bytes + step % stages * stage_bytes; }
    CADENZA_DEVICE unsigned char *v_tile(int step) const { return k_tile(step) + KTile::bytes; }

    CADENZA_DEVICE void fill(int step) const {
      // Long heads have no registers for addresses that are kept from step to step.
      const int index = static_cast<int>(arch::thread_index()),
                thread = element_blocks > 8 ? arch::opaque(index) : index;
      if (step < steps)
        KTile::template fill<threads, aligned<K, keys>>(k_tile(step), k, step * block_keys, 0, thread);
      arch::copy_async_commit();
      if (step < steps) {
        if constexpr (by_words)
          KTile::template fill<threads, aligned<V, keys>>(v_tile(step), VView{v}, step * block_keys, 0, thread);
        else
          TurnedTile::template fill<threads, aligned<V, keys>>(v_tile(step), TurnedView{v}, 0, step * block_keys,
                                                               thread);
      }
      arch::copy_async_commit();
    }
    CADENZA_DEVICE void start() const {
      QTile::template fill<threads, aligned<Q, queries>>(shared, q, first_query, 0,
                                                         static_cast<int>(arch::thread_index()));
#pragma unroll
      for (int step = 0; step < ahead; ++step)
        fill(step);
    }
  };

  CADENZA_DEVICE static int query_warp() { return static_cast<int>(arch::warp()) % tiles.query_warps; }
  CADENZA_DEVICE static int key_warp() { return static_cast<int>(arch::warp()) / tiles.query_warps; }

  /// A warp's online softmax. With g = lane / 4, t = lane % 4: of the queries g and g + 8, the maximum and the sum of
  /// weights, of this lane's keys only until the end; o[n][b]: the elements 16n + 8b + 2t and the next.
  struct State {
    float m[2] = {minus_infinity(), minus_infinity()}, l[2] = {0.0f, 0.0f};
    float o[element_blocks][2][4] = {};

    /// body(query of the block, element, half, x, y) for each two neighbouring elements.
    template <class Body> CADENZA_DEVICE void for_fragments(Body body) const {
      const int g = static_cast<int>(arch::lane() / 4), t = static_cast<int>(arch::lane() % 4);
#pragma unroll
      for (int n = 0; n < element_blocks; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          body(16 * query_warp() + 8 * (i % 2) + g, 16 * n + 8 * (i / 2) + 2 * t, i % 2, o[n][i / 2][2 * (i % 2)],
               o[n][i / 2][2 * (i % 2) + 1]);
    }
  };
  using Scores = float[tiles.keys / 8][4]; // [8 keys][as d of an mma]

  CADENZA_DEVICE static void attend(const Args &args, const Place &place, const Pipeline &pipeline, State &state) {
    pipeline.start();
#pragma unroll 1
    for (int step = 0; step < place.steps; ++step) {
      arch::copy_async_wait<2 * ahead - 1>();
      arch::block_barrier(); // keys are there, and everyone is done with the stage that is filled next
      if constexpr (ahead < most_steps) {
        pipeline.fill(step + ahead);
      } else {
        arch::copy_async_commit(); // two empty groups, so that the counts stay right
        arch::copy_async_commit();
      }
      const int first_key = key_warp() * tiles.keys; // of this warp, in the tile
      Scores scores = {};
      multiply_keys(pipeline, step, first_key, scores);
      weigh(args, place, step * block_keys + first_key, scores, state);
      arch::copy_async_wait<2 * ahead>();
      arch::block_barrier(); // values are there
      multiply_values(pipeline.v_tile(step), first_key, scores, state);
    }
    arch::copy_async_wait<0>();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      state.l[half] += arch::shuffle_xor(state.l[half], 1);
      state.l[half] += arch::shuffle_xor(state.l[half], 2);
    }
  }

  CADENZA_DEVICE static void multiply_keys(const Pipeline &pipeline, int step, int first_key, Scores &scores) {
#pragma unroll 4 // more would keep operands of long heads in registers that there are not
    for (int k = 0; k < padded; k += QTile::step) {
      uint32_t q[4], b[tiles.keys / 16][4];
      QTile::load_a(q, pipeline.shared, 16 * query_warp(), k);
#pragma unroll
      for (int i = 0; i < tiles.keys / 16; ++i)
        KTile::load_b(b[i], pipeline.k_tile(step), first_key + 16 * i, k);
      StepProduct<T>::add(scores, q, b);
    }
  }

  /// Scores of the keys from first_key on become weights, in units of the maximum so far.
  CADENZA_DEVICE static void weigh(const Args &args, const Place &place, int first_key, Scores &scores, State &state) {
    const int g = static_cast<int>(arch::lane() / 4), t = static_cast<int>(arch::lane() % 4);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int query = place.first_query + 16 * query_warp() + 8 * half + g;
      const bool exists = queries % block_queries == 0 || query < queries;
      const int end = causal ? smaller(keys, query + 1 + CausalOffsetOf<Config>::value) : keys;
      float m = state.m[half];
#pragma unroll
      for (int j = 0; j < tiles.keys / 8; ++j)
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int key = first_key + 8 * j + 2 * t + i;
          float &score = scores[j][2 * half + i];
          if ((!causal && keys % block_keys == 0) || key < end)
            score = exists ? Function::apply(args, place.batch, place.head, query, key, score) : 0.0f;
          else
            score = minus_infinity();
          m = arch::max(m, score);
        }
      m = arch::max(m, arch::shuffle_xor(m, 1));
      m = arch::max(m, arch::shuffle_xor(m, 2));
      const float correction = weight(state.m[half], m);
      state.m[half] = m;
      float sum = 0.0f;
#pragma unroll
      for (int j = 0; j < tiles.keys / 8; ++j)
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          float &score = scores[j][2 * half + i];
          score = weight(score, m);
          sum += score;
        }
      state.l[half] = state.l[half] * correction + sum;
#pragma unroll
      for (int n = 0; n < element_blocks; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          state.o[n][i / 2][2 * half + i % 2] *= correction;
    }
  }

  CADENZA_DEVICE static void multiply_values(const unsigned char *v, int first_key, const Scores &weights,
                                             State &state) {
    if constexpr (by_words) {
      // The t-th of a step's 8 keys is the 2t-th, the t + 4-th the one behind it: so they are weights of this lane.
      const int g = static_cast<int>(arch::lane() / 4), t = static_cast<int>(arch::lane() % 4);
#pragma unroll
      for (int j = 0; j < tiles.keys / 8; ++j) {
        const uint32_t a[4] = {arch::as_bits(weights[j][0]), arch::as_bits(weights[j][2]), arch::as_bits(weights[j][1]),
                               arch::as_bits(weights[j][3])};
#pragma unroll
        for (int n = 0; n < element_blocks; ++n) {
          uint32_t b[1][4];
#pragma unroll
          for (int i = 0; i < 4; ++i)
            b[0][i] = arch::as_bits(*KTile::element(v, first_key + 8 * j + 2 * t + i % 2, 16 * n + 8 * (i / 2) + g));
          StepProduct<T>::add(state.o[n], a, b);
        }
      }
    } else {
#pragma unroll
      for (int j = 0; j < tiles.keys / 16; ++j) {
        uint32_t a[4];
#pragma unroll
        for (int i = 0; i < 4; ++i)
          a[i] = arch::pack2<T>(weights[2 * j + i / 2][i % 2 * 2], weights[2 * j + i / 2][i % 2 * 2 + 1]);
#pragma unroll
        for (int n = 0; n < element_blocks; ++n) {
          uint32_t b[1][4];
          TurnedTile::load_b(b[0], v, 16 * n, first_key + 16 * j);
          StepProduct<T>::add(state.o[n], a, b);
        }
      }
    }
  }

  /// Puts two neighbouring elements of a query of the block where they belong, if they exist.
  CADENZA_DEVICE static void store(const Args &args, const Place &place, int query, int element, float x, float y) {
    using Out = typename Output::type;
    using Heads = Extents<Config::batches, heads>;
    const int row = place.first_query + query;
    if ((queries % block_queries != 0 && row >= queries) || (padded != head_dim && element >= head_dim))
      return;
    Out *to = args.output + (OffsetOf<Output>::value +
                             Output::batch_strides::template offset<Heads>(place.batch * heads + place.head) +
                             row * Output::row_stride + element * Output::column_stride);
    struct alignas(2 * sizeof(Out)) Pair {
      Out x, y;
    };
    const Pair pair{arch::from_float<Out>(x), arch::from_float<Out>(y)};
    if constexpr (Output::column_stride == 1 && Output::row_stride % 2 == 0 && OffsetOf<Output>::value % 2 == 0 &&
                  Output::batch_strides::multiples_of(2)) {
      *reinterpret_cast<Pair *>(to) = pair;
    } else {
      to[0] = pair.x;
      to[Output::column_stride] = pair.y;
    }
  }

  struct alignas(8) Two {
    float x, y;
  };
  /// Of warps that divide keys: puts their states together, in order.
  CADENZA_DEVICE static void merge_warps(const Args &args, const Place &place, const State &state) {
    float *partials = reinterpret_cast<float *>(arch::shared_memory());
    Two *sums = reinterpret_cast<Two *>(arch::shared_memory() + sums_offset); // m, l
    arch::block_barrier();                                                    // all are done with the stages
    state.for_fragments([&](int query, int element, int, float x, float y) {
      *reinterpret_cast<Two *>(partials + key_warp() * partial_floats + query * partial_row + element) = {x, y};
    });
    const int g = static_cast<int>(arch::lane() / 4);
    if (arch::lane() % 4 == 0) {
#pragma unroll
      for (int half = 0; half < 2; ++half)
        sums[key_warp() * block_queries + 16 * query_warp() + 8 * half + g] = {state.m[half], state.l[half]};
    }
    arch::block_barrier();
#pragma unroll 1
    for (int i = static_cast<int>(arch::thread_index()); i < block_queries * padded / 2; i += threads) {
      const int query = i / (padded / 2), element = i % (padded / 2) * 2;
      float m = sums[query].x, l = 0.0f, x = 0.0f, y = 0.0f;
#pragma unroll
      for (int warp = 1; warp < tiles.key_warps; ++warp)
        m = arch::max(m, sums[warp * block_queries + query].x);
#pragma unroll
      for (int warp = 0; warp < tiles.key_warps; ++warp) {
        const Two sum = sums[warp * block_queries + query];
        const Two o = *reinterpret_cast<const Two *>(partials + warp * partial_floats + query * partial_row + element);
        const float factor = weight(sum.x, m);
        l = arch::fma(factor, sum.y, l);
        x = arch::fma(factor, o.x, x);
        y = arch::fma(factor, o.y, y);
      }
      store(args, place, query, element, normalised(x, m, l), normalised(y, m, l));
    }
  }
};

} // namespace cadenza
