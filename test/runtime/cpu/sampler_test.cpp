// Draws of the CPU: against transformers' processors, and one by one against a plain reference in double.
#include "runtime/cpu/sampler.h"
#include "runtime/decode/sequence_sampling.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <random>
#include <set>

namespace cadenza::cpu {
namespace {

/// The 1 - 1/1000 quantile of chi-squared, by Wilson and Hilferty.
double chiSquaredBound(int freedom) {
  const double k = freedom, z = 3.0902;
  return k * std::pow(1 - 2 / (9 * k) + z * std::sqrt(2 / (9 * k)), 3);
}

/// Pearson's statistic of `counts` of rows of these probabilities and its bound; rare rows are counted together.
void expectProbabilities(const std::map<int32_t, int> &counts, const std::map<int32_t, double> &probabilities,
                         int draws, const std::string &where) {
  double statistic = 0, rareExpected = 0;
  int cells = 0, rare = 0;
  const auto add = [&](double expected, int count) {
    statistic += (count - expected) * (count - expected) / expected;
    ++cells;
  };
  for (const auto &[row, probability] : probabilities) {
    const auto found = counts.find(row);
    const int count = found == counts.end() ? 0 : found->second;
    if (draws * probability >= 5) {
      add(draws * probability, count);
    } else {
      rareExpected += draws * probability;
      rare += count;
    }
  }
  if (rareExpected >= 1)
    add(rareExpected, rare);
  if (cells > 1) {
    EXPECT_LT(statistic, chiSquaredBound(cells - 1)) << where << ", " << cells << " cells";
  }
}

TEST(Sampler, DrawsFromWhatTransformersKeeps) {
  std::ifstream stream(CADENZA_SOURCE_DIR "/test/runtime/cpu/sampling_cases.json");
  const auto cases = nlohmann::json::parse(stream);
  ASSERT_EQ(cases.size(), 60u);
  ThreadPool pool(1);
  Sampler sampler;
  for (const auto &entry : cases) {
    const auto logits = entry["logits"].get<std::vector<float>>();
    const auto seen = entry["seen"].get<std::vector<int32_t>>();
    const auto kept = entry["kept"].get<std::vector<int32_t>>();
    const auto &options = entry["options"];
    auto setUp = setUpSampling({.temperature = options["temperature"],
                                .topK = options["top_k"],
                                .topP = options["top_p"],
                                .minP = options["min_p"],
                                .repetitionPenalty = options["repetition_penalty"],
                                .seed = 12345},
                               std::ssize(logits), seen, seen.size());
    ASSERT_TRUE(setUp.isOk()) << setUp.status().message();
    std::map<int32_t, double> probabilities;
    for (size_t i = 0; i < kept.size(); ++i)
      probabilities[kept[i]] = entry["probabilities"][i];
    constexpr int draws = 3000;
    std::map<int32_t, int> counts;
    for (int position = 0; position < draws; ++position) {
      std::vector<RowHistory> rows = setUp->rows; // each draw is the first
      setUp->sampling.rows = rows.data();
      ++counts[sampler.draw(setUp->sampling, logits, position, pool)];
    }
    for (const auto &[row, count] : counts)
      EXPECT_TRUE(probabilities.contains(row)) << options << ": row " << row << " is not kept by transformers";
    for (const auto &[row, probability] : probabilities) // nor is less kept: one of 3000 misses 0.01 with e^-30
      EXPECT_TRUE(probability < 0.01 || counts.contains(row)) << options << ": row " << row << " was never drawn";
    expectProbabilities(counts, probabilities, draws, options.dump());
  }
}

// The reference: no shared code, sums and functions in double ---------------------------------------------------------

uint32_t philoxWord(uint64_t seed, uint32_t position, uint32_t row) {
  uint32_t x[4] = {row / 4, position, 0, 0}, key[2] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = 0xD2511F53ull * x[0], b = 0xCD9E8D57ull * x[2];
    const uint32_t next[4] = {static_cast<uint32_t>(b >> 32) ^ x[1] ^ key[0], static_cast<uint32_t>(b),
                              static_cast<uint32_t>(a >> 32) ^ x[3] ^ key[1], static_cast<uint32_t>(a)};
    std::copy(next, next + 4, x);
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return x[row % 4];
}

struct Reference {
  SamplingOptions options;
  std::vector<double> logits;
  std::map<int32_t, int> generated;
  std::set<int32_t> prompt;

  /// Value of each row that may be drawn: its logit over the temperature plus Gumbel noise.
  std::map<int32_t, double> values(uint32_t position) const {
    std::vector<double> adjusted = logits;
    for (int32_t row = 0; row < std::ssize(logits); ++row) {
      const auto count = generated.find(row);
      const int times = count == generated.end() ? 0 : count->second;
      double &logit = adjusted[static_cast<size_t>(row)];
      if (times > 0 || prompt.contains(row))
        logit = logit > 0 ? logit / options.repetitionPenalty : logit * options.repetitionPenalty;
      logit -= options.frequencyPenalty * times + (times > 0 ? options.presencePenalty : 0);
      if (const auto bias = options.logitBias.find(row); bias != options.logitBias.end())
        logit += bias->second;
    }
    std::vector<int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return adjusted[a] > adjusted[b]; });
    if (!options.draws())
      return {{order[0], 0}};
    if (options.topK > 0)
      order.resize(std::min<size_t>(order.size(), static_cast<size_t>(options.topK)));
    const auto share = [&](int32_t row) {
      return std::exp((adjusted[row] - adjusted[order[0]]) / options.temperature);
    };
    double total = 0, before = 0;
    for (const int32_t row : order)
      total += share(row);
    std::map<int32_t, double> result;
    for (const int32_t row : order) {
      if (!result.empty() && ((options.topP < 1 && before >= options.topP * total) || share(row) < options.minP))
        break;
      before += share(row);
      const double v = (philoxWord(options.seed.value_or(0), position, static_cast<uint32_t>(row)) + 0.5) / 0x1p32;
      result[row] = adjusted[row] / options.temperature - std::log(-std::log1p(-v));
    }
    return result;
  }
};

