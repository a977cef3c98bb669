// Texts through a grammar: what it accepts, and what it makes at random.
#pragma once

#include "runtime/grammar/grammar_constraint.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::testing {

/// At which byte the text stops to fit; its length if it is a beginning only; none: it is accepted.
inline std::optional<size_t> rejectedAt(grammar::Matcher &matcher, std::string_view text) {
  grammar::State state = matcher.start();
  for (size_t i = 0; i < text.size(); ++i)
    if (state = matcher.step(state, static_cast<uint8_t>(text[i])); state == grammar::deadState)
      return i;
  return matcher.mayEnd(state) ? std::nullopt : std::optional(text.size());
}
inline bool accepts(const grammar::Grammar &grammar, std::string_view text) {
  grammar::Matcher matcher(grammar);
  return !rejectedAt(matcher, text);
}

/// All bytes, and some tokens of several.
inline std::shared_ptr<const grammar::TokenTrie> smallVocabulary() {
  std::vector<std::optional<std::string>> tokens;
  for (int byte = 0; byte < 256; ++byte)
    tokens.emplace_back(std::string(1, static_cast<char>(byte)));
  for (const char *text :
       {"\"",    "{\"",   "\":", "\": ", ", \"",     ",\"",  "\"}", "\"]",  "}}",  "]}", "[[",   "[{",       "true",
        "false", "null",  "tr",  "ue",   "ab",       "abc",  "a\"", "12",   "100", "0.", "-1",   "e+",       "\\n",
        "\\\"",  "\\u00", "é",   "日本", "\xe6\x97", "\xa5", "😀",  "\n  ", " ",   "  ", "name", "\"name\"", "2024-"})
    tokens.emplace_back(text);
  tokens.emplace_back(std::nullopt);
  tokens.emplace_back("");
  return std::make_shared<grammar::TokenTrie>(std::move(tokens));
}

/// A text of random tokens that the constraint allows, which prefers to end after `patience` of them. An error's
/// message if there is one, or nothing may follow and the text is not complete.
template <typename Random>
std::string walk(grammar::GrammarConstraint &constraint, const grammar::TokenTrie &tokens, Random &random,
                 size_t patience, bool &isOk) {
  const auto below = [&](size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); };
  std::string text;
  isOk = true;
  constraint.reset();
  for (size_t count = 0;; ++count) {
    if (constraint.mayEnd() && (count > patience || below(3) == 0))
      return text;
    const auto mask = constraint.allowed();
    if (!mask.isOk())
      return isOk = false, mask.status().message();
    std::vector<int32_t> allowed;
    for (int32_t id = 0; id < static_cast<int32_t>(tokens.size()); ++id)
      if ((*mask)[static_cast<size_t>(id) / 32] >> id % 32 & 1)
        allowed.push_back(id);
    if (allowed.empty() && constraint.mayEnd())
      return text;
    if (allowed.empty() || count > patience + 5000)
      return isOk = false, (allowed.empty() ? "nothing follows " : "no end: ") + text;
    int32_t token = allowed[below(allowed.size())];
    if (count > patience && below(4) != 0)
      for (char c : {']', '}', 'y', '"'}) // the last one that is allowed
        if (std::find(allowed.begin(), allowed.end(), c) != allowed.end())
          token = c;
    if (const Status status = constraint.accept(token); !status.isOk())
      return isOk = false, status.message();
    text += *tokens.bytesOf(token);
  }
}

} // namespace cadenza::testing
