#include "compiler/import/stored_matrix.h"

#include <cmath>
#include <gtest/gtest.h>

namespace cadenza {
namespace {

TEST(StoredMatrix, CodesOfEightBitFloats) {
  const StoredFormat format{.kind = CodeKind::e4m3};
  EXPECT_EQ(codeValue(format, 0x00), 0);
  EXPECT_EQ(codeValue(format, 0x01), 0x1p-9F); // the smallest denormal
  EXPECT_EQ(codeValue(format, 0x07), 7 * 0x1p-9F);
  EXPECT_EQ(codeValue(format, 0x08), 0x1p-6F); // the smallest normal number
  EXPECT_EQ(codeValue(format, 0x38), 1);
  EXPECT_EQ(codeValue(format, 0xb9), -1.125F);
  EXPECT_EQ(codeValue(format, 0x7e), 448); // the largest
  EXPECT_TRUE(std::isnan(codeValue(format, 0x7f)));
  EXPECT_TRUE(std::isnan(codeValue(format, 0xff)));
}

TEST(StoredMatrix, CodesOfFourBitFloats) {
  const StoredFormat format{.kind = CodeKind::e2m1, .bits = 4};
  EXPECT_EQ(codeValue(format, 1), 0.5F);
  EXPECT_EQ(codeValue(format, 7), 6);
  EXPECT_EQ(codeValue(format, 13), -3);
}

TEST(StoredMatrix, GroupsOfARow) {
  const StoredFormat format{.bits = 4, .is_signed = false, .group = 2, .has_zeros = true, .has_minima = true};
  StoredRows rows;
  rows.codes = {0, 15, 8, /**/ 1, 2, 3};
  rows.scales = {0.5F, 2, /**/ 1, -1}; // the last group has one column
  rows.zeros = {8, 7, /**/ 0, 1};
  rows.minima = {0, 0.25F, /**/ 10, 0};
  float out[6];
  dequantize(format, rows, 3, out);
  const float expected[] = {-4, 3.5F, 2.25F, /**/ 11, 12, -2};
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(out[i], expected[i]) << i;
}

TEST(StoredMatrix, ARowIsOneGroup) {
  const StoredFormat format{};
  StoredRows rows;
  rows.codes = {1, -2, /**/ 3, 4};
  rows.scales = {2, 10};
  float out[4];
  dequantize(format, rows, 2, out);
  EXPECT_EQ(out[1], -4);
  EXPECT_EQ(out[3], 40);
}

} // namespace
} // namespace cadenza
