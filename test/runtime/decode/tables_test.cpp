// What both executors compute alike: the RoPE table, the cache fill.
#include "runtime/decode/cache_fill.h"
#include "runtime/decode/rope_table.h"

#include <cmath>
#include <gtest/gtest.h>
#include <set>

namespace cadenza {
namespace {

TEST(RopeTable, AngleIsAnFp32Product) {
  Weight weight;
  weight.rows = 2;
  weight.scale = 1.5f;
  weight.longAfter = 3;
  const float frequencies[] = {1.0f, 0.3f, 0.5f, 0.1f}; // the last two of long sequences
  for (bool isLong : {false, true}) {
    std::vector<float> table = expandRopeTable(weight, reinterpret_cast<const std::byte *>(frequencies), 5, isLong);
    ASSERT_EQ(table.size(), 5u * 2 * 2);
    for (int position = 0; position < 5; ++position) {
      for (int i = 0; i < 2; ++i) {
        float angle = static_cast<float>(position) * frequencies[i + (isLong ? 2 : 0)];
        EXPECT_EQ(table[(position * 2 + i) * 2], static_cast<float>(std::cos(double(angle))) * 1.5f);
        EXPECT_EQ(table[(position * 2 + i) * 2 + 1], static_cast<float>(std::sin(double(angle))) * 1.5f);
      }
    }
  }
}

/// In steps at multiples of `every`, as transformers computes it: fp32 but for the logarithm's own rounding.
TEST(RopeTable, GrowsAtMultiples) {
  Weight weight;
  weight.rows = 1;
  weight.scale = 1.5f;
  const float frequencies[] = {0.3f};
  const auto expand = [&] {
    return expandRopeTable(weight, reinterpret_cast<const std::byte *>(frequencies), 30, false);
  };
  const std::vector<float> without = expand();
  weight.growth = {0.1f, 7};
  const std::vector<float> with = expand();
  const float steps[] = {1.0f, 1 + 0.1f * 0.693147180559945f, 1 + 0.1f * 1.09861228866811f,
                         1 + 0.1f * 1.38629436111989f, 1 + 0.1f * 1.6094379124341f};
  ASSERT_EQ(with.size(), 60u);
  for (size_t i = 0; i < with.size(); ++i)
    EXPECT_EQ(with[i], without[i] * steps[i / 2 / 7]) << i;
}

TEST(CacheFill, LooksLikeNormalNumbers) {
  double sum = 0, squares = 0;
  std::set<float> distinct;
  constexpr int count = 100000;
  for (int i = 0; i < count; ++i) {
    float value = cacheFillValue(7, cacheFillIndex(3, true, 2, i / 100, i % 100));
    EXPECT_LT(std::abs(value), 3.47f);
    sum += value;
    squares += double(value) * value;
    distinct.insert(value);
  }
  EXPECT_NEAR(sum / count, 0, 0.02);
  EXPECT_NEAR(squares / count, 1, 0.02);
  EXPECT_GT(distinct.size(), 40000u);
  EXPECT_NE(cacheFillValue(7, 0), cacheFillValue(8, 0));
  // Fixed for good: benchmarks of different executors see the same values.
  EXPECT_EQ(cacheFillIndex(1, true, 1, 1, 1), (1ull << 48) | (1ull << 47) | (1ull << 35) | (1ull << 13) | 1);
}

} // namespace
} // namespace cadenza
