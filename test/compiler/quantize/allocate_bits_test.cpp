#include "compiler/quantize/allocate_bits.h"

#include <gtest/gtest.h>
#include <random>

namespace cadenza {
namespace {

using Matrices = std::vector<std::vector<StorageChoice>>;

StorageChoice sumOf(const Matrices &matrices, const std::vector<size_t> &chosen) {
  StorageChoice sum;
  for (size_t i = 0; i < matrices.size(); ++i) {
    sum.bits += matrices[i][chosen[i]].bits;
    sum.error += matrices[i][chosen[i]].error;
  }
  return sum;
}

/// The least error within a budget, by trying all.
double leastError(const Matrices &matrices, uint64_t budget) {
  std::vector<size_t> chosen(matrices.size(), 0);
  double least = INFINITY;
  while (true) {
    if (const StorageChoice sum = sumOf(matrices, chosen); sum.bits <= budget)
      least = std::min(least, sum.error);
    size_t i = 0;
    while (i < chosen.size() && ++chosen[i] == matrices[i].size())
      chosen[i++] = 0;
    if (i == chosen.size())
      return least;
  }
}

TEST(AllocateBits, IsTheBestWithinTheBudget) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 50; ++trial) {
    Matrices matrices(6);
    uint64_t least = 0, most = 0;
    for (std::vector<StorageChoice> &choices : matrices) {
      const uint64_t weights = 1000 + random() % 100000;
      const double scale = 1 + static_cast<double>(random() % 100);
      for (const double bits : {4.125, 4.25, 4.5, 8.02, 16.0})
        choices.push_back({static_cast<uint64_t>(bits * static_cast<double>(weights)), scale * std::exp2(-2 * bits)});
      least += choices.front().bits;
      most += choices.back().bits;
    }
    const uint64_t budget = least + (most - least) * static_cast<uint64_t>(trial) / 50;
    const StatusOr<std::vector<size_t>> chosen = allocateBits(matrices, budget);
    ASSERT_TRUE(chosen.isOk());
    const StorageChoice sum = sumOf(matrices, *chosen);
    EXPECT_LE(sum.bits, budget);
    EXPECT_LE(sum.error, leastError(matrices, budget - budget / 200)) << "half a percent less would do better";
    EXPECT_GE(sum.error, leastError(matrices, budget) * (1 - 1e-12));
  }
}

TEST(AllocateBits, TheSmallestChoicesFitExactly) {
  const Matrices matrices = {{{100, 2}, {50, 3}}, {{70, 1}, {80, 0.5}}};
  EXPECT_EQ(*allocateBits(matrices, 120), (std::vector<size_t>{1, 0}));
  EXPECT_EQ(allocateBits(matrices, 119).status().code(), StatusCode::InvalidArgument);
}

TEST(AllocateBits, EqualErrorsTakeTheFewestBits) {
  EXPECT_EQ(*allocateBits({{{100, 0}, {50, 0}}}, 1000), std::vector<size_t>{1});
}

} // namespace
} // namespace cadenza
