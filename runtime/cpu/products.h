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

/// Products of rows of a packed matrix (WeightLayout::Tiles) with a vector.
struct PackedProducts {
  const std::byte *matrix;         // [rows_padded / 16][steps][16][32]
  DType dtype;                     // bf16 or f16
  const float *input;              // [32 * steps], zero beyond the matrix's columns
  int64_t steps;                   // columns_padded / 32
  std::span<const int64_t> groups; // Phase::kGroups
  int64_t ways;                    // Phase::kWays
};

/// A stripe is 8 rows, half a tile: out[0, 8 * (endStripe - firstStripe)) = rows [8 * firstStripe, 8 * endStripe) times
/// the input.
void multiplyStripes(const PackedProducts &products, int64_t firstStripe, int64_t endStripe, float *out);

} // namespace cadenza::cpu
