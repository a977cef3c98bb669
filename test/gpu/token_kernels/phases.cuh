// The products of a layer of two models, for the probes of tiles of tokens.
#pragma once

#include "probe.cuh"
#include "project_tokens.cuh"

namespace cadenza::probe {

// The phases of a layer -----------------------------------------------------------------------------------------------

/// A chain that is not done in registers: a token a warp, in shared memory (token_epilogue.cuh).
template <class Functions> struct InShared : Functions {
  static constexpr int row_period = 1;
};
template <class Functions, bool shared> using Where = std::conditional_t<shared, InShared<Functions>, Functions>;

/// Query, key and value; `normed`: with norms of heads.
template <int Q, int KV, int K, int dim, bool normed, class E, auto how, bool shared = false> struct Qkv {
  using weight_type = bf16;
  using encoding = E;
  using input_type = float;
  using segment_rows = Rows<Q, KV, KV>;
  static constexpr bool interleaved = false;
  static constexpr int columns = K, threads = 128, row_group = dim, divisor = KV;
  static constexpr auto tiles = how;
  struct norm {
    static constexpr int group_size = K;
    static constexpr float eps = 1e-6f;
    static constexpr bool defer_scale = true;
  };
  using prologue = RmsNormPrologue<Qkv, norm>;
  template <int of> struct head_norm {
    static constexpr int segment = of, group_size = dim;
    static constexpr float eps = 1e-6f;
  };
  template <int of> struct rotation {
    static constexpr int segment = of, head_dim = dim, rotary_dim = dim;
  };
  struct append {
    static constexpr int key = 1, value = 2, kv_heads = KV / dim, head_dim = dim;
    using cache_type = bf16;
  };
  template <bool, class = void> struct With {
    using type = Chain<RmsNorm<head_norm<0>>, RmsNorm<head_norm<1>>, Rope<rotation<0>>, Rope<rotation<1>>,
                       KvAppend<append>, Store<0, bf16>>;
  };
  template <class Any> struct With<false, Any> {
    using type = Chain<Rope<rotation<0>>, Rope<rotation<1>>, KvAppend<append>, Store<0, bf16>>;
  };
  using epilogue = Where<typename With<normed>::type, shared>;

  using Output = bf16;
  static constexpr int outputs = Q;
};

/// Gate and up.
template <int R, int K, class E, auto how, bool shared = false> struct GateUp {
  using weight_type = bf16;
  using encoding = E;
  using input_type = float;
  using segment_rows = Rows<R, R>;
  static constexpr bool interleaved = true;
  static constexpr int columns = K, threads = 128, row_group = 1, divisor = 0;
  static constexpr auto tiles = how;
  struct norm {
    static constexpr int group_size = K;
    static constexpr float eps = 1e-6f;
    static constexpr bool defer_scale = true;
  };
  using prologue = RmsNormPrologue<GateUp, norm>;
  struct silu {
    static constexpr int segment = 0;
  };
  struct mul {
    static constexpr int lhs = 0, rhs = 1;
  };
  using epilogue = Where<Chain<Silu<silu>, Mul<mul>, Store<0, bf16>>, shared>;

  using Output = bf16;
  static constexpr int outputs = R;
};

/// What is added to the residual stream.
template <int R, int K, class E, auto how, bool shared = false> struct Residual {
  using weight_type = bf16;
  using encoding = E;
  using input_type = bf16;
  using segment_rows = Rows<R>;
  static constexpr bool interleaved = false;
  static constexpr int columns = K, threads = 128, row_group = 1, divisor = 0;
  static constexpr auto tiles = how;
  using prologue = PlainPrologue<Residual>;
  struct add {
    static constexpr int segment = 0;
    using operand_type = float;
  };
  using epilogue = Where<Chain<Add<add>, Store<0, float>>, shared>;

  using Output = float;
  static constexpr int outputs = R;
};

template <auto how, bool shared = false> using QwenQkv = Qkv<2048, 1024, 1024, 128, true, Tiles16<bf16>, how, shared>;
template <auto how, bool shared = false> using QwenOutput = Residual<1024, 2048, Tiles16<bf16>, how, shared>;
template <auto how, bool shared = false> using QwenGateUp = GateUp<3072, 1024, Tiles16<bf16>, how, shared>;
template <auto how, bool shared = false> using QwenDown = Residual<1024, 3072, Tiles16<bf16>, how, shared>;
template <auto how, bool shared = false> using LlamaQkv = Qkv<2048, 512, 2048, 64, false, Tiles16<bf16>, how, shared>;
template <auto how, bool shared = false> using LlamaOutput = Residual<2048, 2048, Tiles16<bf16>, how, shared>;
template <auto how, bool shared = false> using LlamaGateUp = GateUp<8192, 2048, Tiles16<bf16>, how, shared>;
template <auto how, bool shared = false> using LlamaDown = Residual<2048, 8192, Tiles16<bf16>, how, shared>;

} // namespace cadenza::probe
