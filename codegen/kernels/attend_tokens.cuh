// Attention of a tile of tokens over the cache, which already holds the keys and values of those tokens: softmax(score(Q
// Kᵀ)) V, causal, with an online softmax. (Of one token: attend.cuh.)
//
// Token i of the tile is at position state->position + i; min(T, forced_tokens - position) tokens are live, and the
// others compute, read and write nothing. The rows of a KV head are tokens x query heads that share it, so that keys
// and values are read once for all of these. A block has some rows of one KV head, of which each warp has 16 or 32, and
// takes positions `keys` at a time, from multiples of that on, in ascending order: those that any of its rows sees. Blocks
// of positions that a row does not see change nothing of it. So a row's bits depend neither on T nor on its place in
// the tile.
//
// ## What is rounded
// Queries and weights are rounded to the cache's type, with an error of 2^-9 (bf16) or 2^-12 (f16) of each; scores and
// sums are fp32, the scale is applied to scores. (attend.cuh rounds neither.) A query that is of the cache's type
// already is exact.
//
// ## Config
//   query_type, output_type       float, bf16, f16
//   cache_type                    bf16 or f16
//   heads, kv_heads, head_dim     head_dim is a multiple of 8, at most 256
//   scale                         above 0
//   cap, windowed, ring_cache     as in attend.cuh, if it has them
//   tiles                         a constexpr AttendTokenTiles (shared/token_tiles_attend.h)
// Arguments: [q, output, cache key, cache value, state, the cache's positions], if windowed [window] (positions; 0: all).
// q and output are edges of T tokens of heads * head_dim elements, each at a multiple of 256 bytes. A ring keeps window +
// T - 1 positions at least. Grid: attend_token_launch(tiles, {T, ...}).blocks, from which the kernel knows T.
