#include "runtime/cadenza.h"
#include "runtime/executor.h"
#include "test/runtime/api/tiny_plan.h"

#include <algorithm>
#include <cmath>

namespace cadenza::test {
namespace {

using Tokens = std::vector<int32_t>;

class SessionTest : public ::testing::Test {
protected:
  SessionTest() : plan(folder.path("tiny.plan")) { writeTinyPlan(plan, model, characterTokenizer()); }

  Session open(SessionOptions options = {}) {
    if (options.device == "auto")
      options.device = "cpu";
    auto session = Session::open(plan, options);
    EXPECT_TRUE(session.isOk()) << session.status().message();
    return std::move(*session);
  }
  Generation generate(Session &session, const Tokens &prompt, const GenerateOptions &options) {
    auto result = session.generate(prompt, options);
    EXPECT_TRUE(result.isOk()) << result.status().message();
    return result.isOk() ? *result : Generation();
  }

  TemporaryFolder folder;
  TinyModel model;
  std::string plan;
  const Tokens prompt = {7, 8, 62, 40};
};

TEST_F(SessionTest, TokensTextAndCallbacksAgree) {
  Session session = open();
  EXPECT_EQ(session.deviceName(), "cpu");
  EXPECT_EQ(session.context(), 64);
  EXPECT_EQ(session.vocabulary(), 67);
  Tokens seen;
  std::string text;
  GenerateOptions options{.maxTokens = 12};
  options.onToken = [&](int32_t token) {
    seen.push_back(token);
    return true;
  };
  options.onText = [&](std::string_view piece) { text += piece; };
  Generation result = generate(session, prompt, options);
  EXPECT_EQ(result.tokens.size(), 12u);
  EXPECT_EQ(result.tokens, seen);
  EXPECT_EQ(result.text, text);
  EXPECT_EQ(result.text, *session.detokenize(result.tokens));
  EXPECT_EQ(result.reason, FinishReason::Length);
  EXPECT_EQ(result.timing.promptTokens, 4);
  EXPECT_EQ(result.timing.decodeTokens, 11);
  EXPECT_GT(result.timing.promptSeconds, 0);
  EXPECT_GT(result.timing.decodeSeconds, 0);
  EXPECT_EQ(*session.tokenize("hi O"), prompt);
  EXPECT_EQ(generate(session, prompt, {.maxTokens = 12}).tokens, result.tokens);
  Session other = open({.threads = 1});
  EXPECT_EQ(generate(other, prompt, {.maxTokens = 12}).tokens, result.tokens);
}

TEST_F(SessionTest, FillsTheContextExactly) {
  Session wide = open();
  Tokens all = generate(wide, prompt, {.maxTokens = 20}).tokens;
  Session session = open({.context = 8});
  // 4 prompt tokens and 8 positions: 5 tokens can be selected.
  for (int64_t n : {0, 4, 5, 6}) {
    Generation result = generate(session, prompt, {.maxTokens = n});
    EXPECT_EQ(result.tokens, Tokens(all.begin(), all.begin() + std::min<int64_t>(n, 5)));
    EXPECT_EQ(result.status().code(), n <= 5 ? StatusCode::Ok : StatusCode::CacheFull);
    EXPECT_FALSE(n > 0 && result.text.empty());
  }
  EXPECT_EQ(session.generate(Tokens(9, 1), {}).status().code(), StatusCode::CacheFull);
  EXPECT_EQ(generate(session, Tokens(8, 1), {.maxTokens = 2}).tokens.size(), 1u);
  EXPECT_EQ(generate(session, Tokens(7, 1), {.maxTokens = 2}).tokens.size(), 2u);
}

TEST_F(SessionTest, BadPrompts) {
  Session session = open();
  for (const Tokens &bad : {Tokens{}, Tokens{-1}, Tokens{1, 67}})
    EXPECT_EQ(session.generate(bad, {}).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(session.generate(prompt, {.maxTokens = -1}).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(generate(session, prompt, {.maxTokens = 2}).tokens.size(), 2u);
}

TEST_F(SessionTest, StopTokens) {
  Session before = open();
  Tokens free = generate(before, prompt, {.maxTokens = 12}).tokens;
  int32_t stop = free[3];
  size_t length = std::find(free.begin(), free.end(), stop) - free.begin() + 1;
  model.test.program.decoder->eosTokens = {stop};
  writeTinyPlan(plan, model, characterTokenizer());
  Session session = open();
  Generation result = generate(session, prompt, {.maxTokens = 12});
  EXPECT_EQ(result.tokens, Tokens(free.begin(), free.begin() + length));
  EXPECT_EQ(result.reason, FinishReason::StopToken);
  EXPECT_EQ(result.text, *session.detokenize(std::span(result.tokens).first(length - 1)));
  EXPECT_EQ(generate(session, prompt, {.maxTokens = 12, .ignoreEos = true}).tokens, free);
}

TEST_F(SessionTest, StopTexts) {
  Session session = open();
  std::string text = generate(session, prompt, {.maxTokens = 12}).text;
  ASSERT_GE(text.size(), 6u);
  std::string stop = text.substr(3, 2);
  GenerateOptions options{.maxTokens = 12, .stopTexts = {"not there", stop}};
  std::string streamed;
  options.onText = [&](std::string_view piece) { streamed += piece; };
  Generation result = generate(session, prompt, options);
  EXPECT_EQ(result.text, text.substr(0, text.find(stop)));
  EXPECT_EQ(streamed, result.text);
  EXPECT_EQ(result.reason, FinishReason::StopText);
  EXPECT_TRUE(result.status().isOk());
}

TEST_F(SessionTest, CancelAtEveryTokenLeavesTheSessionUsable) {
  Session session = open();
  Tokens all = generate(session, prompt, {.maxTokens = 8}).tokens;
  for (size_t at = 1; at <= 7; ++at) {
    GenerateOptions options{.maxTokens = 8};
    size_t count = 0;
    options.onToken = [&](int32_t) {
      if (++count == at)
        session.requestCancel();
      return true;
    };
    Generation result = generate(session, prompt, options);
    EXPECT_EQ(result.tokens, Tokens(all.begin(), all.begin() + at));
    EXPECT_EQ(result.status().code(), StatusCode::Cancelled);
    EXPECT_EQ(generate(session, prompt, {.maxTokens = 8}).tokens, all);
  }
  session.requestCancel(); // before the start, so already in the prompt
  Generation result = generate(session, prompt, {.maxTokens = 8});
  EXPECT_TRUE(result.tokens.empty());
  EXPECT_EQ(result.status().code(), StatusCode::Cancelled);
}

TEST_F(SessionTest, CallbackEndsTheGeneration) {
  Session session = open();
  GenerateOptions options{.maxTokens = 8};
  options.onToken = [](int32_t) { return false; };
  Generation result = generate(session, prompt, options);
  EXPECT_EQ(result.tokens.size(), 1u);
  EXPECT_EQ(result.reason, FinishReason::Callback);
  EXPECT_TRUE(result.status().isOk());
}

TEST_F(SessionTest, LogitsExplainTheTokens) {
  Session session = open({.logits = true});
  Tokens all = prompt;
  Tokens made = generate(session, prompt, {.maxTokens = 8}).tokens;
  all.insert(all.end(), made.begin(), made.end());
  Tokens best;
  ASSERT_TRUE(session
                  .forEachLogits(all,
                                 [&](int64_t position, std::span<const float> logits) {
                                   EXPECT_EQ(position, static_cast<int64_t>(best.size()));
                                   best.push_back(static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) -
                                                                       logits.begin()));
                                   return Status::ok();
                                 })
                  .isOk());
  ASSERT_EQ(best.size(), all.size());
  EXPECT_EQ(Tokens(best.begin() + 3, best.end() - 1), made);
  Session without = open();
  EXPECT_EQ(without.forEachLogits(prompt, [](auto, auto) { return Status::ok(); }).code(), StatusCode::InvalidArgument);
}

TEST_F(SessionTest, ScoreIsTheMeanOverWindows) {
  Session session = open({.context = 5, .logits = true});
  Tokens text = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  double expected = 0;
  for (size_t begin : {0, 6, 12}) { // the last window has one token: nothing to predict
    auto piece = std::span(text).subspan(begin, std::min<size_t>(6, text.size() - begin));
    if (piece.size() < 2)
      continue;
    ASSERT_TRUE(session
                    .forEachLogits(piece.first(piece.size() - 1),
                                   [&](int64_t position, std::span<const float> logits) {
                                     double sum = 0;
                                     for (float x : logits)
                                       sum += std::exp(double(x));
                                     expected += std::log(sum) - logits[piece[position + 1]];
                                     return Status::ok();
                                   })
                    .isOk());
  }
  auto score = session.score(text, 6);
  ASSERT_TRUE(score.isOk()) << score.status().message();
  EXPECT_NEAR(score->nll, expected, 1e-6 * expected);
  EXPECT_EQ(score->tokens, 10);
  EXPECT_EQ(score->windows, 2);
  EXPECT_NEAR(score->perplexity(), std::exp(expected / 10), 1e-4 * score->perplexity());
  for (int64_t window : {1, 7, -3})
    EXPECT_EQ(session.score(text, window).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(session.score(Tokens{1}, 4).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(session.score(Tokens{1, 99}, 4).status().code(), StatusCode::InvalidArgument);
}

TEST_F(SessionTest, ScoreAgainstComparesDistributions) {
  TinyModel other;
  for (uint64_t i = 0; i < other.test.program.weights[0].bytes; i += 2)
    other.test.weights[other.test.program.weights[0].offset + i] ^= std::byte{0x30}; // of mantissas
  writeTinyPlan(folder.path("other.plan"), other, characterTokenizer());
  Session session = open({.context = 5, .logits = true});
  auto reference = Session::open(folder.path("other.plan"), {.device = "cpu", .context = 8, .logits = true});
  ASSERT_TRUE(reference.isOk());
  const Tokens text = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};

  using Rows = std::vector<std::vector<double>>; // probabilities
  const auto probabilities = [&](Session &of) {
    Rows rows;
    for (const size_t begin : {0, 6}) {
      const Status status =
          of.forEachLogits(std::span(text).subspan(begin, 5), [&](int64_t, std::span<const float> logits) {
            std::vector<double> row(logits.begin(), logits.end());
            double sum = 0;
            for (double &x : row)
              sum += x = std::exp(x);
            for (double &x : row)
              x /= sum;
            rows.push_back(row);
            return Status::ok();
          });
      EXPECT_TRUE(status.isOk()) << status.message();
    }
    return rows;
  };
  const Rows own = probabilities(session), theirs = probabilities(*reference);
  double sum = 0, largest = 0, same = 0;
  for (size_t row = 0; row < own.size(); ++row) {
    double divergence = 0;
    for (size_t i = 0; i < own[row].size(); ++i)
      divergence += theirs[row][i] * std::log(theirs[row][i] / own[row][i]);
    sum += divergence;
    largest = std::max(largest, divergence);
    same += std::ranges::max_element(own[row]) - own[row].begin() ==
            std::ranges::max_element(theirs[row]) - theirs[row].begin();
  }
  ASSERT_GT(sum, 0.01);

  const auto agreement = session.scoreAgainst(*reference, text, 6);
  ASSERT_TRUE(agreement.isOk()) << agreement.status().message();
  EXPECT_NEAR(agreement->meanKl, sum / 10, 1e-6 * sum);
  EXPECT_NEAR(agreement->largestKl, largest, 1e-6 * largest);
  EXPECT_EQ(agreement->kl999, agreement->largestKl); // of ten
  EXPECT_EQ(agreement->sameTop, same / 10);
  EXPECT_NEAR(agreement->score.nll, session.score(text, 6)->nll, 1e-9);
  EXPECT_NEAR(agreement->reference.nll, reference->score(text, 6)->nll, 1e-9);
  EXPECT_EQ(agreement->score.tokens, 10);
  EXPECT_EQ(agreement->reference.windows, 2);

  const auto self = session.scoreAgainst(session, text, 6);
  EXPECT_EQ(self->meanKl, 0);
  EXPECT_EQ(self->sameTop, 1);
  EXPECT_EQ(reference->scoreAgainst(session, text, 8).status().code(), StatusCode::InvalidArgument)
      << "the reference's context";
}

TEST_F(SessionTest, WithoutATokenizer) {
  writeTinyPlan(plan, model, "");
  Session session = open();
  EXPECT_FALSE(session.hasTokenizer());
  EXPECT_EQ(session.tokenize("x").status().code(), StatusCode::Unsupported);
  EXPECT_EQ(session.generate(prompt, {.stopTexts = {"x"}}).status().code(), StatusCode::Unsupported);
  Generation result = generate(session, prompt, {.maxTokens = 3});
  EXPECT_EQ(result.tokens.size(), 3u);
  EXPECT_EQ(result.text, "");
}

TEST_F(SessionTest, ATokenizerThatIsNotSupported) {
  auto tokenizer = nlohmann::json::parse(characterTokenizer());
  tokenizer["model"]["type"] = "WordLevel";
  writeTinyPlan(plan, model, tokenizer.dump());
  Session session = open();
  EXPECT_FALSE(session.hasTokenizer());
  auto ids = session.tokenize("x");
  EXPECT_EQ(ids.status().code(), StatusCode::Unsupported);
  EXPECT_NE(ids.status().message().find("model.type 'WordLevel'"), std::string::npos) << ids.status().message();
  EXPECT_EQ(generate(session, prompt, {.maxTokens = 3}).tokens.size(), 3u);
}

/// The text is what all tokens decode to, less what the prompt does: here, without a decoder, a space is between
/// tokens.
TEST_F(SessionTest, TextGoesOnFromThePrompt) {
  auto tokenizer = nlohmann::json::parse(characterTokenizer());
  tokenizer["decoder"] = nullptr;
  writeTinyPlan(plan, model, tokenizer.dump());
  Session session = open();
  Generation result = generate(session, prompt, {.maxTokens = 3});
  EXPECT_EQ(result.text, " " + *session.detokenize(result.tokens));
}

TEST_F(SessionTest, Devices) {
  for (const char *bad : {"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda0", ""})
    EXPECT_EQ(Session::open(plan, {.device = bad}).status().code(), StatusCode::InvalidArgument) << bad;
  // The plan has code for no GPU: whatever this machine has, "auto" ends on the CPU and says why.
  auto session = Session::open(plan, {});
  ASSERT_TRUE(session.isOk()) << session.status().message();
  EXPECT_EQ(session->deviceName(), "cpu");
  EXPECT_NE(session->notice(), "");
  StatusCode code = Session::open(plan, {.device = "cuda:0"}).status().code();
  EXPECT_TRUE(code == StatusCode::NoDevice || code == StatusCode::IncompatiblePlan);
  for (int threads : {-1, 1 << 30})
    EXPECT_EQ(Session::open(plan, {.device = "cpu", .threads = threads}).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(Session::open(plan, {.device = "cpu", .context = 65}).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(Session::open(folder.path("none.plan"), {}).status().code(), StatusCode::Io);
}

} // namespace
} // namespace cadenza::test
