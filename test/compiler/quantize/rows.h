// Rows to quantise, and types to quantise them to.
#pragma once

#include "compiler/quantize/quantize_rows.h"

#include <gtest/gtest.h>
#include <random>

namespace cadenza {

inline QuantizedType int8Rows() { return {StoredFormat{}}; }
inline QuantizedType int4(int64_t group, DType scales = DType::f16) {
  return {StoredFormat{.bits = 4, .group = group, .scales = scales}};
}
inline QuantizedType int4Zeros(int64_t group, DType scales = DType::f16) {
  return {StoredFormat{.bits = 4, .is_signed = false, .group = group, .has_zeros = true, .scales = scales}};
}
inline QuantizedType fp8Rows() { return {StoredFormat{.kind = CodeKind::e4m3}}; }
inline QuantizedType fp8Blocks() { return {StoredFormat{.kind = CodeKind::e4m3, .group = 128}, 128}; }

inline std::vector<QuantizedType> allTypes() {
  return {int8Rows(),
          {StoredFormat{.group = 32, .scales = DType::f16}},
          int4(128),
          int4(64),
          int4(32, DType::bf16),
          int4Zeros(128, DType::bf16),
          int4Zeros(32),
          fp8Rows(),
          fp8Blocks()};
}

/// Normal numbers of the standard deviation of weights.
inline std::vector<float> gaussian(size_t count, unsigned seed = 1) {
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal(0, 0.02F);
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(bits);
  return values;
}

/// Student's t with four degrees of freedom: outliers, as trained weights have them.
inline std::vector<float> heavyTailed(size_t count, unsigned seed = 1) {
  std::mt19937 bits(seed);
  std::student_t_distribution<float> student(4);
  std::vector<float> values(count);
  for (float &value : values)
    value = 0.02F * student(bits);
  return values;
}

/// The error of a type on rows; a failure to quantise fails the test.
inline QuantizationError errorOn(const QuantizedType &type, std::span<const float> values, int64_t columns,
                                 ScaleRule rule = ScaleRule::leastSquares) {
  StoredRows rows;
  const Status status = quantizeRows(type, values, columns, 0, rows, rule);
  EXPECT_TRUE(status.isOk()) << status.message();
  return errorOf(type.format, rows, values, columns);
}

} // namespace cadenza
