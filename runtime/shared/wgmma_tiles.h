// How the product of many tokens is divided on Hopper (codegen/kernels/wgmma_product.cuh), and the tensor maps
// through which the kernel reads its operands: the same formulas for who launches and for the kernel. Plain constexpr.
#pragma once

#include "encoding.h"
#include "types.h"

namespace cadenza {

/// Shared memory that a block may have.
constexpr int wgmma_shared_limit = 227 * 1024;

/// A block computes `rows` x `tokens` of the result at a time, with row_groups x token_groups warpgroups, each an equal
/// part, and one more that fetches. `stages` steps of 64 columns are in shared memory. The blocks of a cluster have
/// neighbouring tiles of rows and the same tokens, of which each fetches a part for all.
struct WgmmaTiles {
  int rows, tokens;
  int row_groups, token_groups;
  int stages;
  int cluster;

  static constexpr int depth = 64, chunk_tokens = 16, barriers_bytes = 256;

  CADENZA_EVERYWHERE constexpr int consumers() const { return row_groups * token_groups; }
  CADENZA_EVERYWHERE constexpr int threads() const { return 128 * (consumers() + 1); }
  CADENZA_EVERYWHERE constexpr int weights_bytes() const { return rows * depth * 2; }
  CADENZA_EVERYWHERE constexpr int stage_bytes() const { return (rows + tokens) * depth * 2; }
  /// Of a chunk of tokens' results on their way out, fp32. Rows of neighbouring lanes are in different banks.
  CADENZA_EVERYWHERE constexpr int value_stride() const { return rows + 4; }
  CADENZA_EVERYWHERE constexpr int chunk_bytes() const { return chunk_tokens * value_stride() * 4; }
  CADENZA_EVERYWHERE constexpr int shared_bytes() const {
    return stages * stage_bytes() + 2 * token_groups * chunk_bytes() + barriers_bytes;
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

} // namespace cadenza
