// Divisions of the product of many tokens on Hopper that are tested.
#pragma once

#include "project_tokens_wgmma.cuh"
#include "tokens_configs.cuh"

namespace cadenza::wgmma {

struct Args {
  const arch::TensorMap *weights, *activations;
  int rows, columns, tokens, stride;
  void *out; // [tokens][stride]
};

template <class T, class Output, WgmmaTiles how> struct division {
  using type = T;
  using Out = Output;
  using Product = WgmmaProduct<T, how>;
  CADENZA_DEVICE static void run(const Args &args) {
    Product::begin();
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    Product::run({args.weights, args.activations}, {args.rows, args.columns, args.tokens},
                 StoreTokens<Out, how.rows>{static_cast<Out *>(args.out), args.rows, args.stride});
  }
};

using one_group = division<bf16, float, WgmmaTiles{64, 16, 1, 1, 3, 1}>;
using one_group_wide = division<f16, float, WgmmaTiles{64, 192, 1, 1, 2, 1}>;
using groups_of_rows = division<bf16, bf16, WgmmaTiles{128, 32, 2, 1, 4, 1}>;
using groups_of_tokens = division<bf16, float, WgmmaTiles{128, 64, 1, 2, 3, 1}>;
using two_blocks = division<bf16, float, WgmmaTiles{128, 64, 2, 1, 2, 2}>;
using two_blocks_of_tokens = division<f16, f16, WgmmaTiles{128, 192, 1, 2, 3, 2}>;
using many_rows = division<bf16, float, WgmmaTiles{256, 32, 2, 1, 2, 2}>;
using two_turns = division<bf16, float, WgmmaTiles{64, 32, 1, 1, 3, 1, 2}>;
using two_turns_of_pairs = division<f16, f16, WgmmaTiles{128, 64, 1, 1, 5, 2, 2}>;
using largest = division<bf16, float, WgmmaTiles{128, 256, 1, 2, 4, 2}>;

// The phases of tokens_configs.cuh.
template <WgmmaTiles how, int dim> using qkv = tokens::qkv_of<WgmmaTiles, how, dim>;
using qkv_64 = qkv<WgmmaTiles{64, 16, 1, 1, 2, 1}, 64>;
using qkv_64_pairs = qkv<WgmmaTiles{128, 64, 1, 2, 3, 2}, 64>; // two heads a tile
using qkv_128 = qkv<WgmmaTiles{128, 32, 2, 1, 3, 1}, 128>;
using qkv_128_turns = qkv<WgmmaTiles{128, 128, 1, 1, 5, 1, 2}, 128>;
using qkv_128_in_shared = tokens::qkv_of<WgmmaTiles, WgmmaTiles{128, 32, 2, 1, 3, 1}, 128, 40>;
using qkv_128_wide = qkv<WgmmaTiles{128, 256, 2, 1, 4, 1}, 128>; // all registers
using gate_up = tokens::gate_up_of<WgmmaTiles, WgmmaTiles{64, 32, 1, 1, 3, 1}>;
using gate_up_pairs =
    tokens::gate_up_of<WgmmaTiles, WgmmaTiles{128, 32, 2, 1, 2, 2}>; // the last two tiles are not full
using down = tokens::down_of<WgmmaTiles, WgmmaTiles{64, 32, 1, 1, 4, 1}>;

} // namespace cadenza::wgmma

/// All of them.
#define CADENZA_WGMMA_DIVISIONS(X)                                                                                     \
  X(one_group)                                                                                                         \
  X(one_group_wide)                                                                                                    \
  X(groups_of_rows)                                                                                                    \
  X(groups_of_tokens) X(two_blocks) X(two_blocks_of_tokens) X(many_rows) X(two_turns) X(two_turns_of_pairs) X(largest)
#define CADENZA_WGMMA_PHASES(X)                                                                                        \
  X(qkv_64)                                                                                                            \
  X(qkv_64_pairs) X(qkv_128) X(qkv_128_in_shared) X(qkv_128_wide) X(qkv_128_turns) X(gate_up) X(gate_up_pairs) X(down)
