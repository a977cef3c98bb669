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

/// Products of rows of a packed matrix (runtime/shared/encoding.h) with the vectors of some tokens. A token's do not
/// depend on how many others there are.
struct PackedProducts {
  const std::byte *matrix; // its tiles
  Encoding encoding;       // of a matrix
  DType dtype;             // of Weight: bf16 or f16
  const float *input;      // [tokens][step_columns * steps], zero beyond the matrix's columns
  int64_t tokens;
  int64_t steps;                   // of the columns
  std::span<const int64_t> groups; // Phase::kGroups
  int64_t ways;                    // Phase::kWays
};

/// A stripe is 8 rows, half a tile: of each token, out[8 * firstStripe, 8 * endStripe) = these rows of stored weights
/// times its input, with the scales of groups, without those of rows. The output of the next token is `outStride`
/// elements behind.
void multiplyStripes(const PackedProducts &products, int64_t firstStripe, int64_t endStripe, float *out,
                     int64_t outStride);

} // namespace cadenza::cpu
