// Inner products with fp32 sums in a fixed order: lane j of eight sums elements j, j + 8, j + 16, ..., then the lanes
// are added pairwise. The same bits on every machine and for any number of threads. Products of two bf16 or two f16
// values are exact in fp32, so whether the compiler fuses multiply and add makes no difference either.
#pragma once

#include "runtime/plan/program.h"

#include <cstdint>
#include <span>

namespace cadenza::cpu {

/// sum of a[i] * b[i]
float dot(const float *a, const float *b, int64_t size);

/// The same with `b` in memory of type `dtype` (a row of a KV cache).
float dot(const float *a, DType dtype, const std::byte *b, int64_t size);

/// Products of rows of a packed matrix (runtime/shared/encoding.h) with a vector.
struct PackedProducts {
  const std::byte *matrix;         // [tiles][steps][16][32]
  Encoding encoding;               // of a matrix
  DType dtype;                     // of Weight: bf16 or f16
  const float *input;              // [step_columns * steps], zero beyond the matrix's columns
  int64_t steps;                   // of the columns
  std::span<const int64_t> groups; // Phase::kGroups
  int64_t ways;                    // Phase::kWays
};

/// A stripe is 8 rows, half a tile: out[0, 8 * (endStripe - firstStripe)) = rows [8 * firstStripe, 8 * endStripe) of
/// stored weights times the input, without the rows' scales.
void multiplyStripes(const PackedProducts &products, int64_t firstStripe, int64_t endStripe, float *out);

} // namespace cadenza::cpu
