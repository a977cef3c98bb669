// Generation under a constraint, on the tiny model.
#include "runtime/cadenza.h"
#include "runtime/decode/sequence_sampling.h"
#include "runtime/executor.h"
#include "runtime/grammar/json_schema.h"
#include "runtime/grammar/matcher.h"
#include "runtime/token_constraint.h"
#include "test/runtime/api/tiny_plan.h"

#include <algorithm>
#include <set>

namespace cadenza::test {
namespace {

using Tokens = std::vector<int32_t>;

/// Token n must be one of sets[n]; after them nothing follows. The text may end after `least` tokens.
class ListedTokens final : public TokenConstraint {
public:
  ListedTokens(std::vector<std::set<int32_t>> sets, size_t least) : sets_(std::move(sets)), least_(least) {}

  void reset() override { accepted.clear(); }
  StatusOr<std::span<const uint32_t>> allowed() override {
    mask_.assign(2, 0); // ids below 64: those behind are not allowed
    if (accepted.size() < sets_.size())
      for (int32_t id : sets_[accepted.size()])
        mask_[static_cast<size_t>(id) / 32] |= 1u << id % 32;
    return std::span<const uint32_t>(mask_);
  }
  bool mayEnd() const override { return accepted.size() >= least_; }
  Status accept(int32_t token) override {
    if (accepted.size() >= sets_.size() || !sets_[accepted.size()].contains(token))
      return {StatusCode::InvalidArgument, "not listed"};
    accepted.push_back(token);
    return Status::ok();
  }

  Tokens accepted;

private:
  std::vector<std::set<int32_t>> sets_;
  std::vector<uint32_t> mask_;
  size_t least_;
};

class SessionConstraintTest : public ::testing::Test {
protected:
  SessionConstraintTest() : plan(folder.path("tiny.plan")) {
    model.test.prefill(8);
    writeTinyPlan(plan, model, characterTokenizer());
  }
  Session open(bool prefill = true) {
    auto session = Session::open(plan, {.device = "cpu", .logits = true, .threads = 1, .prefill = prefill});
    EXPECT_TRUE(session.isOk()) << session.status().message();
    return std::move(*session);
  }
  static Generation generate(Session &session, const Tokens &prompt, GenerateOptions options) {
    options.ignoreEos = true;
    auto result = session.generate(prompt, options);
    EXPECT_TRUE(result.isOk()) << result.status().message();
    return result.isOk() ? *result : Generation();
  }
  static std::shared_ptr<ListedTokens> listed(std::vector<std::set<int32_t>> sets, size_t least) {
    return std::make_shared<ListedTokens>(std::move(sets), least);
  }

  static GenerateOptions restricted(std::shared_ptr<TokenConstraint> constraint, int64_t maxTokens = 20) {
    GenerateOptions options;
    options.maxTokens = maxTokens;
    options.constraint = std::move(constraint);
    return options;
  }

