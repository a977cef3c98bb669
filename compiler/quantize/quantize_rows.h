// Rows of weights to codes of a few bits with scales: what whoever packs a matrix in an encoding of codes asks for.
#pragma once

#include "compiler/quantize/quantization_error.h"
#include "compiler/quantize/scale_search.h"
#include "runtime/support/status.h"

#include <span>
#include <string>

namespace cadenza {

/// What the quantiser rounds to: integers of 2 to 8 bits, signed ones without zeros or any with them; or e4m3.
struct QuantizedType {
  StoredFormat format;
  int64_t blockRows = 1; // that share their scales

  /// Bits of codes, scales and zeros (which take `bits`, too), on average over a matrix.
  double bitsPerWeight(int64_t rows, int64_t columns) const;
  bool operator==(const QuantizedType &) const = default;
};

/// Rounds rows, row-major in `values`, to `out`; of a block of rows that share scales each has a copy of them. Whole
/// blocks, unless the last rows are the matrix's last. What comes out depends on nothing but the values. A group of
/// zeros, or of magnitudes below 2^-120, has scale 0 and the codes of zero. InvalidInput for an infinity or NaN, and
/// for weights that are too large for the type of scales: "row 7: column 68: ...", rows being counted from `firstRow`.
/// What the rows are off is added to `error`.
Status quantizeRows(const QuantizedType &type, std::span<const float> values, int64_t columns, int64_t firstRow,
                    StoredRows &out, ScaleRule rule = ScaleRule::leastSquares, QuantizationError *error = nullptr);

/// The same for one row. Errors begin with the column.
Status quantizeRow(const StoredFormat &format, std::span<const float> row, StoredRows &out,
                   ScaleRule rule = ScaleRule::leastSquares, QuantizationError *error = nullptr);

/// What rows are off, from what is stored: slower, and exact.
QuantizationError errorOf(const StoredFormat &format, const StoredRows &rows, std::span<const float> values,
                          int64_t columns);

/// "int4, groups of 32 with zero points, bf16 scales".
std::string describe(const QuantizedType &type);

} // namespace cadenza
