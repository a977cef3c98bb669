// Configurations of every kernel template, in the form of generated source. Included by the kernels and, for the
// geometry, by the tests.
#pragma once

#include "attend.cuh"
#include "embed.cuh"
#include "map.cuh"
#include "project.cuh"
#include "select.cuh"

namespace cadenza::phase {

struct embed_scaled {
  using weight_type = f16;
  using output_type = float;
  static constexpr int columns = 198, threads = 32;
  static constexpr float scale = 3.0f;
};

struct embed_positioned {
  using weight_type = bf16;
  using positions_type = f16;
  using output_type = float;
  static constexpr int columns = 100, threads = 32;
  static constexpr float scale = 0.5f;
};

// Query, key and value of a Qwen3 layer: 4 heads on 2 KV heads of 64.
template <int tiles, int block_threads, int in_flight> struct qkv {
  using weight_type = bf16;
  using encoding = Tiles16<bf16>;
  using input_type = float;
  using segment_rows = Rows<256, 128, 128>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 192, k_ways = 2;
  using k_groups = Steps<0>;
  static constexpr int tiles_per_block = tiles, threads = block_threads, steps_in_flight = in_flight;
  struct norm {
    static constexpr int group_size = 192;
    static constexpr float eps = 1e-6f;
    static constexpr bool defer_scale = true;
  };
  using prologue = RmsNormPrologue<qkv, norm>;
  struct q_norm {
    static constexpr int segment = 0, group_size = 64;
    static constexpr float eps = 1e-6f;
  };
  struct k_norm {
    static constexpr int segment = 1, group_size = 64;
    static constexpr float eps = 1e-6f;
  };
  struct q_rope {
    static constexpr int segment = 0, head_dim = 64, rotary_dim = 48;
  };
  struct k_rope {
    static constexpr int segment = 1, head_dim = 64, rotary_dim = 48;
  };
  struct append {
    static constexpr int key = 1, value = 2, kv_heads = 2, head_dim = 64;
    using cache_type = bf16;
  };
  using epilogue =
      Chain<RmsNorm<q_norm>, RmsNorm<k_norm>, Rope<q_rope>, Rope<k_rope>, KvAppend<append>, Store<0, float>>;
};
using qkv_wide = qkv<4, 256, 3>;  // a warp an item
using qkv_narrow = qkv<8, 96, 2>; // three warps for sixteen items

// Gate and up, interleaved; a prologue that is not deferred.
struct gate_up {
  using weight_type = bf16;
  using encoding = Tiles16<bf16>;
  using input_type = bf16;
  using segment_rows = Rows<104, 104>;
  static constexpr bool interleaved = true;
  static constexpr int columns = 1056, k_ways = 4;
  using k_groups = Steps<0>;
  static constexpr int tiles_per_block = 2, threads = 64, steps_in_flight = 4;
  struct norm {
    static constexpr int group_size = 1056;
    static constexpr float eps = 1e-5f;
    static constexpr bool defer_scale = false;
  };
  using prologue = RmsNormPrologue<gate_up, norm>;
  struct silu {
    static constexpr int segment = 0;
  };
  struct mul {
    static constexpr int lhs = 0, rhs = 1;
  };
  using epilogue = Chain<Silu<silu>, Mul<mul>, Store<0, bf16>>;
};

// An MLP without a gate: a layer norm, a bias, GELU.
template <bool with_bias> struct ungated {
  using weight_type = bf16;
  using encoding = Tiles16<bf16>;
  using input_type = float;
  using segment_rows = Rows<48>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 1000, k_ways = 2, norm_sums = 2;
  using k_groups = Steps<0>;
  static constexpr int tiles_per_block = 1, threads = 64, steps_in_flight = 4;
  struct norm {
    static constexpr int group_size = 1000;
    static constexpr bool bias = with_bias;
    static constexpr float eps = 1e-5f;
  };
  using prologue = LayerNormPrologue<ungated, norm>;
  struct bias {
    static constexpr int segment = 0;
  };
  struct gelu_tanh {
    static constexpr int segment = 0;
  };
  using epilogue = Chain<Bias<bias>, GeluTanh<gelu_tanh>, Store<0, float>>;
};
using layer_norm_biased = ungated<true>;
using layer_norm_plain = ungated<false>;

// Down: bias and residual; columns that are no multiple of 32.
struct down {
  using weight_type = f16;
  using encoding = Tiles16<f16>;
  using input_type = float;
  using segment_rows = Rows<40>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 1000, k_ways = 8;
  using k_groups = Steps<0>;
  static constexpr int tiles_per_block = 1, threads = 32, steps_in_flight = 4;
  using prologue = PlainPrologue<down>;
  struct bias {
    static constexpr int segment = 0;
  };
  struct add {
    static constexpr int segment = 0;
    using operand_type = float;
  };
  using epilogue = Chain<Bias<bias>, Add<add>, Store<0, float>>;
};

// Codes: of a norm that is deferred, interleaved, several tiles a warp; and of K groups, an odd number of rows, f16.
template <class E> struct encoded_gate_up {
  using weight_type = bf16;
  using encoding = E;
  using input_type = float;
  using segment_rows = Rows<104, 104>;
  static constexpr bool interleaved = true;
  static constexpr int columns = 200, k_ways = 2;
  using k_groups = Steps<0>;
  static constexpr int tiles_per_block = 2, threads = 64, steps_in_flight = 4;
  struct norm {
    static constexpr int group_size = 200;
    static constexpr float eps = 1e-5f;
    static constexpr bool defer_scale = true;
  };
  using prologue = RmsNormPrologue<encoded_gate_up, norm>;
  using epilogue = Chain<Store<0, float>, Store<1, float>>;
};
using int8_gate_up = encoded_gate_up<Int8<bf16>>;
using int8_groups_gate_up = encoded_gate_up<Grouped<Int8<bf16>, 32, f16>>;
using int4_gate_up = encoded_gate_up<Grouped<Int4<bf16>, 128, f16>>;
using int4_zeros_gate_up = encoded_gate_up<Grouped<Int4<bf16>, 32, bf16, true>>;
using fp8_gate_up = encoded_gate_up<Fp8<bf16>>;
using fp8_groups_gate_up = encoded_gate_up<Grouped<Fp8<bf16>, 128, float>>;
using q4_k_gate_up = encoded_gate_up<Q4K<bf16>>;
using q5_k_gate_up = encoded_gate_up<Q5K<bf16>>;
using q6_k_gate_up = encoded_gate_up<Q6K<bf16>>;
using q6_k_minima_gate_up = encoded_gate_up<Q6K<bf16, true>>;
template <class E> struct encoded_rows {
  using weight_type = f16;
  using encoding = E;
  using input_type = float;
  using segment_rows = Rows<37>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 1000, k_ways = 4;
  using k_groups = Steps<0, 3, 20>;
  static constexpr int tiles_per_block = 1, threads = 128, steps_in_flight = 2;
  using prologue = PlainPrologue<encoded_rows>;
  using epilogue = Chain<Store<0, float>>;
};
using int8_rows = encoded_rows<Int8<f16>>;
using int8_groups_rows = encoded_rows<Grouped<Int8<f16>, 64, bf16>>;
using int4_rows = encoded_rows<Grouped<Int4<f16>, 32, float>>;
using int4_zeros_rows = encoded_rows<Grouped<Int4<f16>, 64, f16, true>>;
using fp8_rows = encoded_rows<Fp8<f16>>;
using fp8_groups_rows = encoded_rows<Grouped<Fp8<f16>, 64, float>>;
using q4_k_rows = encoded_rows<Q4K<f16>>;
using q5_k_rows = encoded_rows<Q5K<f16>>;
using q6_k_rows = encoded_rows<Q6K<f16>>;
using q6_k_minima_rows = encoded_rows<Q6K<f16, true>>;

// Nothing but sums, of 37 steps.
template <class Groups, int ways, int tiles, int block_threads, int in_flight> struct sums {
  using weight_type = bf16;
  using encoding = Tiles16<bf16>;
  using input_type = float;
  using segment_rows = Rows<40>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 1174, k_ways = ways;
  using k_groups = Groups;
  static constexpr int tiles_per_block = tiles, threads = block_threads, steps_in_flight = in_flight;
  using prologue = PlainPrologue<sums>;
  using epilogue = Chain<Store<0, float>>;
};
using sum_parts = sums<Steps<0, 3, 20>, 4, 1, 384, 2>;       // of five, four, one and no steps, a warp each
using sum_parts_by_few = sums<Steps<0, 3, 20>, 4, 2, 96, 4>; // in the same order
using sum_ways = sums<Steps<0>, 32, 1, 1024, 3>;
using sum_groups = sums<Steps<0, 1, 2, 36>, 1, 2, 64, 4>;

// The head: an odd vocabulary, odd columns, argmax over several blocks.
struct head {
  using weight_type = bf16;
  using encoding = Tiles16<bf16>;
  using input_type = float;
  using segment_rows = Rows<501>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 198, k_ways = 2;
  using k_groups = Steps<0, 1, 6>;
  static constexpr int tiles_per_block = 2, threads = 448, steps_in_flight = 1;
  using prologue = PlainPrologue<head>;
  struct argmax {
    static constexpr int segment = 0;
  };
  using epilogue = Chain<Argmax<argmax>>;
};

template <int q_heads, int key_heads, int dim, int context_splits, int block_threads, class Output = float>
struct attention {
  using query_type = float;
  using output_type = Output;
  using cache_type = bf16;
  static constexpr int heads = q_heads, kv_heads = key_heads, head_dim = dim;
  static constexpr float scale = 0.125f;
  static constexpr int splits = context_splits, split_multiple = 16, threads = block_threads;
};
using attend_16 = attention<4, 2, 16, 3, 256>;
using attend_64 = attention<4, 2, 64, 4, 256>;
using attend_128 = attention<4, 2, 128, 1, 256>;
using attend_group_16 = attention<16, 1, 64, 3, 256>;
struct attend_subgroups : attention<6, 2, 64, 3, 256> { // each head on its own, three read the same keys
  static constexpr int subgroups = 3;
};
using attend_80 = attention<5, 1, 80, 2, 512>;
template <int context_splits> struct windowed_attention : attention<4, 2, 64, context_splits, 256> {
  static constexpr bool windowed = true;
};
using attend_window = windowed_attention<4>;
using attend_window_one_split = windowed_attention<1>;
struct attend_ring : windowed_attention<4> {
  static constexpr bool ring_cache = true;
};
template <int context_splits> struct capped_attention : attention<4, 2, 64, context_splits, 256> {
  static constexpr float cap = 1.5f;
};
using attend_capped = capped_attention<3>;
using attend_256 = attention<6, 2, 256, 2, 256, bf16>;
// Two warps a chunk, several chunks each; slices that are full, that end within 32 elements, and of which the second is
// shorter.
using attend_slices_256 = attention<6, 2, 256, 1, 128>;
using attend_slices_160 = attention<6, 2, 160, 1, 128>;
using attend_slices_136 = attention<2, 1, 136, 2, 64>;
using attend_slices_248 = attention<12, 2, 248, 1, 256>; // two sets

struct norm_all {
  using inputs = Inputs<bf16>;
  static constexpr int rows = 200, block_rows = 200, threads = 64;
  struct rms_norm {
    static constexpr int segment = 0, group_size = 200;
    static constexpr float eps = 1e-5f;
  };
  using epilogue = Chain<RmsNorm<rms_norm>, Store<0, float>>;
};
struct layer_norm_all {
  using inputs = Inputs<float>;
  static constexpr int rows = 200, block_rows = 200, threads = 64;
  struct layer_norm {
    static constexpr int segment = 0, group_size = 200;
    static constexpr bool bias = true;
    static constexpr float eps = 1e-5f;
  };
  using epilogue = Chain<LayerNorm<layer_norm>, Store<0, float>>;
};
struct layer_norm_heads {
  using inputs = Inputs<bf16>;
  static constexpr int rows = 144, block_rows = 96, threads = 32;
  struct layer_norm {
    static constexpr int segment = 0, group_size = 16;
    static constexpr bool bias = false;
    static constexpr float eps = 1e-5f;
  };
  using epilogue = Chain<LayerNorm<layer_norm>, Store<0, float>>;
};
// A norm of a whole product's result, and the residual.
struct post_norm {
  using inputs = Inputs<float>;
  static constexpr int rows = 1000, block_rows = 1000, threads = 256;
  struct rms_norm {
    static constexpr int segment = 0, group_size = 1000;
    static constexpr float eps = 1e-5f;
  };
  struct add {
    static constexpr int segment = 0;
    using operand_type = float;
  };
  using epilogue = Chain<RmsNorm<rms_norm>, Add<add>, Store<0, float>>;
};
struct gelu_mul_add {
  using inputs = Inputs<float, bf16>;
  static constexpr int rows = 200, block_rows = 64, threads = 32;
  struct gelu_tanh {
    static constexpr int segment = 0;
  };
  struct mul {
    static constexpr int lhs = 0, rhs = 1;
  };
  struct add {
    static constexpr int segment = 0;
    using operand_type = bf16;
  };
  using epilogue = Chain<GeluTanh<gelu_tanh>, Mul<mul>, Add<add>, Store<0, float>>;
};
struct gelu_scale_cap {
  using inputs = Inputs<float>;
  static constexpr int rows = 200, block_rows = 64, threads = 32;
  struct gelu {
    static constexpr int segment = 0;
  };
  struct scale {
    static constexpr int segment = 0;
    static constexpr float factor = -1.75f;
  };
  struct softcap {
    static constexpr int segment = 0;
    static constexpr float cap = 2.5f;
  };
  using epilogue = Chain<Gelu<gelu>, Scale<scale>, Softcap<softcap>, Store<0, float>>;
};
// Neighbours of a part of each head, of one block and of several.
struct rotate_neighbours {
  using inputs = Inputs<float>;
  static constexpr int rows = 160, block_rows = 96, threads = 32;
  struct rope_interleaved {
    static constexpr int segment = 0, head_dim = 32, rotary_dim = 24;
  };
  using epilogue = Chain<RopeInterleaved<rope_interleaved>, Store<0, float>>;
};
struct select_token {
  using inputs = Inputs<float>;
  static constexpr int rows = 1001, block_rows = 256, threads = 64;
  struct argmax {
    static constexpr int segment = 0;
  };
  using epilogue = Chain<Argmax<argmax>>;
};

} // namespace cadenza::phase
