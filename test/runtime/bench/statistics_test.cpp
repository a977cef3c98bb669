#include "runtime/bench/statistics.h"

#include <gtest/gtest.h>

namespace cadenza::bench {
namespace {

TEST(Statistics, MedianAndRange) {
  Spread odd = summarize({5, 1, 3});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.minimum, 1);
  EXPECT_EQ(odd.maximum, 5);
  EXPECT_EQ(summarize({4, 1, 2, 9}).median, 3);
  EXPECT_EQ(summarize({7}).median, 7);
  EXPECT_EQ(summarize({}).median, 0);
}

} // namespace
} // namespace cadenza::bench
