// Configurations of attend_sequence.cuh, in the form of generated source.
#pragma once

#include "attend_sequence.cuh"
#include "matmul_configs.cuh"

namespace cadenza::graph {

constexpr float score_scale = 0.25f;

/// Products times a scale.
struct Scaled {
  struct Args {};
  static constexpr int words = 0;
  CADENZA_DEVICE static float apply(const Args &, int, int, int, int, float product) { return product * score_scale; }
};

/// The same, and a number for each query and key of a batch, the same in all heads.
template <int queries, int keys> struct Masked {
  struct Args {
    const float *mask; // [batches][queries][keys]
  };
  static constexpr int words = 1;
  CADENZA_DEVICE static float apply(const Args &args, int batch, int, int query, int key, float product) {
    return product * score_scale + args.mask[(batch * queries + query) * keys + key];
  }
};

/// [batch][rows][heads * head_dim], as products make them, or [batch][heads][rows][head_dim].
template <class T, int rows, int heads, int dim>
using together = Layout<T, heads * dim, 1, Strides<rows * heads * dim, dim>>;
template <class T, int rows, int heads, int dim>
using apart = Layout<T, dim, 1, Strides<heads * rows * dim, rows * dim>>;

template <class Type, int Batches, int Heads, int KvHeads, int Queries, int Keys, int Dim, AttendTiles how,
          class Function, template <class, int, int, int> class In = together, class OutType = float>
struct attention {
  using type = Type;
  static constexpr int batches = Batches, heads = Heads, kv_heads = KvHeads, queries = Queries, keys = Keys;
  static constexpr int head_dim = Dim;
  using q = In<Type, Queries, Heads, Dim>;
  using k = In<Type, Keys, KvHeads, Dim>;
  using v = In<Type, Keys, KvHeads, Dim>;
  using output = together<OutType, Queries, Heads, Dim>;
  using scores = Function;
  static constexpr AttendTiles tiles = how;
};
template <class Base> struct zeroed : Base {
  static constexpr bool zero_masked_rows = true;
};
template <class Base, int offset = 0> struct causally : Base {
  static constexpr bool causal = true;
  static constexpr int causal_offset = offset;
};

constexpr AttendTiles keys_by_warps{1, 4, 32, 2}, queries_by_warps{4, 1, 32, 2}, both_by_warps{2, 2, 16, 3},
    lone_warp{1, 1, 16, 2}, three_stages{2, 1, 64, 3};

using attend_encoder = attention<bf16, 2, 3, 3, 50, 50, 64, keys_by_warps, Masked<50, 50>, together, bf16>;
using attend_exactly = attention<f16, 1, 2, 2, 64, 128, 64, queries_by_warps, Scaled>;
using attend_ring = attention<f16, 1, 2, 2, 70, 200, 128, queries_by_warps, Scaled, apart>;
using attend_grouped = attention<bf16, 2, 6, 2, 33, 65, 32, both_by_warps, Masked<33, 65>>;
using attend_causal = causally<attention<f16, 1, 2, 1, 70, 70, 80, queries_by_warps, Scaled>>;
using attend_causal_warps = causally<attention<bf16, 1, 2, 2, 70, 130, 64, keys_by_warps, Scaled>>;
using attend_after_others = causally<attention<f16, 2, 2, 2, 5, 100, 24, lone_warp, Masked<5, 100>>, 95>;
using attend_before_others = causally<attention<f16, 1, 1, 1, 20, 20, 8, lone_warp, Scaled>, -3>; // three rows are NaN
using attend_zeroed = zeroed<attend_before_others>;
using attend_zeroed_warps = zeroed<attention<f16, 1, 1, 1, 16, 200, 16, keys_by_warps, Masked<16, 200>>>;
using attend_one = attention<bf16, 1, 1, 1, 1, 1, 16, lone_warp, Scaled>;
using attend_one_query = attention<bf16, 1, 4, 4, 1, 300, 64, keys_by_warps, Scaled>;
using attend_long_heads = attention<bf16, 1, 1, 1, 20, 40, 256, lone_warp, Scaled>;
using attend_long_odd_heads = attention<f16, 1, 2, 2, 20, 40, 216, both_by_warps, Scaled>;
using attend_many_keys = attention<f16, 1, 1, 1, 16, 700, 16, three_stages, Masked<16, 700>>;
using attend_floats = attention<float, 2, 2, 2, 30, 75, 32, queries_by_warps, Masked<30, 75>>;
using attend_floats_by_warps = attention<float, 1, 2, 1, 30, 150, 40, keys_by_warps, Scaled, apart>;
using attend_floats_long = attention<float, 1, 1, 1, 20, 40, 256, lone_warp, Scaled>;
using attend_floats_causal = causally<attention<float, 1, 2, 2, 40, 40, 64, both_by_warps, Scaled>>;
/// Rows of an odd number of elements, keys as [batch][heads][head_dim][keys], a result that is turned, an offset.
struct attend_strided : attention<bf16, 2, 2, 2, 21, 37, 24, queries_by_warps, Scaled> {
  using q = Layout<bf16, 51, 1, Strides<21 * 51, 25>, 1>;
  using k = Layout<bf16, 1, 37, Strides<2 * 24 * 37, 24 * 37>>;
  using v = Layout<bf16, 48, 2, Strides<4000, 37 * 48>>;
  using output = Layout<f16, 1, 21, Strides<2 * 21 * 24, 21 * 24>>;
};

} // namespace cadenza::graph

// clang-format off: it never settles on how to break these
#define CADENZA_ATTENTIONS(X) \
  X(attend_encoder) X(attend_exactly) X(attend_ring) X(attend_grouped) X(attend_causal) \
  X(attend_causal_warps) X(attend_after_others) X(attend_before_others) X(attend_one) X(attend_one_query) \
  X(attend_long_heads) X(attend_long_odd_heads) X(attend_many_keys) X(attend_floats) \
  X(attend_floats_by_warps) X(attend_floats_long) X(attend_floats_causal) X(attend_strided) X(attend_zeroed) \
  X(attend_zeroed_warps)
// clang-format on