SamplingOptions randomOptions(std::mt19937 &random) {
  const auto pick = [&](std::initializer_list<double> values) {
    return *(values.begin() + static_cast<ptrdiff_t>(random() % values.size()));
  };
  SamplingOptions options{.temperature = pick({0, 0.6, 1, 1, 2}),
                          .topK = static_cast<int64_t>(pick({0, 0, 1, 20, 400})),
                          .topP = pick({1, 1, 0.95, 0.5}),
                          .minP = pick({0, 0, 0.05}),
                          .repetitionPenalty = pick({1, 1.3}),
                          .presencePenalty = pick({0, 0.5}),
                          .frequencyPenalty = pick({0, 0.25}),
                          .seed = random()};
  if (random() % 2)
    options.logitBias = {{static_cast<int32_t>(random() % 300), 3}, {5, -std::numeric_limits<double>::infinity()}};
  return options;
}

/// Several threads and rows beyond one chunk; texts of 12 tokens, whose history grows.
TEST(Sampler, DrawByDrawAsTheReference) {
  std::mt19937 random(9);
  std::normal_distribution<float> normal(0, 3);
  ThreadPool pool(3);
  Sampler sampler;
  int texts = 0, filtered = 0;
  for (; texts < 400; ++texts) {
    const SamplingOptions options = randomOptions(random);
    const auto rows = static_cast<int32_t>(texts % 20 == 0 ? 9001 : 300 + random() % 50);
    const std::vector<int32_t> prompt = {1, 7, 7, 250};
    Reference reference{options, {}, {}, {prompt.begin(), prompt.end()}};
    auto setUp = setUpSampling(options, rows, prompt, prompt.size());
    ASSERT_TRUE(setUp.isOk());
    setUp->sampling.rows = setUp->rows.data();
    filtered += setUp->sampling.filters;
    for (uint32_t position = 4; position < 16; ++position) {
      std::vector<float> logits(static_cast<size_t>(rows));
      std::generate(logits.begin(), logits.end(), [&] { return normal(random); });
      if (position % 4 == 0) // many ties
        for (float &logit : logits)
          logit = std::round(logit);
      reference.logits.assign(logits.begin(), logits.end());
      const int32_t token = sampler.draw(setUp->sampling, logits, position, pool);
      const auto values = reference.values(position);
      const auto best = std::max_element(values.begin(), values.end(),
                                         [](const auto &a, const auto &b) { return a.second < b.second; });
      ASSERT_TRUE(values.contains(token)) << "text " << texts << " position " << position << ": row " << token;
      // Equal, unless the values are within rounding.
      if (token != best->first) {
        EXPECT_NEAR(values.at(token), best->second, 2e-5) << "text " << texts << " position " << position;
      }
      ++reference.generated[token];
    }
  }
  EXPECT_GT(filtered, texts / 3);
}

TEST(Sampler, NeedsMoreThanTheFirstSort) {
  // A flat distribution: a nucleus of most rows, beyond what is sorted at first; and a top-k larger than that.
  ThreadPool pool(1);
  Sampler sampler;
  std::vector<float> logits(5000);
  for (size_t row = 0; row < logits.size(); ++row)
    logits[row] = static_cast<float>(row * 7919 % 5000) * 1e-4f;
  for (const SamplingOptions &options : {SamplingOptions{.temperature = 1, .topP = 0.9, .seed = 1},
                                         SamplingOptions{.temperature = 1, .topK = 4000, .seed = 1}}) {
    Reference reference{options, {logits.begin(), logits.end()}, {}, {}};
    const auto setUp = setUpSampling(options, 5000, {}, 0);
    for (uint32_t position = 0; position < 50; ++position) {
      const auto values = reference.values(position);
      const auto best = std::max_element(values.begin(), values.end(),
                                         [](const auto &a, const auto &b) { return a.second < b.second; });
      EXPECT_EQ(sampler.draw(setUp->sampling, logits, position, pool), best->first);
    }
  }
}

TEST(Sampler, InfinitiesAndNaN) {
  ThreadPool pool(1);
  Sampler sampler;
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const double topP : {1.0, 0.9}) {
    const auto setUp = setUpSampling({.temperature = 1, .topP = topP, .seed = 3}, 4, {}, 0);
    const auto draw = [&](std::vector<float> logits) { return sampler.draw(setUp->sampling, logits, 1, pool); };
    EXPECT_EQ(draw({nan, -infinity, 0.5f, nan}), 2);
    EXPECT_EQ(draw({1.0f, infinity, 3.0f, 4.0f}), 1);
    EXPECT_EQ(draw({nan, nan, nan, nan}), 0); // as greedily
    EXPECT_EQ(draw({-infinity, -infinity, -infinity, -infinity}), 0);
  }
  // Values that overflow are equal: the lower row, whichever logit is larger.
  const auto setUp = setUpSampling({.temperature = 0.1, .topK = 2, .seed = 3}, 4, {}, 0);
  EXPECT_EQ(sampler.draw(setUp->sampling, std::vector<float>{0.0f, 2e38f, 3e38f, 0.0f}, 1, pool), 1);
}

} // namespace
} // namespace cadenza::cpu
