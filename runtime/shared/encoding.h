// Weight encodings: how a matrix lies in a plan and in device memory. The one place of these constants and formulas:
// compiler, packer, plan checks, executors and kernels take them from here. Nothing but plain constexpr.
//
// ## Tiles
// A matrix of [rows][columns] is cut into tiles of 16 rows; a tile is a sequence of steps of 32 columns, which lie one
// after the other, and tiles follow each other. A step of a tile is two units of 8 rows x 32 columns. What is missing
// in the last tile and the last step is zero. So a tile is contiguous, any run of its steps is, too, and a stripe (8
// rows) is every other unit of a tile. A unit is what a warp multiplies by one tensor-core product
// (codegen/kernels/unit_product.cuh): lane l has the weights of row l/4, columns 8*(l%4) ..+8, its part of the unit,
// which is unit_bytes/32 contiguous bytes. Parts lie in the order of the lanes.
//
// ## Codes
// What is stored of a weight is its code. A part has eight of them, in the order of the columns:
//   tiles16  the 16-bit weight itself
//   int8     a signed byte
//   fp8      a byte: a float of 4 bits of exponent and 3 of mantissa (e4m3)
//   int4     half a byte, the integer + 8 (with zeros: the code itself): that of column 2i is bits 4i ..+4 of the part,
//            a 32-bit word, that of column 2i + 1 bits 4i + 16 ..+4. So a shift and a mask give two 16-bit halves.
//   q4_k     as int4
//   q5_k     the lower four bits as int4 (of the code itself); after those of all lanes, the fifth bits, a byte a lane:
//            of column 2i, bit i, and of column 2i + 1, bit i + 4
//   q6_k     the lower four bits as int4; after those of all lanes, the upper two, two bytes a lane: of code i, bits 2i
//            ..+2. Columns have another order: a tensor-core product has the sums of codes 0, 1, 4, 5 of all parts of a
//            row, and of codes 2, 3, 6, 7, apart. The former are columns 0 .. 15 of the step, the latter 16 .. 31
//            (column_in_step).
//
// ## Scales
// A code stands for scale * code, or scale * (code - zero). Where a row has one scale, scales are f32 and lie after all
// tiles: row_scale_bytes * (rows, padded) bytes. The product of a row is the sum of its codes times the vector,
// multiplied by the row's scale once it is complete (after all groups and ways of the sum), and then by the deferred
// factor of a norm, if there is one; both products round on their own. Padded rows have scale 0.
//
// ## Groups
// `group` columns of a row, the last ones possibly fewer, may have a scale, and a zero if the encoding has zeros. They
// lie in the tile, after its steps: a record for each group of columns, of 16 scales, then 16 zeros, a byte each. So a
// run of steps is two runs of bytes, whatever the steps that it begins and ends with. The sum of a step of a row is
// multiplied by the scale of its group, and added to what is a sum of the codes elsewhere:
//     sum = fma(scale, step, sum), where step is the sum of code * x or, with zeros, of (code - zero) * x.
//
// ## Super-blocks
// q4_k, q5_k and q6_k are GGUF's Q4_K, Q5_K and Q6_K. A group is a super-block of 256 columns, whose parts have scales
// of their own, integers of a few bits. Its record: of each of 16 rows, d and (but q6_k) dmin, f16 each; then for each
// of its eight steps, of each of 16 rows two bytes: the scale and the minimum, or, of q6_k, the scales of columns 0 ..
// 15 and 16 .. 31, signed. A value is
//     d * scale * code - dmin * minimum, or d * scale * (code - 32), where products with d and dmin are exact in fp32.
// q6_k with minima holds what any of the three types has: it has dmin, too, and after the scales of all steps their
// minima, of each of 16 rows a byte. To the sum of a row each step adds d * scale * (sum of code * x), of q6_k that of
// both halves, then -dmin * minimum * (sum of x), in fp32.
//
// docs/add-an-encoding.md says what else an encoding needs.
#pragma once

#include "everywhere.h"

