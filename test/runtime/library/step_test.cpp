// Steps, samples and logits: the bits of the C++ API.
#include "test/runtime/library/library_test.h"

#include "runtime/cadenza.h"

namespace cadenza::test {
namespace {

using Rows = std::vector<std::vector<float>>;

class LibraryStepTest : public LibraryTest {
protected:
  LibraryStepTest() : reference(open()) {}

  Session open() {
    auto made = Session::open(plan, {.device = "cpu", .logits = true, .threads = 1});
    EXPECT_TRUE(made.isOk()) << made.status().message();
    return std::move(*made);
  }
  /// By the C++ API: the logits behind each token.
  Rows rowsOf(const Tokens &tokens) {
    Rows rows;
    EXPECT_TRUE(reference
                    .forEachLogits(tokens,
                                   [&](int64_t, std::span<const float> row) {
                                     rows.emplace_back(row.begin(), row.end());
                                     return Status::ok();
                                   })
                    .isOk());
    return rows;
  }

  Session reference;
};

std::vector<float> step(const OwnedSession &session, const Tokens &tokens) {
  const float *logits = nullptr;
  size_t vocabulary = 0;
  EXPECT_EQ(cadenza_step(session.get(), tokens.data(), tokens.size(), &logits, &vocabulary), CADENZA_OK)
      << cadenza_last_error();
  return {logits, logits + vocabulary};
}

TEST_F(LibraryStepTest, StepsHaveTheBitsOfTheCppApi) {
  const OwnedSession session = openPlan(plan);
  const Tokens tokens = {7, 8, 62, 40, 3, 4, 5};
  const Rows expected = rowsOf(tokens);
  EXPECT_EQ(step(session, {7, 8, 62, 40}), expected[3]);
  EXPECT_EQ(step(session, {3}), expected[4]);
  // Something else in between takes the cache, and the steps go on.
  generate(session, {1, 2, 3}, generateOptions());
  EXPECT_EQ(step(session, {4, 5}), expected[6]);
  ASSERT_EQ(cadenza_reset(session.get()), CADENZA_OK);
  EXPECT_EQ(step(session, {7, 8}), expected[1]);

  std::vector<float> all(tokens.size() * 67);
  ASSERT_EQ(cadenza_logits(session.get(), tokens.data(), tokens.size(), all.data(), all.size()), CADENZA_OK);
  for (size_t i = 0; i < tokens.size(); ++i)
    EXPECT_EQ(std::vector<float>(&all[i * 67], &all[i * 67] + 67), expected[i]) << i;
}

TEST_F(LibraryStepTest, SamplesAreTheTokensThatAreGenerated) {
  const OwnedSession session = openPlan(plan);
  cadenza_sampling sampling = samplingOptions();
  sampling.temperature = 1.3;
  sampling.top_k = 30;
  sampling.presence_penalty = 0.5;
  sampling.repetition_penalty = 1.3;
  sampling.seed = 11;
  sampling.has_seed = 1;
  for (const cadenza_sampling *how : {static_cast<const cadenza_sampling *>(nullptr), &std::as_const(sampling)}) {
    cadenza_generate_options options = generateOptions();
    options.sampling = how;
    const Tokens expected = tokensOf(generate(session, prompt, options));
    ASSERT_EQ(cadenza_reset(session.get()), CADENZA_OK);
    step(session, prompt);
    Tokens drawn;
    while (drawn.size() < expected.size()) {
      int32_t token = -1;
      ASSERT_EQ(cadenza_sample(session.get(), how, &token), CADENZA_OK) << cadenza_last_error();
      drawn.push_back(token);
      step(session, {token});
    }
    EXPECT_EQ(drawn, expected);
  }
}

TEST_F(LibraryStepTest, ErrorsLeaveTheSequence) {
  const OwnedSession session = openPlan(plan);
  int32_t token = 0;
  expectError(cadenza_sample(session.get(), nullptr, &token), CADENZA_INVALID_ARGUMENT, "no token was processed");
  step(session, prompt);
  const Tokens bad = {67}, many(64, 1);
  expectError(cadenza_step(session.get(), bad.data(), 1, nullptr, nullptr), CADENZA_INVALID_ARGUMENT, "67");
  expectError(cadenza_step(session.get(), many.data(), 64, nullptr, nullptr), CADENZA_CACHE_FULL, "68");
  expectError(cadenza_step(session.get(), nullptr, 0, nullptr, nullptr), CADENZA_INVALID_ARGUMENT, "without tokens");
  cadenza_sampling unseeded = samplingOptions();
  unseeded.temperature = 1;
  expectError(cadenza_sample(session.get(), &unseeded, &token), CADENZA_INVALID_ARGUMENT, "seed");
  Tokens tokens = prompt;
  tokens.push_back(9);
  EXPECT_EQ(step(session, {9}), rowsOf(tokens)[4]);
  std::vector<float> room(67);
  expectError(cadenza_logits(session.get(), prompt.data(), 4, room.data(), room.size()), CADENZA_INVALID_ARGUMENT,
              "there is room for 67");

  cadenza_open_options without = openOptions();
  without.logits = 0;
  const OwnedSession plain = openPlan(plan, without);
  expectError(cadenza_step(plain.get(), prompt.data(), 4, nullptr, nullptr), CADENZA_INVALID_ARGUMENT,
              "cadenza_open_options.logits");
  EXPECT_EQ(cadenza_reset(plain.get()), CADENZA_OK);
}

} // namespace
} // namespace cadenza::test
