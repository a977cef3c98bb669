// runtime/shared/sampling.h on the host, against double precision and the published vectors of Philox.
#include "runtime/shared/sampling.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace cadenza::sampling {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float notANumber = std::numeric_limits<float>::quiet_NaN();

TEST(Philox, KnownAnswersOfRandom123) {
  const struct {
    Words4 counter;
    uint64_t key;
    Words4 expected;
  } vectors[] = {
      {{{0, 0, 0, 0}}, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
      {{{~0u, ~0u, ~0u, ~0u}}, ~uint64_t{0}, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
       0x299f31d0a4093822,
       {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
  };
  for (const auto &vector : vectors) {
    const Words4 words = philox4x32(vector.counter, vector.key);
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(words.word[i], vector.expected.word[i]) << "word " << i << " of key " << vector.key;
  }
}

TEST(SamplingMath, Log2) {
  std::mt19937 random(1);
  double worst = 0;
  for (int i = 0; i < 400000; ++i) {
    // All exponents, and as many again around 1.
    const float x = i % 2 ? std::ldexp(1.0f + static_cast<float>(random() >> 8) * 0x1p-24f, i % 252 - 126)
                          : 1.0f + (static_cast<float>(random() >> 8) * 0x1p-24f - 0.25f) * std::ldexp(1.0f, -(i % 24));
    const double exact = std::log2(static_cast<double>(x));
    worst = std::max(worst, std::abs(log2_of(x) - exact) / std::max(std::abs(exact), i % 2 ? 0.5 : 1e-30));
  }
  EXPECT_LT(worst, 0x1p-22);
  for (int exponent = -126; exponent < 128; ++exponent)
    EXPECT_EQ(log2_of(std::ldexp(1.0f, exponent)), static_cast<float>(exponent));
}

TEST(SamplingMath, Weights) {
  EXPECT_EQ(weight_of(0.0f), 1u << 31);
  EXPECT_EQ(weight_of(-0.0f), 1u << 31);
  EXPECT_EQ(weight_of(-1.0f), 1u << 30);
  EXPECT_EQ(weight_of(-31.0f), 1u);
  EXPECT_EQ(weight_of(-31.5f), 0u);
  EXPECT_EQ(weight_of(-1000.0f), 0u);
  EXPECT_EQ(weight_of(-infinity), 0u);
  EXPECT_EQ(weight_of(notANumber), 0u);
  EXPECT_EQ(weight_of(-1e-40f), 1u << 31);
  std::mt19937 random(2);
  for (int i = 0; i < 200000; ++i) {
    const float d = -static_cast<float>(random()) * 0x1p-27f;
    const double exact = std::exp2(static_cast<double>(d)) * 0x1p31;
    ASSERT_NEAR(weight_of(d), exact, 1 + exact * 0x1p-22) << d;
    ASSERT_LE(weight_of(d), 1u << 31);
  }
}

double exactNoise(uint32_t bits) { // log2(-log2(1 - v)) in long double
  const long double v = (static_cast<long double>(bits) + 0.5L) * 0x1p-32L;
  return static_cast<double>(std::log2(-std::log1p(-v) / std::log(2.0L)));
}

TEST(SamplingMath, ExponentialNoise) {
  std::vector<uint32_t> cases = {0x49ffffff, 0x4a000000, 0x4a000001, 0x7fffffff, 0x80000000, 0x80000001};
  for (uint32_t i = 0; i < 2000; ++i) {
    cases.push_back(i);
    cases.push_back(~i);
  }
  std::mt19937 random(3);
  for (int i = 0; i < 200000; ++i)
    cases.push_back(random() >> i % 32);
  for (const uint32_t bits : cases) {
    const double exact = exactNoise(bits);
    // A share of the result, and of 1 where it goes through 0.
    ASSERT_NEAR(log2_exponential(bits), exact, 0x1p-21 * std::max(1.0, std::abs(exact))) << bits;
  }
}

TEST(SamplingMath, OrderOfKeys) {
  const float ascending[] = {-infinity, -1e30f, -2.5f, -1e-40f, 0.0f, 1e-40f, 2.5f, 1e30f, infinity};
  uint32_t before = order_key(notANumber);
  EXPECT_EQ(before, 0u);
  EXPECT_TRUE(std::isnan(value_of_key(before)));
  for (const float value : ascending) {
    EXPECT_GT(order_key(value), before) << value;
    before = order_key(value);
    EXPECT_EQ(value_of_key(before), value);
  }
  EXPECT_EQ(order_key(-0.0f), order_key(0.0f));
}

TEST(Sampling, AdjustedLogits) {
  Sampling sampling{.adjusts = 1, .repetition = 1.5f, .presence = 0.25f, .frequency = 0.5f};
  const auto adjusted = [&](float logit, float bias, uint32_t seen) {
    return adjusted_logit(sampling, {bias, seen}, logit);
  };
  EXPECT_EQ(adjusted(3.0f, 0, 0), 3.0f);
  EXPECT_EQ(adjusted(3.0f, -4, 0), -1.0f);
  EXPECT_EQ(adjusted(3.0f, 0, 1), 2.0f);                             // in the prompt: repetition alone
  EXPECT_EQ(adjusted(-3.0f, 0, 1), -4.5f);                           // away from zero
  EXPECT_EQ(adjusted(3.0f, 0, 2 * 3), 2.0f - 3 * 0.5f - 0.25f);      // generated three times
  EXPECT_EQ(adjusted(3.0f, 10, 2 * 3 + 1), 2.0f - 3 * 0.5f + 9.75f); // in the prompt, too
  EXPECT_EQ(adjusted(3.0f, -infinity, 0), -infinity);                // forbidden
  RowHistory row{0, 1};
  row.count_generated();
  EXPECT_EQ(row.generated(), 1u);
  EXPECT_EQ(row.seen & 1, 1u);
}

TEST(Sampling, NucleusLimit) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 10000; ++i) {
    Sampling sampling{.top_p = 1 + (random() & 0xffffffff) % (whole_share - 1)};
    const uint64_t total = random() >> (1 + i % 60);
    const unsigned __int128 product = static_cast<unsigned __int128>(sampling.top_p) * total;
    const auto exact = static_cast<uint64_t>((product + 0xffffffffu) >> 32);
    ASSERT_EQ(nucleus_limit(sampling, total), std::max<uint64_t>(exact, 1)) << sampling.top_p << " of " << total;
  }
  EXPECT_EQ(nucleus_limit({.top_p = whole_share}, 1000), ~uint64_t{0});
  EXPECT_EQ(nucleus_limit({.top_p = 1}, 0), 1u);
}

/// What filters keep of logits in descending order, in double and without any of the shared code.
size_t keptInDouble(const std::vector<float> &logits, double temperature, size_t topK, double topP, double minP) {
  std::vector<double> shares;
  for (const float logit : logits)
    shares.push_back(std::exp((logit - logits[0]) / temperature));
  shares.resize(topK == 0 ? shares.size() : std::min(topK, shares.size()));
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  double before = 0;
  size_t count = 0;
  while (count < shares.size() && (count == 0 || ((topP >= 1 || before < topP * total) && shares[count] >= minP)))
    before += shares[count++];
  return count;
}

TEST(Sampling, KeptRows) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0, 3);
  const auto pick = [&](auto... values) {
    const double all[] = {static_cast<double>(values)...};
    return all[random() % std::size(all)];
  };
  std::vector<int> sizes(4);
  for (int i = 0; i < 2000; ++i) {
    std::vector<float> logits(1 + random() % 200);
    std::generate(logits.begin(), logits.end(), [&] { return normal(random); });
    std::sort(logits.begin(), logits.end(), std::greater<>());
    const double temperature = pick(0.3, 0.7, 1.0, 1.9), topP = pick(1, 0.95, 0.9, 0.5, 0.01);
    const double minP = pick(0, 0.05, 0.3, 1), topK = pick(0, 1, 20, 50, 1000);
    const Sampling sampling{.top_k = static_cast<uint32_t>(topK),
                            .top_p = static_cast<uint64_t>(std::llround(topP * 0x1p32)),
                            .min_distance = static_cast<float>(std::log2(minP)),
                            .scale = static_cast<float>(1 / (std::log(2.0) * temperature))};
    const auto limit = topK == 0 ? logits.size() : std::min<size_t>(logits.size(), static_cast<size_t>(topK));
    uint64_t total = 0;
    for (size_t row = 0; row < limit; ++row)
      total += weight(sampling, logits[row], logits[0]);
    const uint32_t count =
        count_kept(sampling, total, static_cast<uint32_t>(logits.size()), [&](uint32_t rank) { return logits[rank]; });
    ASSERT_EQ(count, keptInDouble(logits, temperature, static_cast<size_t>(topK), topP, minP))
        << "case " << i << ": " << logits.size() << " rows, temperature " << temperature << " top-k " << topK
        << " top-p " << topP << " min-p " << minP;
    ++sizes[count == 1 ? 0 : count == limit ? 1 : count < 20 ? 2 : 3];
  }
  for (const int size : sizes)
    EXPECT_GT(size, 30); // each kind of result came
}

