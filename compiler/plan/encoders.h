// How the rows of a checkpoint become codes, scales and zeros of an encoding (runtime/shared/encoding.h). Where these
// lie is packed_rows.h.
#pragma once

#include "compiler/import/weight_source.h"
#include "runtime/plan/program.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cadenza {

/// A row of a matrix in an encoding other than tiles16: value = scale * code, or scale * (code - zero), or of
/// super-blocks scale * sub_scale * code - minimum * sub_minimum.
struct EncodedRow {
  /// [columns]; int8: -128 to 127; int4: -8 to 7, with zeros 0 to 15; fp8: the bits of an e4m3; q4_k: 0 to 15; q5_k: 0
  /// to 31; q6_k: -32 to 31
  std::vector<int16_t> codes;
  /// [groups or super-blocks], or one of the row: finite, exact in the encoding's type of scales
  std::vector<float> scales;
  std::vector<int16_t> zeros; // [groups], 0 to 127, or nothing
  std::vector<float> minima;  // [super-blocks], as scales, or nothing
  /// Of super-blocks: [columns / Encoding::group]; q4_k, q5_k: 0 to 255; q6_k: -128 to 127
  std::vector<int16_t> sub_scales;
  std::vector<int16_t> sub_minima; // [columns / 32], 0 to 255, or nothing

  /// All of it, of a row of so many columns, as zeros.
  EncodedRow(const Encoding &encoding, int64_t columns);
};

/// Chooses the codes and scales of rows. Thread-safe.
class RowEncoder {
public:
  virtual ~RowEncoder() = default;
  /// Encodes row `row` of the weight, whose `values` are those of `out.codes`. `out` comes as zeros. InvalidInput says
  /// what about the row cannot be stored.
  virtual Status encode(const Encoding &encoding, const WeightSpec &weight, int64_t row, std::span<const float> values,
                        EncodedRow &out) const = 0;
};

/// A scale makes the largest magnitude the largest code, or with zeros the range of values and 0 that of codes; each
/// code is the nearest one, ties to even. Scales are rounded up to their type, so that no value is beyond the codes.
/// Groups of zeros, or of numbers so small that they have no scale, have scale 0.
const RowEncoder &nearestCodes();

/// The bits of the e4m3 that is nearest to a finite number, ties to even; beyond 448, 448.
int e4m3Nearest(double value);

} // namespace cadenza
