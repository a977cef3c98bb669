// Weight encodings: how a matrix lies in a plan and in device memory. The one place of these constants and formulas:
// compiler, packer, plan checks, executors and kernels take them from here. Nothing but plain constexpr.
//
// ## Tiles
// A matrix of [rows][columns] is cut into tiles of 16 rows; a tile is a sequence of steps of 32 columns, which lie one
// after the other, and tiles follow each other. A step of a tile is two units of 8 rows x 32 columns. What is missing
// in the last tile and the last step is zero. So a tile is contiguous, any run of its steps is, too, and a stripe (8
// rows) is every other unit of a tile. Weight (n, k) is number
//     ((n/16) * steps + k/32) * 512 + (n%16) * 32 + k%32
// in this order. A unit is what a warp multiplies by one tensor-core product (codegen/kernels/unit_product.cuh): lane l
// has the weights of row l/4, columns 8*(l%4) ..+8, which are unit_bytes/32 contiguous bytes.
//
// ## Scales
// An encoding may have a factor a row, an f32 each, which lie after all tiles: row_scale_bytes * (rows, padded) bytes.
// The product of a row is the sum of its stored weights times the vector, multiplied by the row's scale once it is
// complete (after all groups and ways of the sum), and then by the deferred factor of a norm, if there is one; both
// products round on their own. Padded rows have scale 0.
//
// docs/add-an-encoding.md says what else an encoding needs.
#pragma once

#include "everywhere.h"

namespace cadenza {

constexpr int tile_rows = 16, stripe_rows = 8, step_columns = 32;
constexpr int unit_weights = stripe_rows * step_columns, tile_step_weights = tile_rows * step_columns;
constexpr int lane_columns = unit_weights / 32; // of a unit: the columns of one row that a lane has

/// What a plan's weight can be: the position in the table.
enum class Encoding : unsigned char {
  vector,     // `rows` f32 values (norm weights, biases: widened by the compiler); no matrix
  rope_table, // `rows` f32 inverse frequencies, expanded at load; no matrix
  tiles16,    // the 16-bit weights themselves
  int8,       // -127 .. 127, times a scale a row: the row's largest magnitude / 127, rounded to nearest even
  tensor,     // elements of any type and shape as they are, row-major; no matrix
};
constexpr int encoding_count = 5;

struct EncodingFormat {
  const char *name;    // in plans, IR and on command lines; in CamelCase, of the device functor
  int unit_bytes;      // 0: no matrix
  int row_scale_bytes; // 4, or 0: no scales
  double error_bound;  // |stored - true weight| as a share of the largest magnitude of its row

  CADENZA_EVERYWHERE constexpr bool matrix() const { return unit_bytes > 0; }
  CADENZA_EVERYWHERE constexpr int tile_step_bytes() const { return 2 * unit_bytes; }
};

CADENZA_EVERYWHERE constexpr EncodingFormat format_of(Encoding encoding) {
  constexpr EncodingFormat formats[encoding_count] = {
      {"vector", 0, 0, 0},         {"rope_table", 0, 0, 0}, {"tiles16", 512, 0, 0},
      {"int8", 256, 4, 0.5 / 127}, {"tensor", 0, 0, 0},
  };
  return formats[static_cast<int>(encoding)];
}

// Extents, in any integer type ----------------------------------------------------------------------------------------

template <class Int> CADENZA_EVERYWHERE constexpr Int tiles_of(Int rows) { return (rows + tile_rows - 1) / tile_rows; }
template <class Int> CADENZA_EVERYWHERE constexpr Int steps_of(Int columns) {
  return (columns + step_columns - 1) / step_columns;
}
template <class Int> CADENZA_EVERYWHERE constexpr Int padded_rows(Int rows) { return tiles_of(rows) * tile_rows; }
template <class Int> CADENZA_EVERYWHERE constexpr Int padded_columns(Int columns) {
  return steps_of(columns) * step_columns;
}

// Addresses -----------------------------------------------------------------------------------------------------------

/// The number of weight (row, column) of a matrix with so many steps.
template <class Int> CADENZA_EVERYWHERE constexpr Int weight_index(Int row, Int column, Int steps) {
  return (row / tile_rows * steps + column / step_columns) * tile_step_weights + row % tile_rows * step_columns +
         column % step_columns;
}
/// Bytes of `weights` consecutive weights.
template <class Int> CADENZA_EVERYWHERE constexpr Int weight_bytes(const EncodingFormat &format, Int weights) {
  return weights / unit_weights * format.unit_bytes + weights % unit_weights * format.unit_bytes / unit_weights;
}
/// Bytes of all tiles, which is where the scales begin.
template <class Int> CADENZA_EVERYWHERE constexpr Int tiles_bytes(const EncodingFormat &format, Int rows, Int columns) {
  return tiles_of(rows) * steps_of(columns) * format.tile_step_bytes();
}
/// Bytes that a matrix takes.
template <class Int>
CADENZA_EVERYWHERE constexpr Int matrix_bytes(const EncodingFormat &format, Int rows, Int columns) {
  return tiles_bytes(format, rows, columns) + padded_rows(rows) * format.row_scale_bytes;
}
/// The same without padding: what cannot be read in fewer bytes.
template <class Int> CADENZA_EVERYWHERE constexpr Int dense_bytes(const EncodingFormat &format, Int rows, Int columns) {
  return weight_bytes(format, rows * columns) + rows * format.row_scale_bytes;
}

} // namespace cadenza
