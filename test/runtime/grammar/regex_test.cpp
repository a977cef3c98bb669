// Regular expressions as grammars.
#include "runtime/grammar/json_schema.h"
#include "runtime/grammar/regex.h"
#include "test/runtime/grammar/walk.h"

#include <gtest/gtest.h>

#include <chrono>
#include <regex>

namespace cadenza::testing {
namespace {

using grammar::Grammar;

/// Whether the whole text matches.
bool matches(const std::string &pattern, const std::string &text) {
  const auto grammar = grammar::regexGrammar(pattern);
  EXPECT_TRUE(grammar.isOk()) << pattern << ": " << grammar.status().message();
  return grammar.isOk() && accepts(*grammar, text);
}
Status failure(const std::string &pattern) {
  const auto grammar = grammar::regexGrammar(pattern);
  return grammar.isOk() ? Status::ok() : grammar.status();
}

TEST(Regex, WhatThereIs) {
  const std::vector<std::tuple<std::string, std::vector<std::string>, std::vector<std::string>>> cases = {
      {"a|bc", {"a", "bc"}, {"", "b", "abc", "ac"}},
      {"a*b+c?", {"b", "aabbc"}, {"", "ac", "abcc"}},
      {"(?:ab){2,3}", {"abab", "ababab"}, {"ab", "abababab", "aba"}},
      {"a{3}", {"aaa"}, {"aa", "aaaa"}},
      {"a{2,}?", {"aa", "aaaaa"}, {"a"}},
      {"a{0}", {""}, {"a"}},
      {"[a-c_-]+", {"abc", "_-"}, {"d", ""}},
      {"[^a-c\\n]", {"d", "é", "😀"}, {"a", "\n", "dd"}},
      {"[]a]", {}, {"]", "a", "]a"}}, // the empty class, then text: nothing at all
      {".", {"x", "日"}, {"\n", "\r", "\xe2\x80\xa8", ""}},
      {"\\d\\D\\w\\W\\s\\S", {"1x_- y"}, {"xx_- y"}},
      {"\\t\\n\\r\\f\\v\\0\\cJ\\x41\\u00e9\\u{1F600}\\ud83d\\ude00", {std::string("\t\n\r\f\v\0\nAé😀😀", 18)}, {"t"}},
      {"\\.\\/\\-\\[\\@", {"./-[@"}, {"x/-[@"}},
      {"(?<year>\\d{4})", {"2024"}, {"24"}},
      {"^a$|^b", {"a", "b"}, {"ab"}},
      {"(^a|b)c", {"ac", "bc"}, {"c"}},
      {"a(b$|c)d?", {"ab", "acd", "ac"}, {"abd"}}, // nothing follows what ends the text
      {"()|x", {"", "x"}, {"y"}},
      {"[\\s\\S]", {"\n", "x", "\xef\xbf\xbf"}, {"", "xx"}},
      {"[\\u0080-\\u{10ffff}]",
       {"\xc2\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80"},
       {"\x7f", "\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc1\xbf", "\xe0\x80\x80", "\xf0\x80\x80\x80"}},
  };
  for (const auto &[pattern, good, bad] : cases) {
    if (good.empty())
      continue;
    for (const std::string &text : good)
      EXPECT_TRUE(matches(pattern, text)) << pattern << " and " << text;
    for (const std::string &text : bad)
      EXPECT_FALSE(matches(pattern, text)) << pattern << " and " << text;
  }
  EXPECT_EQ(failure("[]a]").code(), StatusCode::InvalidInput); // ']' has nothing before it
  EXPECT_EQ(failure("[]").code(), StatusCode::InvalidInput);   // nothing fits
  EXPECT_EQ(failure("a$b").code(), StatusCode::InvalidInput);
  EXPECT_EQ(failure("a^").code(), StatusCode::InvalidInput);
}

TEST(Regex, AsTheStandardLibraryHasIt) {
  std::mt19937 random(5);
  const auto below = [&](size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); };
  const std::function<std::string(int)> make = [&](int depth) -> std::string {
    const std::string letter(1, "abc"[below(3)]);
    switch (depth > 0 ? below(9) : below(3)) {
    case 0:
    case 1:
      return letter;
    case 2:
      return below(2) ? "[ab]" : "[^a]";
    case 3:
      return "(" + make(depth - 1) + "|" + make(depth - 1) + ")";
    case 4:
      return "(" + make(depth - 1) + ")*";
    case 5:
      return "(" + make(depth - 1) + "){1,2}";
    case 6:
      return "(" + make(depth - 1) + ")?";
    default:
      return make(depth - 1) + make(depth - 1);
    }
  };
  int matched = 0;
  for (int round = 0; round < 150; ++round) {
    const std::string pattern = make(3);
    const auto grammar = grammar::regexGrammar(pattern);
    ASSERT_TRUE(grammar.isOk()) << pattern;
    grammar::Matcher matcher(*grammar);
    const std::regex expected(pattern);
    for (int i = 0; i < 40; ++i) {
      std::string text;
      for (size_t length = below(6); text.size() < length;)
        text += "abc"[below(3)];
      const bool isMatch = std::regex_match(text, expected);
      matched += isMatch;
      EXPECT_EQ(!rejectedAt(matcher, text), isMatch) << pattern << " and " << text;
    }
  }
  EXPECT_GT(matched, 300);
}

TEST(Regex, LengthsAndPartsOfAString) {
  const auto fits = [](const std::string &pattern, int64_t least, int64_t most, const std::string &text) {
    grammar::GrammarBuilder builder;
    const auto body = grammar::regex(
        builder, pattern, {.spelling = grammar::Spelling::JsonString, .minimumLength = least, .maximumLength = most});
    const auto made = builder.finish(*body);
    return made.isOk() && accepts(*made, text);
  };
  EXPECT_TRUE(fits("b", 0, -1, "abc"));
  EXPECT_TRUE(fits("b", 3, 3, "abc"));
  EXPECT_FALSE(fits("b", 4, -1, "abc"));
  EXPECT_FALSE(fits("b", 0, 2, "abc"));
  EXPECT_TRUE(fits("^é+$", 2, 2, "éé")); // characters, not bytes
  EXPECT_FALSE(fits("^é+$", 2, 2, "é"));
  EXPECT_TRUE(fits("\"\n", 2, 2, R"(\"\n)")); // and not escapes
  EXPECT_FALSE(fits("\n", 0, -1, "\n"));
  EXPECT_TRUE(fits("^.?$", 0, -1, R"(\u001f)"));
}

TEST(Regex, WhatIsRefusedByName) {
  for (const char *pattern : {"(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "\\bx", "\\B", "(a)\\1", "\\k<n>", "\\p{L}",
                              "a{1,1000000}", "(a{1000}){1000}"})
    EXPECT_EQ(failure(pattern).code(), StatusCode::Unsupported) << pattern;
  for (const char *pattern : {"(", ")", "[a", "a**", "*a", "a{2,1}", "{", "a{x}", "^*", "\\u12", "\\xg1", "\\c1",
                              "[b-a]", "[\\d-z]", "\\", "\\ud800", "(?x)", "\\u{110000}", "\\e"})
    EXPECT_EQ(failure(pattern).code(), StatusCode::InvalidInput) << pattern << ": " << failure(pattern).message();
  EXPECT_EQ(failure("ab(?=c)").message(), "at byte 5 of the pattern: lookahead assertions are not supported");
  EXPECT_FALSE(failure(std::string(100000, '(')).isOk());
}

TEST(Regex, PatternsThatExplodeElsewhere) {
  const auto start = std::chrono::steady_clock::now();
  for (const char *pattern : {"(a+)+b", "(a|a)*b", "(a*)*b", "(?:a|b)*a(?:a|b){20}c?b", "((a?){30}){30}b"}) {
    const auto grammar = grammar::regexGrammar(pattern);
    ASSERT_TRUE(grammar.isOk()) << pattern << ": " << grammar.status().message();
    EXPECT_FALSE(accepts(*grammar, std::string(3000, 'a'))) << pattern;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

} // namespace
} // namespace cadenza::testing
