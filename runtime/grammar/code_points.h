// Sets of characters, and what they are in bytes: UTF-8, or UTF-8 within a JSON string.
#pragma once

#include "runtime/grammar/grammar.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::grammar {

constexpr uint32_t lastCodePoint = 0x10ffff;

struct CodeRange {
  uint32_t first, last;
};
/// Ascending, without overlap.
using CodeSet = std::vector<CodeRange>;

/// The characters of valid UTF-8.
std::vector<uint32_t> codePoints(std::string_view text);

/// In order and without overlap.
CodeSet normalized(CodeSet ranges);
/// All other code points.
CodeSet complement(const CodeSet &set);

/// How text is written. A JSON string has one spelling for each character: the shortest escape for '"', '\' and control
/// characters, and every other one as it is.
enum class Spelling : uint8_t { Utf8, JsonString };
std::string spell(uint32_t codePoint, Spelling spelling);
/// Valid UTF-8 within a JSON string, without the quotes.
std::string spellJson(std::string_view text);

/// The edges from one node to another that read one character of the set. Surrogates are none.
void addCodePoints(GrammarBuilder &builder, Node from, Node to, const CodeSet &set, Spelling spelling);

} // namespace cadenza::grammar
