// How the product of many tokens is divided on Hopper (codegen/kernels/wgmma_product.cuh), and the tensor maps
// through which the kernel reads its operands: the same formulas for who launches and for the kernel. Plain constexpr.
#pragma once

#include "token_tiles.h"
#include "types.h"

namespace cadenza {

/// Shared memory that a block may have.
constexpr int wgmma_shared_limit = 227 * 1024;

/// A block computes `rows` x `tokens` of the result at a time, with row_groups x token_groups warpgroups, each an equal
/// part, and one more that fetches. `stages` steps of 64 columns are in shared memory. The blocks of a cluster have
/// neighbouring tiles of rows and the same tokens, of which each fetches a part for all. With two turns there are twice
/// as many warpgroups, of which one half multiplies its tile while the other stores the one before.
struct WgmmaTiles {
  int rows, tokens;
  int row_groups, token_groups;
  int stages;
  int cluster;
  int turns = 1;

  static constexpr int depth = 64, barriers_bytes = 256;

  CADENZA_EVERYWHERE constexpr int consumers() const { return row_groups * token_groups * turns; }
  /// Tokens of a warpgroup that are on their way out at a time: four for each of the warps that store them.
  CADENZA_EVERYWHERE constexpr int chunk_tokens() const {
    const int wanted = 16 * row_groups;
    return tokens / token_groups % wanted == 0 ? wanted : 16;
  }
  CADENZA_EVERYWHERE constexpr int threads() const { return 128 * (consumers() + 1); }
  CADENZA_EVERYWHERE constexpr int weights_bytes() const { return rows * depth * 2; }
  CADENZA_EVERYWHERE constexpr int stage_bytes() const { return (rows + tokens) * depth * 2; }
  /// Of a chunk of tokens' results on their way out, fp32. Rows of neighbouring lanes are in different banks.
  CADENZA_EVERYWHERE constexpr int value_stride() const { return rows + 4; }
  CADENZA_EVERYWHERE constexpr int chunk_bytes() const { return chunk_tokens() * value_stride() * 4; }
  CADENZA_EVERYWHERE constexpr int shared_bytes() const {
    return stages * stage_bytes() + 2 * token_groups * turns * chunk_bytes() + barriers_bytes;
  }
  constexpr bool operator==(const WgmmaTiles &) const = default;
};

/// What cuTensorMapEncodeTiled wants to know of a tensor of 16-bit elements; innermost first.
struct TensorMapShape {
  int rank;
  uint64_t extents[4];
  uint64_t strides[3]; // bytes, of all but the innermost
  uint32_t box[4];
  int swizzle_bytes; // 64 or 128: the bytes of a box's innermost rows
};

/// A packed matrix (encoding.h, tiles16): boxes of `tiles.rows` rows x 64 columns, as two steps one after the other,
/// each [rows][32]. Coordinates: column in the step, row in the tile, tile, step.
CADENZA_EVERYWHERE constexpr TensorMapShape weights_map(const WgmmaTiles &tiles, uint64_t rows, uint64_t columns) {
  const uint64_t steps = steps_of(columns);
  return {4,
          {step_columns, tile_rows, tiles_of(rows), steps},
          {step_columns * 2, steps * (tile_step_weights * 2), tile_step_weights * 2},
          {step_columns, tile_rows, static_cast<uint32_t>(tiles.rows / tile_rows), 2},
          64};
}

/// Activations [tokens][stride] of 16-bit elements, of which `columns` count; stride is a multiple of 8. Boxes of 64
/// columns of the tokens that one block of a cluster fetches. Coordinates: column, token.
CADENZA_EVERYWHERE constexpr TensorMapShape activations_map(const WgmmaTiles &tiles, uint64_t tokens, uint64_t columns,
                                                            uint64_t stride) {
  return {2,
          {columns, tokens, 1, 1},
          {stride * 2, 0, 0},
          {WgmmaTiles::depth, static_cast<uint32_t>(tiles.tokens / tiles.cluster), 1, 1},
          128};
}

// The choice ----------------------------------------------------------------------------------------------------------

/// Shared memory of a block of ProjectTokensWgmma: that of the product, and what the epilogue functions of each warp
/// need besides.
CADENZA_EVERYWHERE constexpr int wgmma_shared_bytes(const WgmmaTiles &tiles, int slots) {
  return tiles.shared_bytes() + 4 * 4 * tiles.consumers() * scratch_floats_of(tiles.rows / slots);
}

/// Blocks of a launch of a product of T tokens with a matrix of `rows`: as many as there are tiles, but no more than
/// stay for all of them.
CADENZA_EVERYWHERE constexpr int wgmma_blocks(const WgmmaTiles &tiles, int tokens, int rows, int slots,
                                              int multiprocessors) {
  const int clusters = (tokens + tiles.tokens - 1) / tiles.tokens *
                       ((rows + tiles.rows * tiles.cluster - 1) / (tiles.rows * tiles.cluster));
  const int resident = 2 * (wgmma_shared_bytes(tiles, slots) + 1024) <= 228 * 1024 ? 2 : 1;
  const int most = multiprocessors / tiles.cluster * resident;
  return (clusters < most ? clusters : most) * tiles.cluster;
}

/// Whether the kernel can divide the product so.
CADENZA_EVERYWHERE constexpr bool wgmma_tiles_fit(const WgmmaTiles &tiles, const TokenShape &shape) {
  return shape.unit_bytes == 2 * unit_weights && tiles.rows % (stripe_rows * shape.slots) == 0 &&
         tiles.rows / shape.slots % shape.row_group == 0 && shape.segment_divisor % tiles.rows == 0 &&
         wgmma_shared_bytes(tiles, shape.slots) <= wgmma_shared_limit;
}

/// Picoseconds that a division is expected to take, but for what all take: enough to tell a good one from a bad one.
/// The numbers were fitted to 736 measurements on an H200 (test/gpu/token_kernels/project_wgmma.cu), whose choices
/// are 1.4 % slower than the best on average. A step of a multiprocessor takes as long as its blocks multiply, or copy
/// from the L2 cache, or as all blocks together copy, or as one waits.
CADENZA_EVERYWHERE constexpr long wgmma_tiles_cost(const WgmmaTiles &tiles, const TokenShape &shape,
                                                   int multiprocessors) {
  const long blocks = wgmma_blocks(tiles, shape.tokens, shape.rows, shape.slots, multiprocessors);
  const long row_tiles = (shape.rows + tiles.rows * tiles.cluster - 1) / (tiles.rows * tiles.cluster) * tiles.cluster;
  const long all = (shape.tokens + tiles.tokens - 1) / tiles.tokens * row_tiles;
  const long waves = (all + blocks - 1) / blocks, together = (blocks + multiprocessors - 1) / multiprocessors;
  const long steps = (shape.columns + WgmmaTiles::depth - 1) / WgmmaTiles::depth;
  const long products = static_cast<long>(tiles.rows) * tiles.tokens; // of a column
  const long lines = tiles.rows + tiles.tokens / tiles.cluster;       // of 128 bytes, that a block fetches in a step
  const long multiply = together * products * 25;
  const long copy = together * lines * 1490, copy_all = blocks * lines * 17;
  long step = 171'000;
  step = step > multiply ? step : multiply;
  step = step > copy ? step : copy;
  step = step > copy_all ? step : copy_all;
  return waves * (steps * step + together * products * 10) + (tiles.cluster > 1 ? 3'000'000 : 0);
}

/// The division of a product for a GPU of so many multiprocessors: one of those that were measured, or, for row groups
/// that need many rows, like those. tokens == 0: there is none.
CADENZA_EVERYWHERE constexpr WgmmaTiles wgmma_tiles(const TokenShape &shape, int multiprocessors) {
  constexpr WgmmaTiles candidates[] = {
      {128, 256, 2, 1, 4, 1}, {128, 192, 2, 1, 4, 1}, {128, 192, 2, 1, 4, 2}, {128, 128, 2, 1, 6, 1},
      {128, 128, 2, 1, 6, 2}, {128, 64, 2, 1, 8, 1},  {64, 256, 1, 1, 5, 1},  {64, 128, 1, 1, 4, 1},
      {64, 64, 1, 1, 6, 1},   {64, 64, 1, 1, 12, 1},  {64, 32, 1, 1, 8, 1},   {64, 32, 1, 1, 16, 1},
      {64, 16, 1, 1, 10, 1},  {64, 16, 1, 1, 16, 1},  {128, 32, 2, 1, 8, 1},  {128, 16, 2, 1, 8, 1},
      {256, 128, 2, 1, 3, 1}, {256, 64, 2, 1, 4, 1},  {256, 16, 2, 1, 4, 1}};
  WgmmaTiles best{};
  long best_cost = -1;
  for (const WgmmaTiles &tiles : candidates) {
    if (!wgmma_tiles_fit(tiles, shape))
      continue;
    const long cost = wgmma_tiles_cost(tiles, shape, multiprocessors);
    if (best_cost < 0 || cost < best_cost) {
      best = tiles;
      best_cost = cost;
    }
  }
  return best;
}

/// Whether that is expected to be faster than the kernel of every GPU, divided as token_tiles says. What all divisions
/// take besides, the fit of 16 tokens says: about 2.2 us.
CADENZA_EVERYWHERE constexpr bool wgmma_pays(const WgmmaTiles &tiles, const TokenShape &shape, int multiprocessors) {
  const TokenTiles others = token_tiles(shape, multiprocessors);
  if (others.tokens == 0)
    return true;
  const long products = wgmma_tiles_cost(tiles, shape, multiprocessors);
  const long from_memory = 2L * shape.rows * shape.columns * 1000 / 4200;
  return 2'200'000 + (products > from_memory ? products : from_memory) <
         token_tiles_cost(others, shape, multiprocessors);
}

} // namespace cadenza