  const Tokens prompt = {1, 20, 7, 3, 59};
  TemporaryFolder folder;
  TinyModel model{/*fused=*/true, /*maxContext=*/128};
  std::string plan;
};

TEST_F(SessionConstraintTest, TheMostLikelyOfWhatIsAllowed) {
  for (bool prefill : {true, false}) {
    Session session = open(prefill);
    const std::vector<std::set<int32_t>> sets = {{3, 40}, {5}, {7, 8, 9, 63}, {0, 1}};
    const auto constraint = listed(sets, 4);
    const Generation result = generate(session, prompt, restricted(constraint));
    ASSERT_EQ(result.tokens.size(), 4u);
    EXPECT_EQ(result.reason, FinishReason::Complete);
    EXPECT_EQ(constraint->accepted, result.tokens);
    // Each has the largest logit of its set.
    Tokens all = prompt;
    all.insert(all.end(), result.tokens.begin(), result.tokens.end() - 1);
    const Status status = session.forEachLogits(all, [&](int64_t position, std::span<const float> logits) {
      const int64_t n = position + 1 - std::ssize(prompt); // of the token that they select
      for (int32_t id : n < 0 ? std::set<int32_t>() : sets[static_cast<size_t>(n)])
        EXPECT_LE(logits[static_cast<size_t>(id)], logits[static_cast<size_t>(result.tokens[static_cast<size_t>(n)])]);
      return Status::ok();
    });
    EXPECT_TRUE(status.isOk());
    // The same again: a generation begins anew. One after it is free.
    EXPECT_EQ(generate(session, prompt, restricted(constraint)).tokens, result.tokens);
    EXPECT_EQ(generate(session, prompt, {.maxTokens = 9}).tokens.size(), 9u);
  }
}

TEST_F(SessionConstraintTest, DrawsWithPenaltiesAsIfOthersHadABias) {
  Session session = open();
  // All that is allowed is the same in each step: a bias of -infinity for the others says the same.
  const std::set<int32_t> few = {2, 3, 5, 7, 11, 13};
  SamplingOptions sampling = {.temperature = 5, .topK = 4, .frequencyPenalty = 0.5, .seed = 3};
  GenerateOptions options = restricted(listed(std::vector(24, few), 25), 24);
  options.sampling = sampling;
  const Generation constrained = generate(session, prompt, options);
  for (int32_t id = 0; id < session.vocabulary(); ++id)
    if (!few.contains(id))
      sampling.logitBias[id] = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(constrained.tokens, generate(session, prompt, {.maxTokens = 24, .sampling = sampling}).tokens);
  EXPECT_EQ(constrained.reason, FinishReason::Length); // it may not end there
}

TEST_F(SessionConstraintTest, StopTokensWhereTheTextMayEnd) {
  Session session = open();
  const std::set<int32_t> other = {4};
  GenerateOptions options = restricted(listed(std::vector(3, other), 3));
  options.stopTokens = {66};
  const Generation result = generate(session, prompt, options);
  EXPECT_EQ(result.tokens, (Tokens{4, 4, 4, 66}));
  EXPECT_EQ(result.reason, FinishReason::StopToken);
  // A stop token that the constraint would have as text comes only at the end.
  options = restricted(listed({{4, 5}, {4, 6}, {4, 7}}, 3));
  options.stopTokens = {4};
  EXPECT_EQ(generate(session, prompt, options).tokens, (Tokens{5, 6, 7, 4}));
}

TEST_F(SessionConstraintTest, NothingIsLeft) {
  Session session = open();
  const auto failure = [&](GenerateOptions options) {
    options.ignoreEos = true;
    const auto result = session.generate(prompt, options);
    return result.isOk() ? Status::ok() : result.status();
  };
  EXPECT_EQ(failure(restricted(listed({{1}, {}, {2}}, 3))).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(failure(restricted(listed({}, 0))).code(), StatusCode::InvalidArgument);
  GenerateOptions never = restricted(listed({{1}}, 1));
  never.sampling.logitBias[1] = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(failure(never).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(generate(session, prompt, {.maxTokens = 3}).tokens.size(), 3u); // the session goes on
}

TEST_F(SessionConstraintTest, TextsOfAGrammar) {
  Session session = open();
  const auto grammar = grammar::regexGrammar("[A-C]{2,4}[0-9]!|hello world");
  ASSERT_TRUE(grammar.isOk());
  const auto constraint = session.constrain(*grammar);
  ASSERT_TRUE(constraint.isOk());
  std::set<std::string> texts;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    GenerateOptions options = restricted(*constraint);
    options.sampling = {.temperature = 20, .seed = seed};
    const Generation result = generate(session, prompt, options);
    EXPECT_EQ(result.reason, FinishReason::Complete);
    grammar::Matcher matcher(*grammar);
    grammar::State state = matcher.start();
    for (char c : result.text)
      state = matcher.step(state, static_cast<uint8_t>(c));
    EXPECT_TRUE(matcher.mayEnd(state)) << result.text;
    texts.insert(result.text);
  }
  EXPECT_GT(texts.size(), 10u);
  // The vocabulary has no '{'.
  const auto object = session.constrain(*grammar::jsonObject());
  const auto failed = session.generate(prompt, restricted(*object));
  ASSERT_FALSE(failed.isOk());
  EXPECT_EQ(failed.status().code(), StatusCode::InvalidArgument);
}

TEST_F(SessionConstraintTest, RowsBelongToSequencesThatAdjust) {
  Session session = open();
  Executor &executor = session.executor();
  ASSERT_TRUE(executor.begin(prompt, {}).isOk());
  std::vector<RowHistory> rows(static_cast<size_t>(session.vocabulary()));
  EXPECT_EQ(executor.updateRows(rows).code(), StatusCode::InvalidArgument);
  const auto sampling = setUpSampling({.presencePenalty = 1}, session.vocabulary(), prompt, prompt.size());
  ASSERT_TRUE(executor.sample(*sampling).isOk());
  EXPECT_TRUE(executor.updateRows(rows).isOk());
  rows.pop_back();
  EXPECT_EQ(executor.updateRows(rows).code(), StatusCode::InvalidArgument);
}

} // namespace
} // namespace cadenza::test