TEST(Sampling, WhatIsJustLikelyEnoughIsKept) {
  const float logits[] = {3.0f, 1.0f, 1.0f, 0.9f};
  const Sampling sampling{.min_distance = -2, .scale = 1};
  EXPECT_EQ(count_kept(sampling, 0, 4, [&](uint32_t i) { return logits[i]; }), 3u);
}

TEST(Sampling, InfinitiesAndNaN) {
  const Sampling sampling{.top_p = whole_share / 2, .min_distance = -infinity, .scale = 1.5f};
  const auto count = [&](std::vector<float> logits) {
    uint64_t total = 0;
    for (const float logit : logits)
      total += weight(sampling, logit, logits[0]);
    return count_kept(sampling, total, static_cast<uint32_t>(logits.size()), [&](uint32_t i) { return logits[i]; });
  };
  EXPECT_EQ(count({infinity, infinity, 1.0f, -infinity}), 1u);
  EXPECT_EQ(count({infinity, infinity, infinity, 1.0f}), 2u);
  EXPECT_EQ(count({-infinity, -infinity}), 1u);
  EXPECT_EQ(count({notANumber, notANumber}), 1u); // the lowest index, as without filters
  EXPECT_EQ(count({1.0f, notANumber}), 1u);
  EXPECT_EQ(order_key(drawn_value(sampling, notANumber, 0)), 0u);
  EXPECT_EQ(drawn_value(sampling, -infinity, 0), -infinity);
}

