#include "test/compiler/quantize/rows.h"

#include "compiler/quantize/scales.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace cadenza {
namespace {

class EveryType : public testing::TestWithParam<QuantizedType> {};

/// A sum of squares in fp32, which the search goes by, is off a little.
constexpr double sumError = 1 + 1e-5;

TEST_P(EveryType, IsNeverWorseThanPlainRounding) {
  for (const int64_t columns : {1, 7, 32, 100, 576, 1000}) {
    for (const bool isHeavy : {false, true}) {
      const std::vector<float> values = isHeavy ? heavyTailed(5 * columns) : gaussian(5 * columns);
      const double searched = errorOn(GetParam(), values, columns).squares;
      EXPECT_LE(searched, errorOn(GetParam(), values, columns, ScaleRule::largestMagnitude).squares * sumError)
          << columns << " columns";
    }
  }
}

TEST_P(EveryType, TheErrorIsThatOfWhatIsStored) {
  const int64_t columns = 200;
  std::vector<float> values = heavyTailed(130 * columns);
  std::fill_n(values.begin() + 2 * columns, columns, 1e-38F); // off by all there is
  StoredRows rows;
  QuantizationError error;
  ASSERT_TRUE(quantizeRows(GetParam(), values, columns, 0, rows, ScaleRule::leastSquares, &error).isOk());
  const QuantizationError exact = errorOf(GetParam().format, rows, values, columns);
  EXPECT_NEAR(error.squares, exact.squares, 1e-5 * exact.squares);
  EXPECT_NEAR(error.values, exact.values, 1e-12 * exact.values);
}

TEST_P(EveryType, ScalesAreOfTheirTypeAndCodesInRange) {
  const StoredFormat &format = GetParam().format;
  const int64_t columns = 200;
  const std::vector<float> values = heavyTailed(130 * columns);
  StoredRows rows;
  ASSERT_TRUE(quantizeRows(GetParam(), values, columns, 0, rows).isOk());
  ASSERT_EQ(std::ssize(rows.scales), 130 * format.groups(columns));
  ASSERT_EQ(rows.zeros.size(), format.has_zeros ? rows.scales.size() : 0);
  for (const float scale : rows.scales)
    EXPECT_EQ(scale, roundScale(scale, format.scales));
  const CodeRange range = codeRange(format);
  const auto isCode = [&](int code) { return code >= range.lowest && code <= range.highest; };
  if (format.kind == CodeKind::integer)
    EXPECT_TRUE(std::ranges::all_of(rows.codes, isCode));
  else
    EXPECT_TRUE(std::ranges::none_of(rows.codes, [&](int code) { return std::isnan(codeValue(format, code)); }));
  EXPECT_TRUE(std::ranges::all_of(rows.zeros, isCode));
}

TEST_P(EveryType, CodesAreTheNearestOnes) {
  const StoredFormat &format = GetParam().format;
  const int64_t columns = 96;
  const std::vector<float> values = heavyTailed(3 * columns);
  StoredRows rows;
  ASSERT_TRUE(quantizeRows(GetParam(), values, columns, 0, rows).isOk());
  std::vector<float> stored(values.size());
  dequantize(format, rows, columns, stored.data());
  const CodeRange range = format.kind == CodeKind::integer ? codeRange(format) : CodeRange{0, 255};
  const int64_t groups = format.groups(columns), width = format.group == 0 ? columns : format.group;
  for (int64_t i = 0; i < std::ssize(values); ++i) {
    const int64_t of = i / columns * groups + i % columns / width;
    const float zero = format.has_zeros ? static_cast<float>(rows.zeros[of]) : 0;
    for (int code = range.lowest; code <= range.highest; ++code) {
      const float other = rows.scales[of] * (codeValue(format, code) - zero);
      ASSERT_FALSE(std::fabs(values[i] - stored[i]) > std::fabs(values[i] - other) + 1e-6F) << i; // NaN: not a code
    }
  }
}

TEST_P(EveryType, RowsOfCodesComeBackExactly) {
  const QuantizedType &type = GetParam();
  const int64_t columns = 256, groups = type.format.groups(columns), count = 128;
  // Rows that the type has: codes, scales and zero points made up.
  std::mt19937 bits(3);
  StoredRows made;
  const CodeRange range = type.format.kind == CodeKind::integer ? codeRange(type.format) : CodeRange{0, 0x7e};
  for (int64_t row = 0; row < count; ++row)
    for (int64_t group = 0; group < groups; ++group) {
      const bool isShared = row % type.blockRows != 0;
      made.scales.push_back(isShared ? made.scales[made.scales.size() - groups]
                                     : roundScale(0.001F * static_cast<float>(1 + bits() % 97), type.format.scales));
      if (type.format.has_zeros)
        made.zeros.push_back(static_cast<int16_t>(bits() % 16));
    }
  for (int64_t i = 0; i < count * columns; ++i)
    made.codes.push_back(
        static_cast<int16_t>(range.lowest + static_cast<int>(bits() % (range.highest - range.lowest + 1))));
  const int64_t width = columns / groups;
  for (int64_t i = 0; i < count * columns;
       i += width) { // both ends of the range are there: nothing else says the scale
    made.codes[i] = static_cast<int16_t>(range.lowest);
    made.codes[i + 1] = static_cast<int16_t>(range.highest);
  }
  std::vector<float> values(made.codes.size()), stored(made.codes.size());
  dequantize(type.format, made, columns, values.data());
  StoredRows rows;
  ASSERT_TRUE(quantizeRows(type, values, columns, 0, rows).isOk());
  dequantize(type.format, rows, columns, stored.data());
  EXPECT_EQ(stored, values);
}

TEST_P(EveryType, DoesNotDependOnTheRowsBesides) {
  const QuantizedType &type = GetParam();
  const int64_t columns = 300, count = 384;
  const std::vector<float> values = heavyTailed(count * columns);
  StoredRows whole, piece;
  ASSERT_TRUE(quantizeRows(type, values, columns, 0, whole).isOk());
  const std::span<const float> some = std::span(values).subspan(128 * columns, 128 * columns);
  ASSERT_TRUE(quantizeRows(type, some, columns, 128, piece).isOk());
  EXPECT_TRUE(std::ranges::equal(piece.codes, std::span(whole.codes).subspan(128 * columns, 128 * columns)));
}

TEST_P(EveryType, RowsOfZerosHaveScaleZero) {
  const int64_t columns = 70;
  std::vector<float> values(2 * columns, 0.0F);
  values[3] = -0.0F;
  values[columns] = 1e-39F; // too small for any scale
  StoredRows rows;
  ASSERT_TRUE(quantizeRows(GetParam(), values, columns, 0, rows).isOk());
  EXPECT_TRUE(std::ranges::all_of(rows.scales, [](float scale) { return scale == 0; }));
  std::vector<float> stored(values.size(), 1.0F);
  dequantize(GetParam().format, rows, columns, stored.data());
  EXPECT_TRUE(std::ranges::all_of(stored, [](float value) { return value == 0; }));
}

TEST_P(EveryType, LargeAndSmallWeightsKeepTheirPrecision) {
  const int64_t columns = 128;
  if (GetParam().format.scales == DType::f16)
    GTEST_SKIP() << "f16 has not the range";
  for (const float factor : {0x1p-80F, 0x1p90F}) {
    std::vector<float> values = gaussian(columns), scaled = values;
    for (float &value : scaled)
      value *= factor;
    EXPECT_NEAR(errorOn(GetParam(), scaled, columns).relative(), errorOn(GetParam(), values, columns).relative(), 1e-6);
  }
}

TEST_P(EveryType, InfinitiesAndNaNsAreRefused) {
  const int64_t columns = 70;
  for (const float bad : {INFINITY, -INFINITY, NAN}) {
    std::vector<float> values = gaussian(5 * columns);
    values[3 * columns + 68] = bad;
    StoredRows rows;
    const Status status = quantizeRows(GetParam(), values, columns, 1000, rows);
    EXPECT_EQ(status.code(), StatusCode::InvalidInput);
    EXPECT_EQ(status.message().find("row 1003: column 68: an infinity or NaN cannot be stored as "), 0)
        << status.message();
  }
}

INSTANTIATE_TEST_SUITE_P(QuantizeRows, EveryType, testing::ValuesIn(allTypes()));

TEST(QuantizeRows, WeightsBeyondTheTypeOfScalesAreRefused) {
  std::vector<float> values = gaussian(64);
  values[40] = 1e6F;
  StoredRows rows;
  const Status status = quantizeRows(int4(32), values, 64, 7, rows);
  EXPECT_EQ(status.code(), StatusCode::InvalidInput);
  EXPECT_EQ(status.message(), "row 7: columns 32 to 63: these weights need a scale that f16 cannot hold");
  EXPECT_TRUE(quantizeRows(int4(32, DType::bf16), values, 64, 7, rows).isOk());
}

TEST(QuantizeRows, ARowIsTheSameAlone) {
  const std::vector<float> values = heavyTailed(100);
  StoredRows row, rows;
  ASSERT_TRUE(quantizeRow(int4Zeros(32).format, values, row).isOk());
  ASSERT_TRUE(quantizeRows(int4Zeros(32), values, 100, 0, rows).isOk());
  EXPECT_EQ(row.codes, rows.codes);
  EXPECT_EQ(row.scales, rows.scales);
  EXPECT_EQ(row.zeros, rows.zeros);
}

TEST(QuantizeRows, WinsAgainstPlainRounding) {
  const int64_t columns = 4096;
  struct {
    QuantizedType type;
    double gaussian, heavy; // by which factor, in squares of errors
  } expected[] = {
      {int4(128), 1.45, 1.45},    {int4(32), 1.4, 1.35},    {int4Zeros(128), 1.1, 1.08},
      {int4Zeros(32), 1.1, 1.06}, {int8Rows(), 1.01, 1.01}, {fp8Rows(), 1.03, 1.03},
  };
  for (const auto &[type, onGaussian, onHeavy] : expected) {
    const auto factor = [&, &type = type](const std::vector<float> &values) {
      return errorOn(type, values, columns, ScaleRule::largestMagnitude).squares /
             errorOn(type, values, columns).squares;
    };
    EXPECT_GT(factor(gaussian(32 * columns)), onGaussian) << describe(type);
    EXPECT_GT(factor(heavyTailed(32 * columns)), onHeavy) << describe(type);
  }
}

TEST(QuantizeRows, OutliersAreClippedWhereThatHelps) {
  std::vector<float> values = gaussian(128);
  values[100] = 8 * 0.02F; // plain rounding leaves the others a step of more than their deviation
  const double plain = errorOn(int4(128), values, 128, ScaleRule::largestMagnitude).squares;
  EXPECT_GT(plain / errorOn(int4(128), values, 128).squares, 1.5);
  StoredRows rows;
  ASSERT_TRUE(quantizeRows(int4(128), values, 128, 0, rows).isOk());
  EXPECT_LT(std::fabs(rows.scales[0]) * 8, 7.5F * 0.02F);
}

TEST(QuantizeRows, BitsOfAWeight) {
  EXPECT_DOUBLE_EQ(int8Rows().bitsPerWeight(10, 64), 8.5); // a scale of 32 bits a row
  EXPECT_DOUBLE_EQ(int4(128).bitsPerWeight(10, 256), 4.125);
  EXPECT_DOUBLE_EQ(int4(128).bitsPerWeight(10, 200), 4 + 2 * 16 / 200.0); // a short group has a scale, too
  EXPECT_DOUBLE_EQ(int4Zeros(32).bitsPerWeight(10, 64), 4 + 20 / 32.0);
  EXPECT_DOUBLE_EQ(fp8Blocks().bitsPerWeight(130, 128), 8 + 2 * 32 / (130 * 128.0));
}

} // namespace
} // namespace cadenza
