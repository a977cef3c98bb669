// Configurations of the kernels of tiles of tokens, in the form of generated source. Included by the kernels and, for
// the geometry, by the tests. A phase's configuration serves PrepareTokens and ProjectTokens.
#pragma once

#include "embed_tokens.cuh"
#include "last_token.cuh"
#include "map_tokens.cuh"
#include "project_tokens.cuh"

namespace cadenza::tokens {

// Query, key and value: 4 heads on 2 KV heads. Six steps of columns.
CADENZA_EVERYWHERE constexpr int rotary_of(int dim) { return dim >= 96 ? dim : 48; }
template <class Tiles, Tiles how, int dim, int rotary = rotary_of(dim)> struct qkv_of {
  using weight_type = bf16;
  using encoding = Tiles16<bf16>;
  using input_type = float;
  using segment_rows = Rows<4 * dim, 2 * dim, 2 * dim>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 192, threads = 64;
  static constexpr Tiles tiles = how;
  struct norm {
    static constexpr int group_size = 192;
    static constexpr float eps = 1e-6f;
    static constexpr bool defer_scale = true;
  };
  using prologue = RmsNormPrologue<qkv_of, norm>;
  template <int of> struct head_norm {
    static constexpr int segment = of, group_size = dim;
    static constexpr float eps = 1e-6f;
  };
  template <int of> struct rotation {
    static constexpr int segment = of, head_dim = dim, rotary_dim = rotary;
  };
  struct append {
    static constexpr int key = 1, value = 2, kv_heads = 2, head_dim = dim;
    static constexpr bool ring_cache = true;
    using cache_type = bf16;
  };
  using epilogue = Chain<RmsNorm<head_norm<0>>, RmsNorm<head_norm<1>>, Rope<rotation<0>>, Rope<rotation<1>>,
                         KvAppend<append>, Store<0, float>>;
};
template <TokenTiles how, int dim> using qkv = qkv_of<TokenTiles, how, dim>;
using qkv_one_warp = qkv<TokenTiles{16, 64, 32, 2, 1, 1}, 64>;
using qkv_row_warps = qkv<TokenTiles{16, 128, 64, 3, 1, 4}, 64>;
using qkv_all_ahead = qkv<TokenTiles{32, 128, 32, 8, 1, 2}, 64>;
using qkv_last_stage = qkv<TokenTiles{64, 64, 128, 2, 2, 2}, 64>; // of two steps, where others have four
using qkv_token_warps = qkv<TokenTiles{64, 64, 64, 2, 4, 1}, 64>;
using qkv_72 =
    qkv<TokenTiles{16, 72, 32, 3, 1, 1}, 72>; // nine stripes: blocks that begin in the middle of a packed tile
using qkv_80 = qkv<TokenTiles{32, 80, 64, 2, 1, 2}, 80>;
using qkv_96 = qkv<TokenTiles{32, 96, 32, 3, 2, 2}, 96>;
using qkv_128 = qkv<TokenTiles{16, 128, 32, 4, 1, 8}, 128>;
using qkv_128_in_shared = qkv_of<TokenTiles, TokenTiles{32, 128, 32, 4, 2, 2}, 128, 40>; // quads are not rotated whole
using qkv_256 = qkv<TokenTiles{32, 256, 32, 3, 2, 4}, 256>;

// Gate and up, interleaved; a prologue that is not deferred; a last block of rows that is not full.
template <class Tiles, Tiles how> struct gate_up_of {
  using weight_type = bf16;
  using encoding = Tiles16<bf16>;
  using input_type = bf16;
  using segment_rows = Rows<104, 104>;
  static constexpr bool interleaved = true;
  static constexpr int columns = 160, threads = 32;
  static constexpr Tiles tiles = how;
  struct norm {
    static constexpr int group_size = 160;
    static constexpr float eps = 1e-5f;
    static constexpr bool defer_scale = false;
  };
  using prologue = RmsNormPrologue<gate_up_of, norm>;
  struct silu {
    static constexpr int segment = 0;
  };
  struct mul {
    static constexpr int lhs = 0, rhs = 1;
  };
  using epilogue = Chain<Silu<silu>, Mul<mul>, Store<0, bf16>>;
};
template <TokenTiles how> using gate_up = gate_up_of<TokenTiles, how>;
using gate_up_small = gate_up<TokenTiles{16, 48, 32, 3, 1, 3}>;
using gate_up_wide = gate_up<TokenTiles{64, 96, 64, 2, 2, 2}>;
using gate_up_passes = gate_up<TokenTiles{64, 512, 32, 2, 2, 4}>; // sums in two parts; most rows do not exist

// Codes: of a norm that is deferred, interleaved; and of an odd number of rows, f16, no multiple of 32 columns.
template <class E, TokenTiles how> struct encoded_gate_up {
  using weight_type = bf16;
  using encoding = E;
  using input_type = float;
  using segment_rows = Rows<104, 104>;
  static constexpr bool interleaved = true;
  static constexpr int columns = 200, threads = 64;
  static constexpr TokenTiles tiles = how;
  struct norm {
    static constexpr int group_size = 200;
    static constexpr float eps = 1e-5f;
    static constexpr bool defer_scale = true;
  };
  using prologue = RmsNormPrologue<encoded_gate_up, norm>;
  using epilogue = Chain<Store<0, float>, Store<1, float>>;
};
template <class E> using encoded_small = encoded_gate_up<E, TokenTiles{16, 48, 64, 3, 1, 3}>;
template <class E> using encoded_wide = encoded_gate_up<E, TokenTiles{64, 96, 32, 4, 2, 2}>;
using int8_small = encoded_small<Int8<bf16>>;
using int8_wide = encoded_wide<Int8<bf16>>;
using int8_groups_small = encoded_small<Grouped<Int8<bf16>, 32, f16>>;
using int8_groups_wide = encoded_wide<Grouped<Int8<bf16>, 32, f16>>;
using int4_small = encoded_small<Grouped<Int4<bf16>, 128, f16>>;
using int4_wide = encoded_wide<Grouped<Int4<bf16>, 128, f16>>;
using int4_zeros_small = encoded_small<Grouped<Int4<bf16>, 32, bf16, true>>;
using int4_zeros_wide = encoded_wide<Grouped<Int4<bf16>, 32, bf16, true>>;
using fp8_small = encoded_small<Fp8<bf16>>;
using fp8_wide = encoded_wide<Fp8<bf16>>;
using fp8_groups_small = encoded_small<Grouped<Fp8<bf16>, 128, float>>;
using fp8_groups_wide = encoded_wide<Grouped<Fp8<bf16>, 128, float>>;
using q4_k_small = encoded_small<Q4K<bf16>>;
using q4_k_wide = encoded_wide<Q4K<bf16>>;
using q5_k_small = encoded_small<Q5K<bf16>>;
using q5_k_wide = encoded_wide<Q5K<bf16>>;
using q6_k_small = encoded_small<Q6K<bf16>>;
using q6_k_wide = encoded_wide<Q6K<bf16>>;
using q6_k_minima_small = encoded_small<Q6K<bf16, true>>;
using q6_k_minima_wide = encoded_wide<Q6K<bf16, true>>;
template <class E, TokenTiles how> struct encoded_odd {
  using weight_type = f16;
  using encoding = E;
  using input_type = float;
  using segment_rows = Rows<37>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 200, threads = 96;
  static constexpr TokenTiles tiles = how;
  using prologue = PlainPrologue<encoded_odd>;
  using epilogue = Chain<Store<0, float>>;
};
template <class E> using encoded_rows = encoded_odd<E, TokenTiles{32, 24, 32, 3, 2, 1}>;
template <class E> using encoded_rows_small = encoded_odd<E, TokenTiles{16, 8, 64, 2, 1, 1}>;
using int8_rows = encoded_rows<Int8<f16>>;
using int8_rows_small = encoded_rows_small<Int8<f16>>;
using int8_groups_rows = encoded_rows<Grouped<Int8<f16>, 64, bf16>>;
using int8_groups_rows_small = encoded_rows_small<Grouped<Int8<f16>, 64, bf16>>;
using int4_rows = encoded_rows<Grouped<Int4<f16>, 32, float>>;
using int4_rows_small = encoded_rows_small<Grouped<Int4<f16>, 32, float>>;
using int4_zeros_rows = encoded_rows<Grouped<Int4<f16>, 64, f16, true>>;
using int4_zeros_rows_small = encoded_rows_small<Grouped<Int4<f16>, 64, f16, true>>;
using fp8_rows = encoded_rows<Fp8<f16>>;
using fp8_rows_small = encoded_rows_small<Fp8<f16>>;
using fp8_groups_rows = encoded_rows<Grouped<Fp8<f16>, 64, float>>;
using fp8_groups_rows_small = encoded_rows_small<Grouped<Fp8<f16>, 64, float>>;
using q4_k_rows = encoded_rows<Q4K<f16>>;
using q4_k_rows_small = encoded_rows_small<Q4K<f16>>;
using q6_k_rows = encoded_rows<Q6K<f16>>;
using q6_k_rows_small = encoded_rows_small<Q6K<f16>>;

// Down: bias and residual, in place.
template <class Tiles, Tiles how> struct down_of {
  using weight_type = f16;
  using encoding = Tiles16<f16>;
  using input_type = float;
  using segment_rows = Rows<40>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 200, threads = 32;
  static constexpr Tiles tiles = how;
  using prologue = PlainPrologue<down_of>;
  struct bias {
    static constexpr int segment = 0;
  };
  struct add {
    static constexpr int segment = 0;
    using operand_type = float;
  };
  using epilogue = Chain<Bias<bias>, Add<add>, Store<0, float>>;
};
using down = down_of<TokenTiles, TokenTiles{16, 16, 32, 4, 1, 2}>;
using down_wide = down_of<TokenTiles, TokenTiles{32, 64, 64, 2, 2, 1}>;

// An input that the product reads as it lies, and functions of elements; neighbours that are rotated.
template <TokenTiles how> struct as_it_lies {
  using weight_type = bf16;
  using encoding = Tiles16<bf16>;
  using input_type = bf16;
  using segment_rows = Rows<96>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 96, threads = 32;
  static constexpr TokenTiles tiles = how;
  using prologue = PlainPrologue<as_it_lies>;
  struct rope_interleaved {
    static constexpr int segment = 0, head_dim = 32, rotary_dim = 24;
  };
  struct scale {
    static constexpr int segment = 0;
    static constexpr float factor = -1.75f;
  };
  struct softcap {
    static constexpr int segment = 0;
    static constexpr float cap = 2.5f;
  };
  using epilogue = Chain<RopeInterleaved<rope_interleaved>, Scale<scale>, Softcap<softcap>, Store<0, bf16>>;
};
using direct = as_it_lies<TokenTiles{16, 32, 32, 2, 1, 2}>;
using direct_wide = as_it_lies<TokenTiles{32, 96, 64, 2, 2, 1}>;

// A layer norm, a bias, GELU.
struct ungated {
  using weight_type = bf16;
  using encoding = Tiles16<bf16>;
  using input_type = float;
  using segment_rows = Rows<48>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 200, threads = 64, norm_sums = 2;
  static constexpr TokenTiles tiles{16, 16, 32, 3, 1, 1};
  struct norm {
    static constexpr int segment = 0, group_size = 200;
    static constexpr bool bias = true;
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

// A norm of a whole product's result, and the residual.
struct post_norm {
  using inputs = Inputs<float>;
  static constexpr int rows = 300, block_rows = 300, threads = 96;
  struct rms_norm {
    static constexpr int segment = 0, group_size = 300;
    static constexpr float eps = 1e-5f;
  };
  struct add {
    static constexpr int segment = 0;
    using operand_type = bf16;
  };
  using epilogue = Chain<RmsNorm<rms_norm>, Add<add>, Store<0, float>>;
};
// Several blocks a token.
struct rotate {
  using inputs = Inputs<bf16>;
  static constexpr int rows = 160, block_rows = 96, threads = 32;
  struct rope {
    static constexpr int segment = 0, head_dim = 32, rotary_dim = 32;
  };
  using epilogue = Chain<Rope<rope>, Store<0, float>>;
};

// What follows each other in a model: a norm, a product and the residual, in place; a map of the same rows.
struct square {
  using weight_type = bf16;
  using encoding = Tiles16<bf16>;
  using input_type = float;
  using segment_rows = Rows<100>;
  static constexpr bool interleaved = false;
  static constexpr int columns = 100, threads = 32;
  static constexpr TokenTiles tiles{16, 32, 32, 3, 1, 2};
  struct norm {
    static constexpr int group_size = 100;
    static constexpr float eps = 1e-5f;
    static constexpr bool defer_scale = true;
  };
  using prologue = RmsNormPrologue<square, norm>;
  struct add {
    static constexpr int segment = 0;
    using operand_type = float;
  };
  using epilogue = Chain<Add<add>, Store<0, float>>;
};
struct square_map {
  using inputs = Inputs<float>;
  static constexpr int rows = 100, block_rows = 64, threads = 32;
  struct silu {
    static constexpr int segment = 0;
  };
  using epilogue = Chain<Silu<silu>, Store<0, float>>;
};

struct embed_positioned {
  using weight_type = bf16;
  using positions_type = f16;
  using output_type = float;
  static constexpr int columns = 100, threads = 32;
  static constexpr float scale = 0.5f;
};
struct last_row {
  using type = float;
  static constexpr int columns = 100, threads = 64;
};

} // namespace cadenza::tokens

// clang-format off: it never settles on how to break these
#define CADENZA_TOKEN_PRODUCTS(X) \
  X(qkv_one_warp) X(qkv_row_warps) X(qkv_all_ahead) X(qkv_last_stage) X(qkv_token_warps) \
  X(qkv_72) X(qkv_80) X(qkv_96) X(qkv_128) X(qkv_128_in_shared) X(qkv_256) X(gate_up_small) X(gate_up_wide) X(gate_up_passes) \
  X(int8_small) X(int8_wide) X(int8_rows) X(int8_rows_small) \
  X(int8_groups_small) X(int8_groups_wide) X(int8_groups_rows) X(int8_groups_rows_small) \
  X(int4_small) X(int4_wide) X(int4_rows) X(int4_rows_small) \
  X(int4_zeros_small) X(int4_zeros_wide) X(int4_zeros_rows) X(int4_zeros_rows_small) \
  X(fp8_small) X(fp8_wide) X(fp8_rows) X(fp8_rows_small) \
  X(fp8_groups_small) X(fp8_groups_wide) X(fp8_groups_rows) X(fp8_groups_rows_small) \
  X(q4_k_small) X(q4_k_wide) X(q4_k_rows) X(q4_k_rows_small) X(q5_k_small) X(q5_k_wide) \
  X(q6_k_minima_small) X(q6_k_minima_wide) X(q6_k_small) X(q6_k_wide) X(q6_k_rows) X(q6_k_rows_small) \
  X(down) X(down_wide) X(direct) X(direct_wide) X(ungated) X(square)
#define CADENZA_TOKEN_PREPARES(X) \
  X(qkv_one_warp) X(gate_up_small) X(int8_small) X(int8_rows) X(down) X(ungated) X(square)
// clang-format on