/// Pearson's statistic of draws of 8 rows by drawn_value against their probabilities; 7 degrees of freedom.
TEST(Sampling, DrawsHaveTheirProbabilities) {
  const float logits[] = {0.0f, 1.0f, -1.0f, 2.0f, -3.0f, 0.5f, 1.5f, -0.25f};
  constexpr int rows = 8, draws = 60000;
  for (const double temperature : {0.5, 1.0, 2.0}) {
    const Sampling sampling{
        .draws = 1, .seed = 0x123456789abcdef0, .scale = static_cast<float>(1 / (std::log(2.0) * temperature))};
    double total = 0, statistic = 0;
    for (const float logit : logits)
      total += std::exp(logit / temperature);
    int counts[rows] = {};
    for (uint32_t position = 0; position < draws; ++position) {
      float values[rows];
      for (uint32_t row = 0; row < rows; ++row)
        values[row] = drawn_value(sampling, logits[row], position, row);
      ++counts[std::max_element(values, values + rows) - values];
    }
    for (int row = 0; row < rows; ++row) {
      const double expected = draws * std::exp(logits[row] / temperature) / total;
      statistic += (counts[row] - expected) * (counts[row] - expected) / expected;
    }
    EXPECT_LT(statistic, 24.3) << "temperature " << temperature; // exceeded once in 1,000 seeds
  }
}

} // namespace
} // namespace cadenza::sampling
