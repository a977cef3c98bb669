#include "runtime/support/suggestion.h"

#include <gtest/gtest.h>

using namespace cadenza;

namespace {

const std::vector<std::string> names = {"prompt", "prompt-file", "top-k", "top-p", "max-tokens", "schedule"};

TEST(Suggestion, FindsTheNameThatWasMistyped) {
  EXPECT_EQ(likelyMeant("promt", names), "prompt");
  EXPECT_EQ(likelyMeant("pormpt", names), "prompt");
  EXPECT_EQ(likelyMeant("max_tokens", names), "max-tokens");
  EXPECT_EQ(likelyMeant("Schedule", names), "schedule");
  EXPECT_EQ(likelyMeant("sched", names), "schedule");
  EXPECT_EQ(likelyMeant("schdeule", names), "schedule");
  EXPECT_EQ(didYouMean("promt", names), "; did you mean 'prompt'?");
}

TEST(Suggestion, SaysNothingWhereNothingOrTooMuchIsNear) {
  EXPECT_EQ(likelyMeant("temperature", names), "");
  EXPECT_EQ(likelyMeant("top-x", names), ""); // of two that are as near
  EXPECT_EQ(likelyMeant("", names), "");
  EXPECT_EQ(likelyMeant("x", {"y"}), "");
  EXPECT_EQ(likelyMeant(std::string(1 << 20, 'p'), names), "");
  EXPECT_EQ(likelyMeant("prompt", {}), "");
  EXPECT_EQ(didYouMean("temperature", names), "");
}

} // namespace
