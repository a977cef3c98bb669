// What a generation keeps of the one before it.
#include "runtime/cadenza.h"
#include "runtime/executor.h"
#include "test/runtime/api/tiny_plan.h"

namespace cadenza::test {
namespace {

using Tokens = std::vector<int32_t>;

class SessionReuseTest : public ::testing::TestWithParam<bool> { // with tiles
protected:
  SessionReuseTest() : plan(folder.path("tiny.plan")) {
    if (GetParam()) {
      model.test.prefill(8);
      model.test.prefill(32);
    }
    writeTinyPlan(plan, model, characterTokenizer());
  }

  Session open() {
    auto session = Session::open(plan, {.device = "cpu", .logits = true});
    EXPECT_TRUE(session.isOk()) << session.status().message();
    return std::move(*session);
  }
  static Generation generate(Session &session, const Tokens &prompt, PrefixReuse reuse, int64_t tokens = 10) {
    auto result = session.generate(prompt, {.maxTokens = tokens, .ignoreEos = true, .reuse = reuse});
    EXPECT_TRUE(result.isOk()) << result.status().message();
    return result.isOk() ? *result : Generation();
  }
  static Tokens tokens(int32_t length, int32_t seed = 3) {
    Tokens prompt;
    for (int32_t i = 0; i < length; ++i)
      prompt.push_back((i * i + seed) % 60);
    return prompt;
  }
  static std::vector<float> lastLogits(Session &session) {
    const auto logits = session.executor().logits();
    return logits.isOk() ? std::vector<float>(logits->begin(), logits->end()) : std::vector<float>();
  }

  TemporaryFolder folder;
  TinyModel model{/*fused=*/true, /*maxContext=*/128};
  std::string plan;
};

TEST_P(SessionReuseTest, ASecondTurnKeepsTheFirst) {
  for (PrefixReuse reuse : {PrefixReuse::On, PrefixReuse::Exact}) {
    Session session = open(), fresh = open();
    const Tokens first = tokens(20);
    const Generation answer = generate(session, first, reuse);
    EXPECT_EQ(answer.timing.keptTokens, 0);
    Tokens second = first;
    second.insert(second.end(), answer.tokens.begin(), answer.tokens.end());
    const Tokens more = tokens(12, 7);
    second.insert(second.end(), more.begin(), more.end());
    const Generation next = generate(session, second, reuse), expected = generate(fresh, second, PrefixReuse::Off);
    // The last token of the answer was selected, not processed; exact keeps what was a prompt, if prompts take tiles.
    EXPECT_EQ(next.timing.keptTokens, reuse == PrefixReuse::Exact && GetParam() ? 20 : 29);
    EXPECT_EQ(next.tokens, expected.tokens);
    if (reuse == PrefixReuse::Exact || !GetParam()) {
      EXPECT_EQ(lastLogits(session), lastLogits(fresh)) << "bits";
    }
  }
}

TEST_P(SessionReuseTest, KeepsUpToTheFirstDifference) {
  Session session = open(), fresh = open();
  const Tokens first = tokens(30);
  (void)generate(session, first, PrefixReuse::On);
  Tokens other = first;
  other[17] = 61;
  EXPECT_EQ(generate(session, other, PrefixReuse::On).timing.keptTokens, 17);
  EXPECT_EQ(lastLogits(session), (generate(fresh, other, PrefixReuse::Off), lastLogits(fresh)));
  // The same again, and a beginning of it: the last token is processed always, of tiles' prompts the last two.
  EXPECT_EQ(generate(session, other, PrefixReuse::Exact).timing.keptTokens, GetParam() ? 28 : 29);
  EXPECT_EQ(lastLogits(session), lastLogits(fresh));
  EXPECT_EQ(generate(session, Tokens(other.begin(), other.begin() + 5), PrefixReuse::On).timing.keptTokens, 4);
  EXPECT_EQ(generate(session, {1}, PrefixReuse::On).timing.keptTokens, 0);
}

TEST_P(SessionReuseTest, NothingIsKeptOfWhatOthersDid) {
  Session session = open();
  const Tokens prompt = tokens(20);
  (void)generate(session, prompt, PrefixReuse::On);
  EXPECT_EQ(generate(session, prompt, PrefixReuse::Off).timing.keptTokens, 0);
  ASSERT_TRUE(session.executor().fillCache(20, 1).isOk()); // another sequence
  EXPECT_EQ(generate(session, prompt, PrefixReuse::On).timing.keptTokens, 0);
  EXPECT_EQ(generate(session, prompt, PrefixReuse::On).timing.keptTokens, 19);
  session.requestCancel(); // in the prompt
  EXPECT_EQ(generate(session, prompt, PrefixReuse::On).reason, FinishReason::Cancelled);
  EXPECT_EQ(generate(session, prompt, PrefixReuse::On).timing.keptTokens, 19);
  EXPECT_FALSE(session.generate(Tokens{1, 2, -5}, {.reuse = PrefixReuse::On}).isOk());
  EXPECT_EQ(generate(session, prompt, PrefixReuse::On).timing.keptTokens, 0);
}

INSTANTIATE_TEST_SUITE_P(, SessionReuseTest, ::testing::Bool(),
                         [](const auto &info) { return info.param ? "Tiles" : "Steps"; });

} // namespace
} // namespace cadenza::test