namespace cadenza {

constexpr int tile_rows = 16, stripe_rows = 8, step_columns = 32;
constexpr int unit_weights = stripe_rows * step_columns, tile_step_weights = tile_rows * step_columns;
constexpr int lane_columns = unit_weights / 32; // of a unit: the columns of one row that a lane has

/// What a plan's weight can be. A kind with its defaults converts to an encoding.
struct Encoding {
  enum Kind : unsigned char {
    vector,     // `rows` f32 values (norm weights, biases: widened by the compiler); no matrix
    rope_table, // `rows` f32 inverse frequencies, expanded at load; no matrix
    tiles16,    // the 16-bit weights themselves
    int8,       // -128 .. 127
    int4,       // -8 .. 7; with zeros, 0 .. 15
    fp8,        // e4m3, no NaN
    tensor,     // elements of any type and shape as they are, row-major; no matrix
    q4_k,       // 0 .. 15, a scale and a minimum for 32 columns, of super-blocks
    q5_k,       // 0 .. 31, the same
    q6_k,       // 0 .. 63, less 32, a scale for 16 columns
  };
  enum Scale : unsigned char { f32, f16, bf16 };

  Kind kind = vector;
  Scale scale = f32;       // of a group; rows have f32
  bool zeros = false;      // of groups; of q6_k: minima, of 32 columns
  unsigned char group = 0; // columns; 0: a row has a scale

  constexpr Encoding() = default;
  CADENZA_EVERYWHERE constexpr Encoding(Kind kind)
      : kind(kind), scale(usual_group(kind) == 0 ? f32 : f16), group(static_cast<unsigned char>(usual_group(kind))) {}
  CADENZA_EVERYWHERE constexpr Encoding(Kind kind, int group, bool zeros, Scale scale)
      : kind(kind), scale(scale), zeros(zeros), group(static_cast<unsigned char>(group)) {}
  /// The columns of a group unless something else is said; those that have a scale of their own in a super-block.
  CADENZA_EVERYWHERE static constexpr int usual_group(Kind kind) {
    return kind == int4 ? 128 : kind == q4_k || kind == q5_k ? 32 : kind == q6_k ? 16 : 0;
  }
  /// The type that scales of groups have unless something else is said.
  CADENZA_EVERYWHERE static constexpr Scale usual_scale(Kind kind, int group) {
    return group == 0 || kind == fp8 ? f32 : f16;
  }
  constexpr bool operator==(const Encoding &) const = default;
};
constexpr int encoding_kind_count = 10;
constexpr int super_columns = 256; // of a super-block

CADENZA_EVERYWHERE constexpr bool has_super_blocks(const Encoding &encoding) {
  return encoding.kind == Encoding::q4_k || encoding.kind == Encoding::q5_k || encoding.kind == Encoding::q6_k;
}

/// Whether there is such an encoding.
CADENZA_EVERYWHERE constexpr bool is_valid(const Encoding &encoding) {
  if (has_super_blocks(encoding))
    return encoding == Encoding(encoding.kind) || encoding == Encoding(Encoding::q6_k, 16, true, Encoding::f16);
  const bool grouped =
      encoding.kind == Encoding::int8 || encoding.kind == Encoding::int4 || encoding.kind == Encoding::fp8;
  if (encoding.group == 0)
    return encoding.kind != Encoding::int4 && encoding.scale == Encoding::f32 && !encoding.zeros;
  return grouped && (encoding.group == 32 || encoding.group == 64 || encoding.group == 128) &&
         (!encoding.zeros || encoding.kind == Encoding::int4);
}

struct EncodingFormat {
  int unit_bytes = 0;       // 0: no matrix
  int row_scale_bytes = 0;  // 4, or 0: no scales of rows
  int group_steps = 0;      // steps of a group; 0: no groups
  int scale_bytes = 0;      // of a group's scale; of a super-block, d and dmin
  int step_scale_bytes = 0; // of a row's step in a record of a super-block
  int high_bytes = 0;       // of a lane's part: of the upper bits of its codes, apart from the others
  bool zeros = false;
  bool minima = false;        // of super-blocks
  int step_minimum_bytes = 0; // of a row's step in a record of a super-block, apart from its scales
  double error_bound = 0; // |stored - true weight| as a share of the largest magnitude of its row, if it was rounded

