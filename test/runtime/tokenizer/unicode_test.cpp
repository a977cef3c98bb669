// Characters are what they are to Hugging Face tokenizers, in whatever version of Unicode PCRE2 and utf8proc have.
#include "runtime/tokenizer/normal_form.h"
#include "runtime/tokenizer/regex.h"
#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

std::string encoded(uint32_t codePoint) {
  std::string text;
  utf8::append(text, codePoint);
  return text;
}

bool matches(const Regex &regex, uint32_t codePoint) {
  std::vector<RegexSpan> spans;
  regex.split(encoded(codePoint), spans);
  return spans.size() == 1 && spans[0].isMatch;
}

Regex compile(std::string_view pattern) {
  auto regex = Regex::compile(pattern, "pattern");
  EXPECT_TRUE(regex.isOk()) << regex.status().message();
  if (!regex.isOk())
    throw std::runtime_error(regex.status().message());
  return *regex;
}

struct Character {
  uint32_t codePoint;
  std::string_view category;
};

/// The first and the last code points that versions added, and one of each category.
constexpr Character kUnicode15[] = {{0x11F04, "Lo"}, {0x1E4D0, "Lo"}, {0x31350, "Lo"}, {0x323AF, "Lo"},
                                    {0x11F50, "Nd"}, {0x1E4F0, "Nd"}, {0x1D2C0, "No"}, {0x1FAE8, "So"},
                                    {0x0CF3, "Mc"},  {0x10EFD, "Mn"}, {0x11B00, "Po"}, {0x13439, "Cf"}};
constexpr Character kUnicode151[] = {{0x2EBF0, "Lo"}, {0x2EE5D, "Lo"}, {0x2FFC, "So"}, {0x31EF, "So"}};
constexpr Character kUnicode16[] = {{0x1C89, "Lu"},  {0x1C8A, "Ll"},  {0xA7CB, "Lu"},  {0xA7CD, "Ll"},
                                    {0x10D50, "Lu"}, {0x10D70, "Ll"}, {0x16D40, "Lm"}, {0x11380, "Lo"},
                                    {0x10D40, "Nd"}, {0x1CCF0, "Nd"}, {0x1CC00, "So"}, {0x1FAE9, "So"},
                                    {0x0897, "Mn"},  {0x10D8E, "Sm"}, {0x113D4, "Po"}, {0x10D6E, "Pd"}};
constexpr Character kUnicode17[] = {{0x088F, "Cn"},  {0xA7CE, "Cn"},  {0x323B0, "Cn"},
                                    {0x11DE0, "Cn"}, {0x16FF4, "Cn"}, {0x20C1, "Cn"}};
/// Has had another category in between.
constexpr Character kChanged[] = {{0x1171E, "Mc"}, {0x0295, "Ll"}};

TEST(Unicode, RegularExpressionsHaveVersion16) {
  const Regex letters = compile("\\p{L}"), numbers = compile("\\p{N}"), digits = compile("\\d"),
              others = compile("[^\\s\\p{L}\\p{N}]"), notLetters = compile("\\P{L}"), notDigits = compile("[\\D]");
  for (std::span<const Character> version :
       {std::span<const Character>(kUnicode15), std::span<const Character>(kUnicode151),
        std::span<const Character>(kUnicode16), std::span<const Character>(kUnicode17),
        std::span<const Character>(kChanged)})
    for (auto [c, category] : version) {
      EXPECT_TRUE(matches(compile("\\p{" + std::string(category) + "}"), c)) << std::hex << c << " " << category;
      EXPECT_EQ(matches(letters, c), category[0] == 'L') << std::hex << c;
      EXPECT_EQ(matches(notLetters, c), category[0] != 'L') << std::hex << c;
      EXPECT_EQ(matches(numbers, c), category[0] == 'N') << std::hex << c;
      EXPECT_EQ(matches(digits, c), category == "Nd") << std::hex << c;
      EXPECT_EQ(matches(notDigits, c), category != "Nd") << std::hex << c;
      EXPECT_EQ(matches(others, c), category[0] != 'L' && category[0] != 'N') << std::hex << c;
    }
}

