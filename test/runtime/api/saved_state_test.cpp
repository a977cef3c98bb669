// Session::saveState and loadState: a session goes on where another one stopped, and damaged files change nothing.
#include "runtime/cadenza.h"
#include "runtime/executor.h"
#include "test/runtime/api/tiny_plan.h"

#include <fstream>
#include <iterator>

namespace cadenza::test {
namespace {

using Tokens = std::vector<int32_t>;

class SavedStateTest : public ::testing::Test {
protected:
  SavedStateTest() { writeTinyPlan(plan, model, characterTokenizer()); }

  Session open(int64_t context = 0) const {
    auto session = Session::open(plan, {.device = "cpu", .context = context, .logits = true});
    EXPECT_TRUE(session.isOk()) << session.status().message();
    return std::move(*session);
  }
  static Generation generate(Session &session, const Tokens &prompt, PrefixReuse reuse) {
    auto result = session.generate(prompt, {.maxTokens = 10, .ignoreEos = true, .reuse = reuse});
    EXPECT_TRUE(result.isOk()) << result.status().message();
    return result.isOk() ? *result : Generation();
  }
  static Tokens tokens(int32_t length) {
    Tokens prompt;
    for (int32_t i = 0; i < length; ++i)
      prompt.push_back((i * i + 3) % 60);
    return prompt;
  }
  static std::vector<float> lastLogits(Session &session) {
    const auto logits = session.executor().logits();
    return logits.isOk() ? std::vector<float>(logits->begin(), logits->end()) : std::vector<float>();
  }
  std::string bytesOf(const std::string &path) const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string &path, const std::string &bytes) const {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  TemporaryFolder folder;
  TinyModel model{/*fused=*/true, /*maxContext=*/128};
  std::string plan = folder.path("tiny.plan"), saved = folder.path("a.state");
};

TEST_F(SavedStateTest, GoesOnWhereItStopped) {
  Session first = open();
  const Tokens prompt = tokens(20);
  const Generation answer = generate(first, prompt, PrefixReuse::On);
  ASSERT_TRUE(first.saveState(saved, "{\"a\": 1}").isOk());
  Tokens longer = prompt;
  longer.insert(longer.end(), answer.tokens.begin(), answer.tokens.end());
  longer.push_back(5);
  const Generation expected = generate(first, longer, PrefixReuse::On);
  for (const int64_t context : {0, 64}) { // another one serves, too, without rings
    Session second = open(context);
    const StatusOr<std::string> note = second.loadState(saved);
    ASSERT_TRUE(note.isOk()) << note.status().message();
    EXPECT_EQ(*note, "{\"a\": 1}");
    const Generation next = generate(second, longer, PrefixReuse::On);
    EXPECT_EQ(next.timing.keptTokens, 29);
    EXPECT_EQ(next.timing.keptTokens, expected.timing.keptTokens);
    EXPECT_EQ(next.tokens, expected.tokens);
    EXPECT_EQ(lastLogits(second), lastLogits(first)) << "bits";
  }
}

TEST_F(SavedStateTest, SavesWhatIsThere) {
  Session session = open();
  EXPECT_EQ(session.saveState(saved).code(), StatusCode::InvalidArgument);
  (void)generate(session, tokens(20), PrefixReuse::Off);
  ASSERT_TRUE(session.saveState(saved).isOk());
  ASSERT_TRUE(session.loadState(saved).isOk());
  ASSERT_TRUE(session.saveState(folder.path("b.state")).isOk());
  EXPECT_EQ(bytesOf(saved), bytesOf(folder.path("b.state")));
  EXPECT_EQ(session.saveState(folder.path("none/b.state")).code(), StatusCode::Io);
  ASSERT_TRUE(session.executor().fillCache(20, 1).isOk()); // another sequence
  EXPECT_EQ(session.saveState(saved).code(), StatusCode::InvalidArgument);
}

TEST_F(SavedStateTest, OtherPlansAndContexts) {
  Session session = open();
  (void)generate(session, tokens(20), PrefixReuse::Off);
  ASSERT_TRUE(session.saveState(saved).isOk());
  Session small = open(16);
  EXPECT_EQ(small.loadState(saved).status().code(), StatusCode::IncompatiblePlan);
  TinyModel other(/*fused=*/false, /*maxContext=*/128);
  writeTinyPlan(folder.path("other.plan"), other, characterTokenizer());
  auto stranger = Session::open(folder.path("other.plan"), {.device = "cpu"});
  ASSERT_TRUE(stranger.isOk());
  const Status status = stranger->loadState(saved).status();
  EXPECT_EQ(status.code(), StatusCode::IncompatiblePlan);
  EXPECT_NE(status.message().find("was saved with another plan"), std::string::npos) << status.message();
  EXPECT_EQ(session.loadState(folder.path("none")).status().code(), StatusCode::Io);
  EXPECT_EQ(session.loadState(plan).status().message(), plan + ": is not a saved state (cadenza-run --save makes one)");
}

TEST_F(SavedStateTest, DamageChangesNothing) {
  Session session = open();
  (void)generate(session, tokens(20), PrefixReuse::Off);
  ASSERT_TRUE(session.saveState(saved).isOk());
  const std::string good = bytesOf(saved), bad = folder.path("bad.state");
  const auto expectRefused = [&](const std::string &bytes) {
    write(bad, bytes);
    const StatusCode code = session.loadState(bad).status().code();
    EXPECT_TRUE(code == StatusCode::InvalidInput || code == StatusCode::IncompatiblePlan);
  };
  for (size_t length = 0; length < good.size(); length += length < 600 ? 1 : 977)
    expectRefused(good.substr(0, length));
  for (size_t at = 0; at < good.size(); at += at < 600 ? 1 : 977) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 16);
    expectRefused(flipped);
  }
  expectRefused(good + "x");
  EXPECT_EQ(generate(session, tokens(25), PrefixReuse::On).timing.keptTokens, 20) << "the sequence is still there";
}

} // namespace
} // namespace cadenza::test
