// Prompts of a session, which go through the tiles of a plan that has prefill entries.
#include "runtime/cadenza.h"
#include "test/runtime/api/tiny_plan.h"

namespace cadenza::test {
namespace {

using Tokens = std::vector<int32_t>;

class SessionPrefillTest : public ::testing::Test {
protected:
  SessionPrefillTest() : plan(folder.path("tiny.plan")) {
    model.test.prefill(8);
    model.test.prefill(32);
    writeTinyPlan(plan, model, characterTokenizer());
  }

  Session open(SessionOptions options = {}) {
    options.device = "cpu";
    auto session = Session::open(plan, options);
    EXPECT_TRUE(session.isOk()) << session.status().message();
    return std::move(*session);
  }
  static Generation generate(Session &session, const Tokens &prompt, const GenerateOptions &options) {
    auto result = session.generate(prompt, options);
    EXPECT_TRUE(result.isOk()) << result.status().message();
    return result.isOk() ? *result : Generation();
  }
  static Tokens promptOf(int32_t length) {
    Tokens prompt;
    for (int32_t i = 0; i < length; ++i)
      prompt.push_back((i * i + 3) % 67);
    return prompt;
  }

  TemporaryFolder folder;
  TinyModel model{/*fused=*/true, /*maxContext=*/128};
  std::string plan;
};

TEST_F(SessionPrefillTest, TilesAreTheLargestAndTheLastHoldsTheRest) {
  Session session = open(), off = open({.prefill = false});
  const std::pair<int32_t, int64_t> lengths[] = {{1, 0},  {2, 1},  {7, 1},  {8, 1},  {9, 1},
                                                 {32, 1}, {33, 2}, {64, 2}, {70, 3}, {100, 4}};
  for (const auto &[length, tiles] : lengths) {
    SCOPED_TRACE(length);
    const Tokens prompt = promptOf(length);
    const Generation with = generate(session, prompt, {.maxTokens = 12}),
                     without = generate(off, prompt, {.maxTokens = 12});
    EXPECT_EQ(with.tokens, without.tokens);
    EXPECT_EQ(with.text, without.text);
    EXPECT_EQ(with.timing.promptTiles, tiles);
    EXPECT_EQ(without.timing.promptTiles, 0);
    EXPECT_GT(with.timing.promptTokensPerSecond(), 0);
    EXPECT_TRUE(generate(session, prompt, {.maxTokens = 0}).tokens.empty());
  }
}

TEST_F(SessionPrefillTest, FillsTheContextExactly) {
  Session session = open({.context = 40}), off = open({.context = 40, .prefill = false});
  for (int32_t length : {39, 40}) {
    const Generation result = generate(session, promptOf(length), {.maxTokens = 5});
    EXPECT_EQ(result.tokens.size(), static_cast<size_t>(41 - length));
    EXPECT_EQ(result.reason, FinishReason::ContextFull);
    EXPECT_EQ(result.tokens, generate(off, promptOf(length), {.maxTokens = 5}).tokens);
  }
}

TEST_F(SessionPrefillTest, WhatIsRefusedRunsNothing) {
  Session session = open({.context = 40});
  const Tokens prompt = promptOf(20), before = generate(session, prompt, {.maxTokens = 5}).tokens;
  bool ran = false;
  GenerateOptions options{.maxTokens = 2};
  options.onPrompt = [&](int64_t) { ran = true; };
  options.onToken = [&](int32_t) { return ran = true; };
  EXPECT_EQ(session.generate(promptOf(41), options).status().message(),
            "a prompt of 41 tokens does not fit into the context of 40; load with a larger --context, up to 128");
  for (size_t place : {size_t{0}, size_t{7}, size_t{39}}) { // of the first tile, its last one, and in the last tile
    for (int32_t bad : {-1, 67}) {
      Tokens tokens = promptOf(40);
      tokens[place] = bad;
      const Status status = session.generate(tokens, options).status();
      EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
      EXPECT_EQ(status.message(), "prompt[" + std::to_string(place) + "]: token " + std::to_string(bad) +
                                      " is outside the vocabulary of 67");
    }
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(generate(session, prompt, {.maxTokens = 5}).tokens, before);
}

TEST_F(SessionPrefillTest, CancelEndsBetweenTiles) {
  Session session = open();
  const Tokens prompt = promptOf(100), all = generate(session, prompt, {.maxTokens = 4}).tokens; // 32, 32, 32 and 4
  std::vector<int64_t> seen;
  GenerateOptions options{.maxTokens = 4};
  options.onPrompt = [&](int64_t done) {
    seen.push_back(done);
    session.requestCancel();
  };
  const Generation result = generate(session, prompt, options);
  EXPECT_EQ(seen, std::vector<int64_t>{64});
  EXPECT_TRUE(result.tokens.empty());
  EXPECT_EQ(result.status().code(), StatusCode::Cancelled);
  EXPECT_EQ(generate(session, prompt, {.maxTokens = 4}).tokens, all);
}

TEST_F(SessionPrefillTest, StopTokenRightAfterThePrompt) {
  Session session = open();
  const Tokens prompt = promptOf(20), all = generate(session, prompt, {.maxTokens = 4}).tokens;
  const Generation result = generate(session, prompt, {.maxTokens = 4, .stopTokens = {all[0]}});
  EXPECT_EQ(result.tokens, Tokens{all[0]});
  EXPECT_EQ(result.reason, FinishReason::StopToken);
}

TEST_F(SessionPrefillTest, LogitsAndScores) {
  Session session = open({.logits = true}), off = open({.logits = true, .prefill = false});
  const Tokens tokens = promptOf(45);
  const auto logitsOf = [&](Session &of) {
    std::vector<std::vector<float>> rows;
    EXPECT_TRUE(of.forEachLogits(tokens, [&](int64_t position, std::span<const float> logits) {
                    EXPECT_EQ(position, std::ssize(rows));
                    rows.emplace_back(logits.begin(), logits.end());
                    return Status::ok();
                  }).isOk());
    return rows;
  };
  EXPECT_EQ(logitsOf(session), logitsOf(off)); // on the CPU this model's tiles sum as its steps do
  EXPECT_EQ(logitsOf(session).size(), 45u);
  for (int64_t window : {2, 9, 34, 129})
    EXPECT_EQ(session.score(tokens, window)->nll, off.score(tokens, window)->nll);
  int64_t rows = 0;
  const Status cancelled = session.forEachLogits(tokens, [&](int64_t, std::span<const float>) {
    if (++rows == 3)
      session.requestCancel();
    return Status::ok();
  });
  EXPECT_EQ(cancelled.code(), StatusCode::Cancelled);
  EXPECT_EQ(rows, 3);
}

} // namespace
} // namespace cadenza::test
