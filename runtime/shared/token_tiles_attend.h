// How the attention of a tile of tokens over the cache is divided (codegen/kernels/attend_tokens.cuh): the choice, and
// what follows from it for the launch, the same formulas in the compiler and in the kernel. Nothing but plain constexpr
// functions, in integers.
#pragma once

#include "everywhere.h"

namespace cadenza {

/// The rows of a KV head are the tile's tokens times the query heads that share that head, ordered by token, then head.
/// A block computes so many of them: 16 * row_blocks for each of its warps. It goes over `keys` positions at a time, of
/// which `stages` are in shared memory.
struct AttendTokenTiles {
  int warps, row_blocks;
  int keys; // attend_token_keys(head_dim), always: a row's bits follow from it
  int stages;

  CADENZA_EVERYWHERE constexpr int threads() const { return 32 * warps; }
  CADENZA_EVERYWHERE constexpr int rows() const { return 16 * warps * row_blocks; }
  constexpr bool operator==(const AttendTokenTiles &) const = default;
};

/// tokens: of the tile, a multiple of 16. head_dim: a multiple of 8, at most 256.
struct AttendTokenShape {
  int tokens, heads, kv_heads, head_dim;

  /// Of a KV head.
  CADENZA_EVERYWHERE constexpr int rows() const { return tokens * (heads / kv_heads); }
};

/// Positions that an online softmax takes at a time, from a multiple of that on. The sums of a row are divided there:
/// so they depend on nothing but the length of a head.
CADENZA_EVERYWHERE constexpr int attend_token_keys(int head_dim) { return head_dim <= 128 ? 64 : 32; }

/// What a row of shared memory has for a head's elements: 16-byte pieces, two of which are a step of the tensor cores.
/// Eight rows begin in eight different banks, or the order of pieces differs from row to row (attend_tokens.cuh).
CADENZA_EVERYWHERE constexpr int attend_token_pieces(int head_dim) { return (head_dim + 15) / 16 * 2; }
CADENZA_EVERYWHERE constexpr int attend_token_row_bytes(int head_dim) {
  const int pieces = attend_token_pieces(head_dim);
  return 16 * (pieces % 8 == 0 ? pieces : pieces | 1);
}

/// Whether queries stay in registers, or in shared memory, since those of heads that are so long, or of so many rows of
/// a warp, leave no room for the sums.
CADENZA_EVERYWHERE constexpr bool attend_token_keeps_queries(const AttendTokenTiles &tiles, int head_dim) {
  return tiles.row_blocks * head_dim <= 128;
}

/// What a launch has.
struct AttendTokenLaunch {
  int blocks, threads, shared_bytes;
};
CADENZA_EVERYWHERE constexpr AttendTokenLaunch attend_token_launch(const AttendTokenTiles &tiles,
                                                                   const AttendTokenShape &shape) {
  const int queries = attend_token_keeps_queries(tiles, shape.head_dim) ? 0 : tiles.rows();
  return {shape.rows() / tiles.rows() * shape.kv_heads, tiles.threads(),
          attend_token_row_bytes(shape.head_dim) * (queries + 2 * tiles.stages * tiles.keys)};
}

/// The division for a tile of tokens, on a GPU of so many multiprocessors. The rows of a block divide those of a KV
/// head: the kernel finds the tile's tokens from its grid. As measured on an H200 (test/gpu/graph_kernels/
/// attend_tokens.cu): four warps, if half of the multiprocessors have a block then; of 32 rows each, if heads are short
/// enough for that and three quarters of them have a block; two, if heads are long.
CADENZA_EVERYWHERE constexpr AttendTokenTiles attend_token_tiles(const AttendTokenShape &shape,
                                                                 int multiprocessors = 132) {
  const int rows = shape.rows() * shape.kv_heads;
  AttendTokenTiles tiles{2, 1, attend_token_keys(shape.head_dim), 2};
  if (shape.head_dim <= 128 && rows / 64 >= multiprocessors / 2)
    tiles.warps = 4;
  if (shape.head_dim <= 64 && rows / 128 >= multiprocessors * 3 / 4)
    tiles.row_blocks = 2;
  if (shape.rows() % tiles.rows() != 0)
    tiles.row_blocks = 1;
  while (tiles.warps > 1 && shape.rows() % tiles.rows() != 0) // one warp divides whatever tiles there are
    tiles.warps /= 2;
  return tiles;
}

// On Hopper (codegen/kernels/attend_tokens_wgmma.cuh)
// ------------------------------------------------------------------

/// A block has 64 rows of a KV head for each of `groups` warpgroups, and one more warpgroup that copies. `stages` times
/// attend_token_keys(head_dim) positions are in shared memory.
struct AttendWgmmaTiles {
  int groups, stages;

  CADENZA_EVERYWHERE constexpr int threads() const { return 128 * (groups + 1); }
  CADENZA_EVERYWHERE constexpr int rows() const { return 64 * groups; }
  constexpr bool operator==(const AttendWgmmaTiles &) const = default;
};

/// Lengths of heads that the kernel has: the columns of a wgmma, and sums and queries in registers.
CADENZA_EVERYWHERE constexpr bool attend_wgmma_fits(int head_dim) {
  return head_dim == 64 || head_dim == 96 || head_dim == 128;
}

/// Of the keys or values of a stage: rows of 128 bytes for each 64 elements.
CADENZA_EVERYWHERE constexpr int attend_wgmma_tile_bytes(int head_dim) {
  return (head_dim + 63) / 64 * attend_token_keys(head_dim) * 128;
}

CADENZA_EVERYWHERE constexpr AttendTokenLaunch attend_wgmma_launch(const AttendWgmmaTiles &tiles,
                                                                   const AttendTokenShape &shape) {
  return {shape.rows() / tiles.rows() * shape.kv_heads, tiles.threads(),
          tiles.stages * (2 * attend_wgmma_tile_bytes(shape.head_dim) + 16)};
}

/// The division for a tile of tokens. groups == 0: the kernel of every GPU is expected to be faster. As measured on an
/// H200 (test/gpu/graph_kernels/attend_tokens.cu): not if half of the multiprocessors have no block; and not if short
/// heads fill the GPU more than twice, where what a block waits for is not the tensor unit.
CADENZA_EVERYWHERE constexpr AttendWgmmaTiles attend_wgmma_tiles(const AttendTokenShape &shape,
                                                                 int multiprocessors = 132) {
  const int blocks = shape.rows() / 64 * shape.kv_heads; // of one warpgroup
  if (!attend_wgmma_fits(shape.head_dim) || shape.rows() % 64 != 0 || blocks < multiprocessors / 2 ||
      (shape.head_dim == 64 && blocks > 4 * multiprocessors))
    return {0, 0};
  const bool two = shape.rows() % 128 == 0 && blocks / 2 >= multiprocessors * 9 / 10;
  return {two ? 2 : 1, 4};
}

} // namespace cadenza
