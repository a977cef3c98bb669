// The regular expressions of pre-tokenizers. Hugging Face runs them with Oniguruma (Ruby syntax); here PCRE2 runs them,
// after a translation that accepts only what means the same in both. Classes such as \p{L} are spelled out as ranges
// (unicode.h), so that the version of Unicode is Hugging Face's and not PCRE2's.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/unicode.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct pcre2_real_code_8;

namespace cadenza {

/// A part of a text: [begin, end) in bytes, and whether the expression matched it.
struct RegexSpan {
  size_t begin;
  size_t end;
  bool isMatch;
};

class Regex {
public:
  /// The "pattern" of a step at `path`: {"Regex": "..."}, or {"String": "..."}, which matches exactly its text.
  static StatusOr<Regex> parsePattern(const nlohmann::json &step, const std::string &path);

  /// Compiles an Oniguruma pattern. `path` names its field in errors.
  static StatusOr<Regex> compile(std::string_view pattern, std::string_view path);

  /// An expression that matches one digit as the step Digits sees it.
  static StatusOr<Regex> digits(std::string_view path);

  /// An expression that matches one of the characters.
  static StatusOr<Regex> oneOf(std::span<const unicode::CodePointRange> characters, std::string_view path);

  /// An expression that matches what the step Whitespace keeps: a run of word characters, or one of characters that
  /// are neither these nor white space.
  static StatusOr<Regex> wordsAndSymbols(std::string_view path);

  /// An expression that matches exactly `text`.
  static StatusOr<Regex> literal(std::string_view text, std::string_view path);

  /// Cuts valid UTF-8 into matches and what lies between them, in order, without gaps; a match may be empty.
  /// Should the engine reach its limit of work on a match (published patterns, being linear, cannot; a pattern with
  /// nested repetition can), the rest of the text is one span that counts as a match.
  void split(std::string_view text, std::vector<RegexSpan> &spans) const;

  /// Valid UTF-8 with `content` in place of every match.
  std::string replace(std::string_view text, std::string_view content) const;

private:
  std::shared_ptr<const pcre2_real_code_8> code_;

  static StatusOr<Regex> compileTranslated(std::string_view translated, uint32_t options, std::string_view pattern,
                                           std::string_view path);
};

} // namespace cadenza
