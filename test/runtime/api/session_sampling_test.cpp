// Sampling and log-probabilities of a session, on the tiny model.
#include "runtime/api/generation_defaults.h"
#include "runtime/cadenza.h"
#include "runtime/decode/sequence_sampling.h"
#include "runtime/executor.h"
#include "test/runtime/api/tiny_plan.h"

#include <cmath>
#include <map>

namespace cadenza::test {
namespace {

using Tokens = std::vector<int32_t>;

constexpr double hot = 20; // the tiny model is very sure

class SessionSamplingTest : public ::testing::Test {
protected:
  SessionSamplingTest() : plan(folder.path("tiny.plan")) {
    model.test.prefill(8);
    writeTinyPlan(plan, model, characterTokenizer());
  }
  Session open(const std::string &file = "", bool prefill = true) {
    auto session =
        Session::open(file.empty() ? plan : file, {.device = "cpu", .logits = true, .threads = 1, .prefill = prefill});
    EXPECT_TRUE(session.isOk()) << session.status().message();
    return std::move(*session);
  }
  static Generation generate(Session &session, const Tokens &prompt, GenerateOptions options) {
    options.ignoreEos = true;
    auto result = session.generate(prompt, options);
    EXPECT_TRUE(result.isOk()) << result.status().message();
    return result.isOk() ? *result : Generation();
  }

