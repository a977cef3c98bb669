#include "test/compiler/quantize/rows.h"

#include "compiler/quantize/scales.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace cadenza {
namespace {

/// The error of the best codes for a scale and a zero point.
double errorWith(std::span<const float> group, double scale, int lowest, int highest) {
  double squares = 0;
  for (const float value : group) {
    const double code = std::clamp<double>(std::nearbyint(value / scale), lowest, highest);
    squares += (value - code * scale) * (value - code * scale);
  }
  return squares;
}

/// The smallest error that any f16 scale (and zero point) has, by trying all that can matter.
double smallestError(const StoredFormat &format, std::span<const float> group) {
  const CodeRange range = codeRange(format);
  double largest = 0, best = INFINITY;
  for (const float value : group)
    largest = std::max<double>(largest, std::fabs(value));
  const int steps = range.highest - range.lowest;
  for (int zero = 0; zero <= (format.has_zeros ? steps : 0); ++zero) {
    const int lowest = format.has_zeros ? -zero : range.lowest;
    for (uint16_t bits = 1; bits < 0x7c00; ++bits) {
      const double scale = f16ToFloat(bits);
      if (scale * steps < largest / 2 || scale > 2 * largest) // too much clipped, or nearly all rounded to zero
        continue;
      best = std::min(best, errorWith(group, scale, lowest, lowest + steps));
      if (!format.has_zeros)
        best = std::min(best, errorWith(group, -scale, lowest, lowest + steps));
    }
  }
  return best;
}

struct Case {
  QuantizedType type;
  int64_t size; // of a group
  double mean;  // of errors, over the smallest possible ones
  double worst;
};

class AgainstAllScales : public testing::TestWithParam<Case> {};

TEST_P(AgainstAllScales, IsNearlyTheBest) {
  const auto &[type, size, mean, worst] = GetParam();
  constexpr unsigned groups = 40;
  double sum = 0, largest = 0;
  for (unsigned seed = 0; seed < groups; ++seed) {
    const std::vector<float> group = seed % 2 == 0 ? gaussian(size, seed) : heavyTailed(size, seed);
    const double error = errorOn(type, group, size).squares, best = smallestError(type.format, group);
    EXPECT_GE(error, best * (1 - 1e-5)) << "the reference missed a scale";
    sum += error / best;
    largest = std::max(largest, error / best);
  }
  EXPECT_LT(sum / groups, mean);
  EXPECT_LT(largest, worst);
}

INSTANTIATE_TEST_SUITE_P(
    Types, AgainstAllScales,
    testing::Values(Case{int4(32), 32, 1.01, 1.1}, Case{int4(128), 128, 1.01, 1.05},
                    Case{int4(128), 20, 1.01, 1.1}, // a shorter last group
                    Case{int4Zeros(32), 32, 1.01, 1.1}, Case{int4Zeros(128), 128, 1.01, 1.05},
                    // 8 bits have hundreds of optima that differ little: the search takes one of the good ones.
                    Case{{StoredFormat{.group = 32, .scales = DType::f16}}, 32, 1.3, 1.9}));

} // namespace
} // namespace cadenza
