#include "runtime/support/float16.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace cadenza {
namespace {

/// The value of an IEEE-like 16-bit number from its fields, in double.
double decode(uint16_t bits, int exponentBits, int mantissaBits) {
  int bias = (1 << (exponentBits - 1)) - 1;
  int exponent = (bits >> mantissaBits) & ((1 << exponentBits) - 1);
  int mantissa = bits & ((1 << mantissaBits) - 1);
  double sign = bits & 0x8000 ? -1.0 : 1.0;
  if (exponent == (1 << exponentBits) - 1)
    return mantissa ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0)
    return sign * std::ldexp(mantissa, 1 - bias - mantissaBits);
  return sign * std::ldexp((1 << mantissaBits) + mantissa, exponent - bias - mantissaBits);
}

template <uint16_t narrow(float), float widen(uint16_t)> void checkAll(int exponentBits, int mantissaBits) {
  for (uint32_t i = 0; i < 0x10000; ++i) {
    auto bits = static_cast<uint16_t>(i);
    double expected = decode(bits, exponentBits, mantissaBits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(widen(bits)));
      EXPECT_TRUE(std::isnan(widen(narrow(widen(bits))))) << i;
      continue;
    }
    ASSERT_EQ(widen(bits), expected) << i;
    ASSERT_EQ(narrow(widen(bits)), bits);
    // Between this one and the next: the middle goes to the even one, its neighbours to the nearer one.
    double next = decode(static_cast<uint16_t>(bits + 1), exponentBits, mantissaBits);
    if (!std::isfinite(expected) || !std::isfinite(next))
      continue;
    auto middle = static_cast<float>((expected + next) / 2);
    if (static_cast<double>(middle) != (expected + next) / 2)
      continue; // not a float (below its subnormals)
    uint16_t even = bits & 1 ? bits + 1 : bits;
    ASSERT_EQ(narrow(middle), even) << i;
    ASSERT_EQ(narrow(std::nextafter(middle, static_cast<float>(expected))), bits) << i;
    ASSERT_EQ(narrow(std::nextafter(middle, static_cast<float>(next))), bits + 1) << i;
  }
}

TEST(Float16, Bf16) { checkAll<floatToBf16, bf16ToFloat>(8, 7); }
TEST(Float16, F16) { checkAll<floatToF16, f16ToFloat>(5, 10); }

TEST(Float16, Overflow) {
  EXPECT_EQ(floatToF16(65519.0f), 0x7bff);
  EXPECT_EQ(floatToF16(65520.0f), 0x7c00);
  EXPECT_EQ(floatToF16(-1e30f), 0xfc00);
  EXPECT_EQ(floatToBf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(floatToF16(1e-10f), 0);
}

} // namespace
} // namespace cadenza