  CADENZA_EVERYWHERE constexpr bool matrix() const { return unit_bytes > 0; }
  CADENZA_EVERYWHERE constexpr bool grouped() const { return group_steps > 0; }
  CADENZA_EVERYWHERE constexpr int tile_step_bytes() const { return 2 * unit_bytes; }
  /// Of a lane's part, but the upper bits that lie apart.
  CADENZA_EVERYWHERE constexpr int part_bytes() const { return unit_bytes / 32 - high_bytes; }
  /// Of a group of a tile's rows, a multiple of 16.
  CADENZA_EVERYWHERE constexpr int record_bytes() const {
    return tile_rows * (scale_bytes + (zeros ? 1 : 0) + group_steps * (step_scale_bytes + step_minimum_bytes));
  }
};

CADENZA_EVERYWHERE constexpr EncodingFormat format_of(const Encoding &encoding) {
  EncodingFormat format;
  const bool integers = encoding.kind == Encoding::int8 || encoding.kind == Encoding::int4;
  if (encoding.kind == Encoding::tiles16) {
    format.unit_bytes = 512;
  } else if (integers || encoding.kind == Encoding::fp8) {
    format.unit_bytes = encoding.kind == Encoding::int4 ? 128 : 256;
    format.row_scale_bytes = encoding.group == 0 ? 4 : 0;
    format.group_steps = encoding.group / step_columns;
    format.scale_bytes = encoding.group == 0 ? 0 : encoding.scale == Encoding::f32 ? 4 : 2;
    format.zeros = encoding.zeros;
    // Half of the distance of two codes, of a largest magnitude of 127, 7 or 448; with zeros, all 15 distances may be
    // twice the largest magnitude, and a code a whole one off. A 16-bit scale is up to 1/128 larger.
    format.error_bound = encoding.kind == Encoding::int8  ? 0.5 / 127
                         : encoding.kind == Encoding::fp8 ? 16.0 / 448
                         : encoding.zeros                 ? 2.0 / 15
                                                          : 0.5 / 7;
    if (format.scale_bytes == 2)
      format.error_bound *= 1 + 1.0 / 128;
  } else if (has_super_blocks(encoding)) {
    format.minima = encoding.kind != Encoding::q6_k || encoding.zeros;
    format.step_minimum_bytes = encoding.zeros ? 1 : 0;
    format.high_bytes = encoding.kind - Encoding::q4_k;
    format.unit_bytes = 32 * (4 + format.high_bytes);
    format.group_steps = super_columns / step_columns;
    format.scale_bytes = format.minima ? 4 : 2;
    format.step_scale_bytes = 2;
    // As above, of ranges up to twice the largest magnitude; scales are larger by less than a tenth.
    format.error_bound = 1.1 / (encoding.kind == Encoding::q4_k ? 15 : encoding.kind == Encoding::q5_k ? 31 : 2 * 31);
  }
  return format;
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
/// Groups of a row of so many steps; 0: no groups.
template <class Int> CADENZA_EVERYWHERE constexpr Int groups_of(const EncodingFormat &format, Int steps) {
  return format.grouped() ? (steps + format.group_steps - 1) / format.group_steps : 0;
}

// Addresses -----------------------------------------------------------------------------------------------------------

/// Tiles16: the number of weight (row, column) of a matrix with so many steps.
template <class Int> CADENZA_EVERYWHERE constexpr Int weight_index(Int row, Int column, Int steps) {
  return (row / tile_rows * steps + column / step_columns) * tile_step_weights + row % tile_rows * step_columns +
         column % step_columns;
}
/// Bytes of the codes of `weights` consecutive weights.
template <class Int> CADENZA_EVERYWHERE constexpr Int weight_bytes(const EncodingFormat &format, Int weights) {
  return weights / unit_weights * format.unit_bytes + weights % unit_weights * format.unit_bytes / unit_weights;
}
/// From one tile to the next: its steps, then its groups' records.
template <class Int> CADENZA_EVERYWHERE constexpr Int tile_bytes(const EncodingFormat &format, Int steps) {
  return steps * format.tile_step_bytes() + groups_of(format, steps) * format.record_bytes();
}
/// Where the unit begins that has a column of a row, and which part of it is that of columns 8 * (column/8) ..+8, in
/// the order of q6_k of as many others.
template <class Int>
CADENZA_EVERYWHERE constexpr Int unit_offset(const EncodingFormat &format, Int row, Int column, Int steps) {
  return row / tile_rows * tile_bytes(format, steps) + column / step_columns * format.tile_step_bytes() +
         row % tile_rows / stripe_rows * format.unit_bytes;
}
template <class Int> CADENZA_EVERYWHERE constexpr Int part_of_unit(Int row, Int column) {
  return row % stripe_rows * (step_columns / lane_columns) + column % step_columns / lane_columns;
}
/// Where that part begins, and its upper bits.
template <class Int>
CADENZA_EVERYWHERE constexpr Int part_offset(const EncodingFormat &format, Int row, Int column, Int steps) {
  return unit_offset(format, row, column, steps) + part_of_unit(row, column) * format.part_bytes();
}
template <class Int>
CADENZA_EVERYWHERE constexpr Int high_offset(const EncodingFormat &format, Int row, Int column, Int steps) {
  return unit_offset(format, row, column, steps) + 32 * format.part_bytes() +
         part_of_unit(row, column) * format.high_bytes;
}
/// The column of a step that code `place` of its 32 of a row is of (of all parts, one after the other).
CADENZA_EVERYWHERE constexpr int column_in_step(Encoding::Kind kind, int place) {
  if (kind != Encoding::q6_k)
    return place;
  const int part = place / lane_columns, pair = place % lane_columns / 2;
  return pair % 2 * 16 + part / 2 * 8 + part % 2 * 2 + pair / 2 * 4 + place % 2;
}
/// Where the scale of a group of a row lies, and its zero.
template <class Int>
CADENZA_EVERYWHERE constexpr Int group_scale_offset(const EncodingFormat &format, Int row, Int group, Int steps) {
  return row / tile_rows * tile_bytes(format, steps) + steps * format.tile_step_bytes() +
         group * format.record_bytes() + row % tile_rows * format.scale_bytes;
}
template <class Int>
CADENZA_EVERYWHERE constexpr Int group_zero_offset(const EncodingFormat &format, Int row, Int group, Int steps) {
  return group_scale_offset(format, row / tile_rows * tile_rows, group, steps) + tile_rows * format.scale_bytes +
         row % tile_rows;
}
/// Where the two bytes lie that a step of a row has of its super-block's record.
template <class Int>
CADENZA_EVERYWHERE constexpr Int step_scale_offset(const EncodingFormat &format, Int row, Int step, Int steps) {
  return group_scale_offset(format, row / tile_rows * tile_rows, step / format.group_steps, steps) +
         tile_rows * (format.scale_bytes + step % format.group_steps * format.step_scale_bytes) +
         row % tile_rows * format.step_scale_bytes;
}
/// The same of its minimum, if that lies apart.
template <class Int>
CADENZA_EVERYWHERE constexpr Int step_minimum_offset(const EncodingFormat &format, Int row, Int step, Int steps) {
  return group_scale_offset(format, row / tile_rows * tile_rows, step / format.group_steps, steps) +
         tile_rows * (format.scale_bytes + format.group_steps * format.step_scale_bytes +
                      step % format.group_steps * format.step_minimum_bytes) +
         row % tile_rows;
}
/// Bytes of all tiles, which is where the scales of rows begin.
template <class Int> CADENZA_EVERYWHERE constexpr Int tiles_bytes(const EncodingFormat &format, Int rows, Int columns) {
  return tiles_of(rows) * tile_bytes(format, steps_of(columns));
}
/// Bytes that a matrix takes.
template <class Int>
CADENZA_EVERYWHERE constexpr Int matrix_bytes(const EncodingFormat &format, Int rows, Int columns) {
  return tiles_bytes(format, rows, columns) + padded_rows(rows) * format.row_scale_bytes;
}
/// The same without padding: what cannot be read in fewer bytes.
template <class Int> CADENZA_EVERYWHERE constexpr Int dense_bytes(const EncodingFormat &format, Int rows, Int columns) {
  return weight_bytes(format, rows * columns) +
         rows * (format.row_scale_bytes + groups_of(format, steps_of(columns)) * format.record_bytes() / tile_rows);
}

} // namespace cadenza
