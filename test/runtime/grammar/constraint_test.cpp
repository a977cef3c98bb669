// Masks of tokens, against every token tried byte by byte.
#include "runtime/grammar/grammar_constraint.h"
#include "runtime/grammar/json_schema.h"
#include "test/runtime/grammar/walk.h"

#include <gtest/gtest.h>

#include <chrono>

namespace cadenza::testing {
namespace {

using grammar::GrammarConstraint;
using grammar::TokenTrie;

/// Texts through the grammar; at every step the mask is what single steps say.
void expectMasks(const grammar::Grammar &grammar, const std::shared_ptr<const TokenTrie> &tokens, int steps) {
  GrammarConstraint constraint(grammar, tokens);
  std::mt19937 random(3);
  std::string text;
  for (int step = 0; step < steps; ++step) {
    const auto mask = constraint.allowed();
    ASSERT_TRUE(mask.isOk());
    std::vector<int32_t> allowed;
    grammar::Matcher matcher(grammar);
    grammar::State state = matcher.start();
    for (char c : text)
      state = matcher.step(state, static_cast<uint8_t>(c));
    for (int32_t id = 0; id < static_cast<int32_t>(tokens->size()); ++id) {
      const std::string *bytes = tokens->bytesOf(id);
      grammar::State after = bytes && !bytes->empty() ? state : grammar::deadState;
      for (size_t i = 0; bytes && i < bytes->size() && after != grammar::deadState; ++i)
        after = matcher.step(after, static_cast<uint8_t>((*bytes)[i]));
      const bool isAllowed = ((*mask)[static_cast<size_t>(id) / 32] >> id % 32 & 1) != 0;
      ASSERT_EQ(isAllowed, after != grammar::deadState) << "token " << id << " behind " << text;
      if (isAllowed)
        allowed.push_back(id);
      else
        ASSERT_EQ(constraint.accept(id).code(), StatusCode::InvalidArgument);
    }
    ASSERT_EQ(constraint.mayEnd(), matcher.mayEnd(state));
    if (allowed.empty()) {
      constraint.reset();
      text.clear();
      continue;
    }
    const int32_t token = allowed[random() % allowed.size()];
    ASSERT_TRUE(constraint.accept(token).isOk());
    text += *tokens->bytesOf(token);
  }
}

TEST(GrammarConstraint, MasksAreWhatBytesSay) {
  const auto tokens = smallVocabulary();
  for (const char *schema :
       {"{}", R"({"type":"string","maxLength":5})", R"({"type":"string","minLength":2,"pattern":"x.*y"})",
        R"({"properties":{"a":{"type":"string"},"n":{"type":"number"}},"additionalProperties":{"format":"date"}})"}) {
    const auto grammar = grammar::parseJsonSchema(schema);
    ASSERT_TRUE(grammar.isOk());
    expectMasks(*grammar, tokens, 150);
  }
  expectMasks(*grammar::regexGrammar("[^é]{3,40}"), tokens, 60);
}

TEST(GrammarConstraint, TextsOfManyCharactersAtOnce) {
  // Where any text fits, subtrees are taken at once: but not those with a quote, or beyond the length.
  std::vector<std::optional<std::string>> list;
  for (int byte = 0; byte < 256; ++byte)
    list.emplace_back(std::string(1, static_cast<char>(byte)));
  for (const char *text : {"aaaaaa", "aaaaaaa", "aaaaaaaa", "日本語", "日本語日本語", "日本\xe8", "\xe8\xaa\x9e", "b\"",
                           "bb", "b\x7f", "\xe8\xaa", "\xa5本", "c\xff", "cc", "\xed\x9f\xbf", "\xed\xa0\x80"})
    list.emplace_back(text);
  const auto tokens = std::make_shared<const TokenTrie>(std::move(list));
  for (int length : {0, 1, 2, 3, 6, 7, 50})
    expectMasks(*grammar::parseJsonSchema("{\"type\":\"string\",\"maxLength\":" + std::to_string(length) + "}"), tokens,
                60);
  expectMasks(*grammar::parseJsonSchema(R"({"type":"string"})"), tokens, 60);
}

TEST(GrammarConstraint, ForgetsWhatItHasComputedAndGoesOn) {
  // More states than are kept: each length of the text is one.
  const auto grammar = grammar::parseJsonSchema(R"({"type":"string","pattern":"^(?:a|b)*a(?:a|b){18}$"})");
  ASSERT_TRUE(grammar.isOk());
  grammar::Matcher matcher(*grammar);
  std::mt19937 random(1);
  grammar::State state = matcher.step(matcher.start(), '"');
  std::string text;
  int forgotten = 0;
  for (int i = 0; i < 400000; ++i) {
    const char c = random() % 2 ? 'a' : 'b';
    text += c;
    state = matcher.step(state, static_cast<uint8_t>(c));
    ASSERT_NE(state, grammar::deadState);
    if (matcher.isLarge()) {
      matcher.forget(std::span(&state, 1));
      EXPECT_FALSE(matcher.isLarge());
      ++forgotten;
    }
  }
  EXPECT_GT(forgotten, 0);
  const bool fits = text[text.size() - 19] == 'a';
  EXPECT_EQ(matcher.step(state, '"') != grammar::deadState, fits);
}

TEST(GrammarConstraint, AmbiguityIsBounded) {
  // Thousands of configurations in each of many states.
  const auto grammar = grammar::regexGrammar("(?:[^]*?[ab]){1,4000}");
  if (!grammar.isOk()) // too large is an answer, too
    return;
  std::vector<std::optional<std::string>> list;
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    while (text.size() < 12)
      text += static_cast<char>('a' + random() % 3);
    list.emplace_back(text);
  }
  GrammarConstraint constraint(*grammar, std::make_shared<const TokenTrie>(std::move(list)));
  const auto start = std::chrono::steady_clock::now();
  for (int step = 0; step < 3; ++step) {
    const auto mask = constraint.allowed();
    if (!mask.isOk()) {
      EXPECT_EQ(mask.status().code(), StatusCode::Unsupported);
      break;
    }
    ASSERT_TRUE(constraint.accept(step).isOk());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

} // namespace
} // namespace cadenza::testing
