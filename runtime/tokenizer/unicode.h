// Properties of characters as Hugging Face tokenizers has them, whatever Unicode version the system's libraries have:
// Unicode 16 in regular expressions and for the words of added tokens, 17 for the Digits step and lower case, 9 in
// normalisation; what BERT's steps have is older.
// unicode_tables.inc holds the data and make_unicode_tables.py writes it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::unicode {

/// The code points from first to last, both included.
struct CodePointRange {
  uint32_t first;
  uint32_t last;
};

/// Whether `name` is a general category ("Lu") or a group of them ("L").
bool isCategory(std::string_view name);

/// The code points of a general category or group, in order, without surrogates (no text holds them); with
/// `complement`, all others.
std::vector<CodePointRange> rangesOf(std::string_view name, bool complement = false);

/// Digits to the step Digits that rangesOf("N") does not hold.
std::span<const CodePointRange> newerDigits();

/// White_Space.
bool isWhiteSpace(uint32_t codePoint);

/// A word character of Unicode TR18: letters, marks, decimal digits, letter numbers, connectors, joiners, and the
/// circled letters, which are alphabetic symbols.
bool isWord(uint32_t codePoint);

/// The ranges, in no order, of what isWord() holds for.
std::vector<CodePointRange> wordRanges();

/// The punctuation of the steps Punctuation and BertPreTokenizer, in order.
std::span<const CodePointRange> punctuation();

/// White_Space, in order.
std::span<const CodePointRange> whiteSpace();

/// What BertNormalizer takes away: control, format and private characters, and of a decomposed text its accents.
bool isBertControl(uint32_t codePoint);
bool isBertAccent(uint32_t codePoint);

/// A mark, which StripAccents takes away.
bool isAccent(uint32_t codePoint);

/// An ideograph, which BertNormalizer puts spaces around.
bool isIdeograph(uint32_t codePoint);

/// Appends the lower case of a character, whatever stands around it.
void appendLowercase(std::string &out, uint32_t codePoint);

/// Whether a letter and the character behind it are one grapheme cluster.
bool extendsCluster(uint32_t codePoint);

/// Whether the compatibility decompositions are older than the character, and so leave it alone.
bool isInertInCompatibility(uint32_t codePoint);

/// Whether the normalisation is older than the character: it then is a letter like any other, whatever later versions
/// decompose it to, compose it with or order it by.
bool isInertInNormalization(uint32_t codePoint);

} // namespace cadenza::unicode
