// The fast products of fusions against their reference.
#include "runtime/cpu/matmul.h"
#include "runtime/reference/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace cadenza::cpu {
namespace {

nn::TensorValue randomTensor(ElementType type, const nn::Shape &shape, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<double> values(static_cast<size_t>(nn::TensorSpec{type, shape}.elements()));
  for (double &value : values)
    value = static_cast<double>(generator()) / 2147483648.0 - 1;
  return nn::tensorOf(type, shape, std::span<const double>(values));
}

struct Case {
  nn::Shape a, b;
};

TEST(Multiply, IsTheReference) {
  ThreadPool pool(2);
  for (const auto &[a, b] : std::vector<Case>{{{3, 5}, {5, 7}},
                                              {{4, 32}, {32, 16}},
                                              {{9, 33}, {33, 50}},
                                              {{1, 64}, {64, 17}},
                                              {{2, 1, 6, 8}, {3, 8, 5}},
                                              {{1, 6, 8}, {4, 8, 5}},
                                              {{8}, {8, 20}},
                                              {{6, 8}, {8}},
                                              {{8}, {8}},
                                              {{2, 3, 8}, {8}}}) {
    for (const auto type : {ElementType::f32, ElementType::f16, ElementType::bf16}) {
      const nn::TensorValue left = randomTensor(type, a, 1), right = randomTensor(type, b, 2);
      const auto expected = nn::reference::matmul(left, right);
      ASSERT_TRUE(expected.isOk()) << expected.status().message();
      const nn::TensorValue product = multiply(left, right, *expected, pool);
      ASSERT_EQ(nn::text(product), nn::text(*expected));
      const std::vector<double> values = nn::reals(product), exact = nn::reals(*expected);
      const double unit = type == ElementType::f32 ? 0x1p-18 : type == ElementType::f16 ? 0x1p-10 : 0x1p-7;
      for (size_t i = 0; i < exact.size(); ++i)
        ASSERT_NEAR(values[i], exact[i], unit * std::max(1.0, std::abs(exact[i])))
            << nn::text(a) << " x " << nn::text(b) << " at " << i;
    }
  }
}

TEST(Multiply, DoesNotDependOnTheThreads) {
  const nn::TensorValue a = randomTensor(ElementType::f32, {3, 13, 40}, 3),
                        b = randomTensor(ElementType::f32, {40, 70}, 4);
  ThreadPool one(1), three(3);
  const nn::TensorSpec spec{ElementType::f32, {3, 13, 70}};
  EXPECT_EQ(multiply(a, b, spec, one).bytes, multiply(a, b, spec, three).bytes);
}

} // namespace
} // namespace cadenza::cpu
