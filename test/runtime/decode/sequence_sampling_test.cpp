#include "runtime/decode/sequence_sampling.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace cadenza {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(SetUpSampling, NothingIsGreedy) {
  const auto result = setUpSampling({}, 100, {}, 0);
  ASSERT_TRUE(result.isOk());
  EXPECT_FALSE(result->sampling.draws || result->sampling.filters || result->sampling.adjusts);
  EXPECT_TRUE(result->rows.empty());
  // What filters is of no use where nothing is drawn.
  EXPECT_FALSE(setUpSampling({.temperature = 9e-7, .topK = 3}, 100, {}, 0)->sampling.filters);
}

TEST(SetUpSampling, Numbers) {
  const auto result = setUpSampling(
      {.temperature = 0.5, .topK = 40, .topP = 0.75, .minP = 0.125, .seed = std::numeric_limits<uint64_t>::max()}, 100,
      {}, 0);
  ASSERT_TRUE(result.isOk());
  const Sampling &sampling = result->sampling;
  EXPECT_TRUE(sampling.draws && sampling.filters && !sampling.adjusts);
  EXPECT_EQ(sampling.seed, 0xffffffffffffffff);
  EXPECT_EQ(sampling.top_k, 40u);
  EXPECT_EQ(sampling.top_p, 0xc0000000u);
  EXPECT_EQ(sampling.min_distance, -3.0f);
  EXPECT_FLOAT_EQ(sampling.scale, 2.88539008f);
  // Off.
  const auto all = setUpSampling({.temperature = 1, .topK = 100}, 100, {}, 0);
  EXPECT_EQ(all->sampling.filters, 0u);
  EXPECT_EQ(all->sampling.top_k, 0u);
  EXPECT_EQ(all->sampling.top_p, whole_share);
  EXPECT_EQ(all->sampling.min_distance, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(setUpSampling({.temperature = 1, .topP = 1e-300}, 100, {}, 0)->sampling.top_p, 1u); // the first row
}

TEST(SetUpSampling, HistoryAndBiases) {
  const int32_t text[] = {1, 2, 1, 3, 3, 1};
  const auto result = setUpSampling({.frequencyPenalty = 0.5, .logitBias = {{2, -1.5}, {4, -infinity}}}, 5, text, 3);
  ASSERT_TRUE(result.isOk());
  EXPECT_TRUE(result->sampling.adjusts && !result->sampling.draws);
  ASSERT_EQ(result->rows.size(), 5u);
  const uint32_t seen[] = {0, 1 + 2, 1, 2 * 2, 0};
  const float biases[] = {0, 0, -1.5f, 0, -std::numeric_limits<float>::infinity()};
  for (size_t row = 0; row < 5; ++row) {
    EXPECT_EQ(result->rows[row].seen, seen[row]) << row;
    EXPECT_EQ(result->rows[row].bias, biases[row]) << row;
  }
}

TEST(SetUpSampling, ErrorsNameTheOption) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::pair<SamplingOptions, const char *> cases[] = {
      {{.temperature = nan}, "temperature nan: expected 0 (the most likely token) or more"},
      {{.temperature = -1}, "temperature -1: "},
      {{.temperature = infinity}, "temperature inf: "},
      {{.temperature = 1e39}, "temperature 1e+39: "},
      {{.topK = -1}, "top-k -1: "},
      {{.topP = 0}, "top-p 0: expected more than 0 and at most 1 (all tokens)"},
      {{.topP = 1.01}, "top-p 1.01: "},
      {{.topP = nan}, "top-p nan: "},
      {{.minP = -0.1}, "min-p -0.1: "},
      {{.minP = 2}, "min-p 2: "},
      {{.minP = nan}, "min-p nan: "},
      {{.repetitionPenalty = 0}, "repetition penalty 0: "},
      {{.repetitionPenalty = 1e-46}, "repetition penalty 1e-46: "},
      {{.repetitionPenalty = infinity}, "repetition penalty inf: "},
      {{.presencePenalty = nan}, "presence penalty nan: "},
      {{.frequencyPenalty = -infinity}, "frequency penalty -inf: "},
      {{.logitBias = {{100, 1}}}, "logit bias: token 100 is not in the vocabulary of 100"},
      {{.logitBias = {{-1, 1}}}, "logit bias: token -1 is not in the vocabulary of 100"},
      {{.logitBias = {{7, infinity}}}, "logit bias of token 7 inf: "},
      {{.logitBias = {{7, nan}}}, "logit bias of token 7 nan: "},
  };
  for (const auto &[options, message] : cases) {
    const Status status = setUpSampling(options, 100, {}, 0).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidArgument) << message;
    EXPECT_TRUE(status.message().starts_with(message)) << status.message() << "\n" << message;
  }
  const SamplingOptions all = {.logitBias = {{0, -infinity}, {1, -infinity}}};
  EXPECT_EQ(setUpSampling(all, 2, {}, 0).status().message(), "logit bias: every token of the vocabulary is forbidden");
  EXPECT_TRUE(setUpSampling(all, 3, {}, 0).isOk());
}

} // namespace
} // namespace cadenza
