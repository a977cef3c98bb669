// Simplification of indices: against the numbers that they stand for.
#include "codegen/index_expression.h"

#include <gtest/gtest.h>

using namespace cadenza;

namespace {

/// The index of an element with number `flat` in a tensor of that shape.
std::vector<IndexExpression> split(const IndexExpression &flat, const std::vector<int64_t> &shape) {
  std::vector<IndexExpression> axes(shape.size());
  IndexExpression rest = flat;
  for (size_t axis = shape.size(); axis-- > 0;) {
    axes[axis] = *rest.modulo(shape[axis]);
    rest = *rest.dividedBy(shape[axis]);
  }
  return axes;
}

IndexExpression joined(const std::vector<IndexExpression> &axes, const std::vector<int64_t> &shape) {
  IndexExpression flat;
  for (size_t axis = 0; axis < axes.size(); ++axis)
    flat = flat * shape[axis] + axes[axis];
  return flat;
}

TEST(IndexExpression, AxesAndBack) {
  const IndexExpression i = IndexExpression::variable("i", 128 * 12 * 64);
  const std::vector<IndexExpression> axes = split(i, {1, 128, 12, 64});
  EXPECT_EQ(axes[0].text(), "0");
  EXPECT_EQ(axes[1].text(), "i / 768");
  EXPECT_EQ(axes[2].text(), "i / 64 % 12");
  EXPECT_EQ(axes[3].text(), "i % 64");
  EXPECT_EQ(joined(axes, {1, 128, 12, 64}).text(), "i");
  EXPECT_EQ(joined({axes[2], axes[3]}, {12, 64}).text(), "i % 768");
  EXPECT_EQ(joined({axes[0], axes[2], axes[1], axes[3]}, {1, 12, 128, 64}).text(),
            "i / 64 % 12 * 8192 + i / 768 * 64 + i % 64");
}

TEST(IndexExpression, Packs) {
  const IndexExpression i = IndexExpression::variable("i", 96 * 10), j = IndexExpression::variable("j", 4);
  const std::vector<IndexExpression> axes = split(i * 4 + j, {10, 384});
  EXPECT_EQ(axes[0].text(), "i / 96");
  EXPECT_EQ(axes[1].text(), "i % 96 * 4 + j");
  EXPECT_EQ(joined(axes, {10, 384}).text(), "4 * i + j");
  EXPECT_EQ(axes[1].startOfPack("j", 4)->text(), "i % 96 * 4");
  EXPECT_FALSE((axes[1] + 1).startOfPack("j", 4));
  EXPECT_FALSE((axes[1] * 2).startOfPack("j", 4));
  EXPECT_FALSE(axes[0].startOfPack("j", 4)); // the same for all
}

TEST(IndexExpression, WhatIsNoSum) {
  const IndexExpression i = IndexExpression::variable("i", 10), j = IndexExpression::variable("j", 10);
  EXPECT_FALSE((i * 3 + j).dividedBy(6)); // j reaches beyond 3
  EXPECT_FALSE((i * 3 + j).modulo(6));
  EXPECT_FALSE((i + -1).dividedBy(2)); // may be negative
  EXPECT_FALSE((i + -1).modulo(2));
  EXPECT_EQ((i * -1 + 9).text(), "-i + 9");
  EXPECT_EQ((*i.dividedBy(2) * -3 + 12).text(), "-(i / 2 * 3) + 12");
}

TEST(IndexExpression, QuotientsAndRemaindersOfAllValues) {
  int simplified = 0;
  const int64_t extents[] = {2, 3, 4, 6}, divisors[] = {1, 2, 3, 4, 6, 8, 12};
  for (int64_t inner : extents)
    for (int64_t outer : extents)
      for (int64_t factor : extents)
        for (int64_t first : divisors)
          for (int64_t second : divisors) {
            const IndexExpression sum =
                IndexExpression::variable("a", outer) * factor + IndexExpression::variable("b", inner);
            const std::optional<IndexExpression> quotient = sum.dividedBy(first);
            const std::optional<IndexExpression> remainder = quotient ? quotient->modulo(second) : std::nullopt;
            if (!remainder)
              continue;
            ++simplified;
            for (int64_t a = 0; a < outer; ++a)
              for (int64_t b = 0; b < inner; ++b) {
                const int64_t expected = (a * factor + b) / first % second;
                const auto variable = [&](llvm::StringRef name) { return name == "a" ? a : b; };
                ASSERT_EQ(remainder->valueAt(variable), expected) << remainder->text();
                ASSERT_LE(remainder->least(), expected) << remainder->text();
                ASSERT_GE(remainder->most(), expected) << remainder->text();
              }
          }
  EXPECT_GT(simplified, 1000);
}

} // namespace
