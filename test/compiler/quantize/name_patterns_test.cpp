#include "compiler/quantize/name_patterns.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

constexpr std::string_view down = "layers.3.mlp.down.weight";

TEST(NamePatterns, MatchRunsOfParts) {
  for (const char *pattern : {"layers.3.mlp.down.weight", "layers.3", "mlp.down", "mlp", "down.weight", "layers.*.down",
                              "*", "d?wn", "layers.?.mlp", "*down*", "l*t"})
    EXPECT_TRUE(matchesName(pattern, down)) << pattern;
  for (const char *pattern : {"", "layer", "layers.33", "mlp.up", "own", "down.", "layers.3.down", "d?n", "*.bias"})
    EXPECT_FALSE(matchesName(pattern, down)) << pattern;
  EXPECT_TRUE(matchesName("?", down)); // the 3
  EXPECT_FALSE(matchesName("layers.3", "layers.31.mlp.down.weight"));
}

TEST(NamePatterns, SuggestWhatIsAlike) {
  const std::vector<std::string> names = {"layers.0.attention.query.weight", "layers.0.mlp.down.weight",
                                          "layers.0.mlp.up.weight", "head.weight"};
  EXPECT_EQ(similarNames("*.mlp.dwn", names).front(), "layers.0.mlp.down.weight");
  EXPECT_EQ(similarNames("heads", names), std::vector<std::string>{"head.weight"});
  EXPECT_TRUE(similarNames("experts.router", names).empty());
}

} // namespace
} // namespace cadenza
