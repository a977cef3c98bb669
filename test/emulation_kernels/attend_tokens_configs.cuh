// Configurations of attend_tokens.cuh, in the form of generated source.
#pragma once

#include "attend_tokens.cuh"
#include "attend_tokens_wgmma.cuh"

namespace cadenza::phase {

template <class Type, int Heads, int KvHeads, int Dim, int warps, int row_blocks, int stages = 2, class Query = float,
          class Result = float>
struct token_attention {
  using query_type = Query;
  using output_type = Result;
  using cache_type = Type;
  static constexpr int heads = Heads, kv_heads = KvHeads, head_dim = Dim;
  static constexpr float scale = 0.125f;
  static constexpr AttendTokenTiles tiles{
      .warps = warps, .row_blocks = row_blocks, .keys = attend_token_keys(Dim), .stages = stages};
};
template <class Base> struct with_window : Base {
  static constexpr bool windowed = true;
};
template <class Base> struct with_ring : with_window<Base> {
  static constexpr bool ring_cache = true;
};
template <class Base> struct with_cap : Base {
  static constexpr float cap = 1.5f;
};

using tokens_8 = token_attention<f16, 2, 2, 8, 1, 1>;
using tokens_24 = token_attention<f16, 2, 1, 24, 2, 1, 3>;
using tokens_64 = token_attention<bf16, 4, 2, 64, 1, 1>; // 16 rows a block
using tokens_64_two = token_attention<bf16, 4, 2, 64, 2, 1, 3>;
using tokens_64_wide = token_attention<bf16, 4, 2, 64, 1, 2>; // a warp has 32
using tokens_64_large = token_attention<bf16, 4, 2, 64, 4, 2>;
using tokens_80 = token_attention<f16, 12, 1, 80, 2, 1>;
using tokens_96_of_8 = token_attention<f16, 8, 1, 96, 4, 1, 2, f16, f16>;
using tokens_128 = token_attention<bf16, 2, 1, 128, 2, 1, 3, bf16, bf16>;
using tokens_128_wide = token_attention<bf16, 2, 1, 128, 1, 2, 2, bf16, bf16>; // queries in shared memory
using tokens_200 = token_attention<bf16, 1, 1, 200, 1, 1>;
using tokens_256 = token_attention<f16, 2, 1, 256, 2, 1>;
using tokens_window = with_window<tokens_64_two>;
using tokens_window_24 = with_window<tokens_24>; // elements behind the last are zeros, whatever the cache begins with
using tokens_window_256 = with_window<token_attention<f16, 3, 1, 256, 1, 1>>;
using tokens_ring = with_ring<tokens_64>;
using tokens_capped = with_cap<tokens_64>;

// On Hopper.
template <class Base, int groups, int stages> struct by_wgmma : Base {
  static constexpr AttendWgmmaTiles tiles{.groups = groups, .stages = stages};
};
using wgmma_64 = by_wgmma<tokens_64, 1, 2>;
using wgmma_64_two = by_wgmma<tokens_64, 2, 3>;
using wgmma_96_of_8 = by_wgmma<tokens_96_of_8, 2, 2>;
using wgmma_128 = by_wgmma<tokens_128, 1, 3>;
using wgmma_128_two = by_wgmma<tokens_128, 2, 2>;
using wgmma_window = with_window<wgmma_64>;
using wgmma_ring = with_ring<wgmma_64_two>;
using wgmma_capped = with_cap<wgmma_64>;

} // namespace cadenza::phase

// clang-format off: it never settles on how to break these
#define CADENZA_TOKEN_ATTENTIONS(X) \
  X(tokens_8) X(tokens_24) X(tokens_64) X(tokens_64_two) X(tokens_64_wide) X(tokens_64_large) X(tokens_80) \
  X(tokens_96_of_8) X(tokens_128) X(tokens_128_wide) X(tokens_200) X(tokens_256) X(tokens_window) X(tokens_window_24) \
  X(tokens_window_256) X(tokens_ring) X(tokens_capped)
#define CADENZA_TOKEN_ATTENTIONS_WGMMA(X) \
  X(wgmma_64) X(wgmma_64_two) X(wgmma_96_of_8) X(wgmma_128) X(wgmma_128_two) X(wgmma_window) X(wgmma_ring) \
  X(wgmma_capped)
// clang-format on