  const Tokens prompt = {1, 20, 7, 3, 59};
  TemporaryFolder folder;
  TinyModel model{/*fused=*/true, /*maxContext=*/128};
  std::string plan;
};

TEST_F(SessionSamplingTest, ASeedMakesAText) {
  Session session = open(), other = open();
  const auto text = [&](Session &of, std::optional<uint64_t> seed, SamplingOptions options = {.temperature = hot}) {
    options.seed = seed;
    return generate(of, prompt, {.maxTokens = 30, .sampling = options});
  };
  const Generation first = text(session, 7);
  EXPECT_EQ(first.seed, 7u);
  EXPECT_EQ(first.tokens, text(session, 7).tokens);
  EXPECT_EQ(first.tokens, text(other, 7).tokens);
  EXPECT_NE(first.tokens, text(session, 8).tokens);
  EXPECT_NE(first.tokens, text(session, 7 + (uint64_t{1} << 32)).tokens); // all 64 bits count
  EXPECT_EQ(text(session, ~uint64_t{0}).seed, ~uint64_t{0});
  // One that nobody gave is told, and makes the same text again.
  const Generation random = text(session, std::nullopt);
  ASSERT_TRUE(random.seed);
  EXPECT_EQ(random.tokens, text(session, *random.seed).tokens);
  // What keeps only one row is greedy, whatever the seed; and a generation after it is, too.
  const Generation greedy = generate(session, prompt, {.maxTokens = 30});
  EXPECT_FALSE(greedy.seed);
  EXPECT_EQ(text(session, 9, {.temperature = hot, .topK = 1}).tokens, greedy.tokens);
  EXPECT_EQ(text(session, 9, {.temperature = hot, .topP = 1e-9}).tokens, greedy.tokens);
  EXPECT_EQ(text(session, 9, {.temperature = hot, .minP = 1}).tokens, greedy.tokens);
  EXPECT_EQ(generate(session, prompt, {.maxTokens = 30}).tokens, greedy.tokens);
}

TEST_F(SessionSamplingTest, TheTokensBeforeDecide) {
  // A text of 20 tokens is the beginning of one of 30; and goes on as that one does where it is the prompt.
  Session session = open("", /*prefill=*/false); // the bits of a prompt are those of decoding
  const SamplingOptions options{.temperature = hot, .topK = 40, .topP = 0.9, .seed = 11};
  const Tokens all = generate(session, prompt, {.maxTokens = 30, .sampling = options}).tokens;
  EXPECT_EQ(generate(session, prompt, {.maxTokens = 20, .sampling = options}).tokens,
            Tokens(all.begin(), all.begin() + 20));
  Tokens longer = prompt;
  longer.insert(longer.end(), all.begin(), all.begin() + 20);
  for (const PrefixReuse reuse : {PrefixReuse::On, PrefixReuse::Off})
    EXPECT_EQ(generate(session, longer, {.maxTokens = 10, .reuse = reuse, .sampling = options}).tokens,
              Tokens(all.begin() + 20, all.end()));
}

TEST_F(SessionSamplingTest, DrawsHaveTheProbabilitiesOfTheLogits) {
  Session session = open();
  constexpr double temperature = hot;
  ASSERT_TRUE(session.generate(prompt, {.maxTokens = 1}).isOk());
  const std::span<const float> logits = *session.executor().logits();
  std::vector<double> probabilities;
  double total = 0;
  for (const float logit : logits)
    total += probabilities.emplace_back(std::exp(logit / temperature));
  constexpr int draws = 4000;
  std::map<int32_t, int> counts;
  for (uint64_t seed = 0; seed < draws; ++seed)
    ++counts[generate(
                 session, prompt,
                 {.maxTokens = 1, .reuse = PrefixReuse::On, .sampling = {.temperature = temperature, .seed = seed}})
                 .tokens[0]];
  double statistic = 0;
  int cells = 0;
  for (int32_t row = 0; row < std::ssize(probabilities); ++row) {
    const double expected = draws * probabilities[static_cast<size_t>(row)] / total;
    if (expected < 5)
      continue;
    ++cells;
    statistic += (counts[row] - expected) * (counts[row] - expected) / expected;
  }
  EXPECT_GT(cells, 20);
  EXPECT_LT(statistic, cells + 4 * std::sqrt(2.0 * cells)); // mean and deviation of chi-squared
}

TEST_F(SessionSamplingTest, PenaltiesAndBiases) {
  Session session = open();
  const auto text = [&](const SamplingOptions &options) {
    return generate(session, prompt, {.maxTokens = 40, .sampling = options}).tokens;
  };
  const auto distinct = [](const Tokens &tokens) { return std::set<int32_t>(tokens.begin(), tokens.end()).size(); };
  // No token comes twice, drawn or not, as long as there are others.
  EXPECT_EQ(distinct(text({.presencePenalty = 1e6})), 40u);
  EXPECT_EQ(distinct(text({.temperature = hot, .frequencyPenalty = 1e6, .seed = 3})), 40u);
  EXPECT_LT(distinct(text({})), 40u);
  // Repetition counts the prompt, too.
  const Tokens unseen = text({.repetitionPenalty = 1e6});
  EXPECT_TRUE(std::ranges::none_of(unseen, [&](int32_t token) { return std::ranges::count(prompt, token) > 0; }));
  // A bias alone, and one that forbids what is most likely.
  EXPECT_EQ(text({.logitBias = {{42, 1e6}}}), Tokens(40, 42));
  const int32_t best = text({})[0];
  EXPECT_NE(text({.logitBias = {{best, -std::numeric_limits<double>::infinity()}}})[0], best);
}

TEST_F(SessionSamplingTest, WhatIsWrongIsSaidBeforeAnythingRuns) {
  Session session = open();
  (void)generate(session, prompt, {.maxTokens = 4});
  for (const SamplingOptions &options :
       {SamplingOptions{.temperature = -1}, SamplingOptions{.topP = 0}, SamplingOptions{.logitBias = {{67, 1}}}}) {
    const auto result = session.generate(prompt, {.sampling = options});
    EXPECT_EQ(result.status().code(), StatusCode::InvalidArgument);
  }
  EXPECT_EQ(session.generate(prompt, {.logprobs = -1}).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(session.generate(prompt, {.logprobs = 68}).status().code(), StatusCode::InvalidArgument);
  auto without = Session::open(plan, {.device = "cpu"});
  EXPECT_EQ(without->generate(prompt, {.logprobs = 1}).status().code(), StatusCode::InvalidArgument);
  // The cache of the generation before is still there.
  EXPECT_EQ(generate(session, prompt, {.maxTokens = 1, .reuse = PrefixReuse::On}).timing.keptTokens, 4);
  // An executor is told before the first token.
  Executor &executor = session.executor();
  ASSERT_TRUE(executor.begin(prompt, {}).isOk());
  ASSERT_TRUE(executor.enqueueStep(/*withHead=*/true).isOk());
  EXPECT_EQ(executor.sample({}).code(), StatusCode::InvalidArgument);
}

TEST_F(SessionSamplingTest, Logprobs) {
  Session session = open();
  const SamplingOptions drawn{.temperature = hot, .repetitionPenalty = 1.5, .seed = 5};
  for (const SamplingOptions &options : {SamplingOptions(), drawn}) {
    const Generation result = generate(session, prompt, {.maxTokens = 12, .sampling = options, .logprobs = 3});
    ASSERT_EQ(result.logprobs.size(), 12u);
    Tokens all = prompt;
    all.insert(all.end(), result.tokens.begin(), result.tokens.end());
    Session fresh = open();
    ASSERT_TRUE(fresh
                    .forEachLogits(all,
                                   [&](int64_t position, std::span<const float> logits) {
                                     const int64_t index = position + 1 - std::ssize(prompt);
                                     if (index < 0 || index >= 12)
                                       return Status::ok();
                                     double sum = 0;
                                     for (const float logit : logits)
                                       sum += std::exp(logit);
                                     const auto near =
                                         [&](const TokenLogprob &entry) { // of the model, at temperature 1
                                           EXPECT_NEAR(entry.logprob, logits[entry.token] - std::log(sum), 0.02);
                                         };
                                     const TokenLogprobs &found = result.logprobs[index];
                                     EXPECT_EQ(found.chosen.token, result.tokens[index]);
                                     near(found.chosen);
                                     EXPECT_EQ(found.top.size(), 3u);
                                     for (const TokenLogprob &entry : found.top)
                                       near(entry);
                                     EXPECT_GE(found.top[0].logprob, found.top[1].logprob);
                                     EXPECT_GE(found.top[1].logprob, found.top[2].logprob);
                                     EXPECT_GE(found.top[0].logprob, found.chosen.logprob);
                                     return Status::ok();
                                   })
                    .isOk());
    // They change nothing.
    EXPECT_EQ(generate(session, prompt, {.maxTokens = 12, .sampling = options}).tokens, result.tokens);
  }
  EXPECT_TRUE(generate(session, prompt, {.maxTokens = 2, .logprobs = 0}).logprobs[1].top.empty());
  EXPECT_EQ(session.tokenText(62), " ");
  EXPECT_EQ(session.tokenText(66), "<|end|>");
  EXPECT_EQ(session.tokenText(0), "a");
}

TEST(SamplingDefaults, OfGenerationConfig) {
  const auto of = [](const char *json) {
    auto options = samplingDefaults(json);
    EXPECT_TRUE(options.isOk()) << options.status().message();
    return options.isOk() ? *options : SamplingOptions();
  };
  EXPECT_FALSE(of("").draws());
  EXPECT_FALSE(of(R"({"temperature": 0.6})").draws());
  EXPECT_FALSE(of(R"({"do_sample": false, "temperature": 0.6, "top_p": 7})").draws());
  EXPECT_EQ(of(R"({"repetition_penalty": 1.05})").repetitionPenalty, 1.05);
  const SamplingOptions qwen = of(
      R"({"do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "eos_token_id": [1, 2], "min_p": null})");
  EXPECT_EQ(qwen.temperature, 0.6);
  EXPECT_EQ(qwen.topK, 20);
  EXPECT_EQ(qwen.topP, 0.95);
  EXPECT_EQ(qwen.minP, 0);
  EXPECT_EQ(qwen.repetitionPenalty, 1);
  EXPECT_FALSE(qwen.seed);
  const SamplingOptions bare = of(R"({"do_sample": true, "top_k": -1, "min_p": 0.1})");
  EXPECT_EQ(bare.temperature, 1);
  EXPECT_EQ(bare.topK, 0);
  EXPECT_EQ(bare.topP, 1);
  EXPECT_EQ(bare.minP, 0.1);
  for (const auto &[json, message] :
       {std::pair(R"({"do_sample": "yes"})", "generation_config.json.do_sample: "),
        std::pair(R"({"do_sample": true, "top_p": "hot"})", "generation_config.json.top_p: "),
        std::pair(R"({"do_sample": true, "top_k": 2.5})", "generation_config.json.top_k: ")}) {
    const Status status = samplingDefaults(json).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidInput) << json;
    EXPECT_TRUE(status.message().starts_with(message)) << status.message();
  }
}

} // namespace
} // namespace cadenza::test