/// How many code points each group has in Unicode 16 (DerivedGeneralCategory.txt; surrogates are in no text).
TEST(Unicode, CategoriesOfVersion16) {
  auto count = [](std::string_view name, bool complement = false) {
    size_t total = 0;
    for (const unicode::CodePointRange &range : unicode::rangesOf(name, complement))
      total += range.last - range.first + 1;
    return total;
  };
  constexpr size_t kScalars = 0x110000 - 0x800;
  EXPECT_EQ(count("L"), 141028u);
  EXPECT_EQ(count("Lu"), 1858u);
  EXPECT_EQ(count("Ll"), 2258u);
  EXPECT_EQ(count("M"), 2501u);
  EXPECT_EQ(count("Nd"), 760u);
  EXPECT_EQ(count("N"), 1911u);
  EXPECT_EQ(count("P"), 855u);
  EXPECT_EQ(count("S"), 8514u);
  EXPECT_EQ(count("Z"), 19u);
  size_t all = 0;
  for (const char *group : {"L", "M", "N", "P", "S", "Z", "C"}) {
    all += count(group);
    EXPECT_EQ(count(group) + count(group, true), kScalars) << group;
  }
  EXPECT_EQ(all, kScalars);
}

/// The step Digits asks Rust's standard library, which is a version ahead.
TEST(Unicode, DigitsHaveVersion17) {
  auto digits = Regex::digits("pre_tokenizer");
  ASSERT_TRUE(digits.isOk());
  for (uint32_t c : {0x31u, 0xBDu, 0x2460u, 0x3007u, 0x10D40u, 0x11DE0u, 0x11DE9u, 0x16FF4u, 0x16FF6u})
    EXPECT_TRUE(matches(*digits, c)) << std::hex << c;
  for (uint32_t c : {0x61u, 0x4E00u, 0x11DDFu, 0x11DEAu, 0x16FF7u})
    EXPECT_FALSE(matches(*digits, c)) << std::hex << c;
}

TEST(Unicode, WordCharacters) {
  for (uint32_t c : {0x5Fu, 0x39u, 0xAAu, 0x301u, 0x200Du, 0x24B6u, 0x1F130u, 0x2EBF0u, 0x10D50u})
    EXPECT_TRUE(unicode::isWord(c)) << std::hex << c;
  for (uint32_t c : {0x20u, 0x2Du, 0xBDu, 0x200Bu, 0x1F600u, 0x088Fu})
    EXPECT_FALSE(unicode::isWord(c)) << std::hex << c;
}

/// Normalisation is older than these marks and letters: it leaves them, and nothing acts across them.
TEST(Unicode, NormalisationHasVersion9) {
  auto nfc = [](const std::string &text) {
    std::string storage;
    return std::string(normalize(text, NormalForm::C, storage));
  };
  EXPECT_EQ(nfc("a\u0316\u0301"), "\u00E1\u0316");
  EXPECT_EQ(nfc("q\u0301\u0316"), "q\u0316\u0301");
  EXPECT_EQ(nfc("e\u0301"), "\u00E9");
  EXPECT_EQ(nfc("e\u0898\u0301"), "e\u0898\u0301"); // U+0898 is Unicode 14's
  EXPECT_EQ(nfc("x\u0301\u0898\u0323"), "x\u0301\u0898\u0323");
  for (const char *text : {"\U00011935\U00011930", "\U00011938", "\U00011382\U000113C9", "\U000105D2\u0307"})
    EXPECT_EQ(nfc(text), text);
  EXPECT_EQ(nfc("e\u0301\U00011938e\u0301"), "\u00E9\U00011938\u00E9");
}

TEST(Regex, ClassesThatWouldChangeAreRefused) {
  for (const char *pattern : {"(?i:\\p{Lu})", "(?i:a(?:\\d))", "[a-\\s]", "[a-\\p{L}]", "[\\p{L}-z]", "[\\s-z]"}) {
    auto regex = Regex::compile(pattern, "pattern");
    EXPECT_EQ(regex.status().code(), StatusCode::Unsupported) << pattern;
  }
  for (const char *pattern : {"(?i:a)\\p{Lu}", "[-\\s]", "[\\p{L}-]", "[^-\\d]", "(?:(?i:a)|\\d)"})
    EXPECT_TRUE(Regex::compile(pattern, "pattern").isOk()) << pattern;
}

} // namespace
} // namespace cadenza
