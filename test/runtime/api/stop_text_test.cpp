#include "runtime/api/stop_text.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

/// All that comes out when `text` goes in, in pieces of `size` bytes.
std::string filtered(StopTextFilter &filter, std::string_view text, size_t size) {
  std::string out;
  for (size_t i = 0; i < text.size(); i += size)
    out += filter.push(text.substr(i, size));
  return out + filter.finish();
}

TEST(StopText, SameResultForEveryPieceSize) {
  struct Case {
    std::vector<std::string> stops;
    std::string text, expected;
    bool found;
  };
  for (const Case &c : {
           Case{{"END"}, "one ENtwo END three", "one ENtwo ", true},
           Case{{"aab"}, "aaaab", "aa", true},
           Case{{"abc", "b"}, "xabc", "xa", true}, // "b" is complete first
           Case{{"c", "abc"}, "xabc", "x", true},  // both at once: the longer one
           Case{{"\n\n"}, "a\nb\n\nc", "a\nb", true},
           Case{{"zzz"}, "a zz", "a zz", false},
           Case{{""}, "all", "all", false},
           Case{{}, "all", "all", false},
       }) {
    for (size_t size = 1; size <= c.text.size(); ++size) {
      StopTextFilter filter(c.stops);
      EXPECT_EQ(filtered(filter, c.text, size), c.expected) << c.text << " by " << size;
      EXPECT_EQ(filter.found(), c.found);
    }
  }
}

TEST(StopText, HoldsBackOnlyWhatCouldBeAStopText) {
  StopTextFilter filter({"stop"});
  EXPECT_EQ(filter.push("a s"), "a ");
  EXPECT_EQ(filter.push("t"), "");
  EXPECT_EQ(filter.push("x"), "stx");
  EXPECT_EQ(filter.push("sto"), "");
  EXPECT_EQ(filter.push("p more"), "");
  EXPECT_TRUE(filter.found());
  EXPECT_EQ(filter.push("later"), "");
  EXPECT_EQ(filter.finish(), "");
}

} // namespace
} // namespace cadenza
