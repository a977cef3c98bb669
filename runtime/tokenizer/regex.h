// The regular expressions of pre-tokenizers. Hugging Face runs them with Oniguruma (Ruby syntax); here PCRE2 runs them,
// after a translation that accepts only what means the same in both.
//
// Known difference: PCRE2 10.42 (Debian 12) has the properties of Unicode 14, Hugging Face 0.23 those of Unicode 16. To
// the former, the letters and digits added since (rare ideographs, historic scripts) are neither.
#pragma once

#include "runtime/support/status.h"

#include <memory>
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
  /// Compiles an Oniguruma pattern. `path` names its field in errors.
  static StatusOr<Regex> compile(std::string_view pattern, std::string_view path);

  /// An expression that matches exactly `text`.
  static StatusOr<Regex> literal(std::string_view text, std::string_view path);

  /// Cuts valid UTF-8 into matches and what lies between them, in order, without gaps; a match may be
  /// empty. Should the engine reach its
  /// limit of work on a match (published patterns, being linear, cannot; a pattern with nested repetition can), the
  /// rest of the text is one span that counts as a match.
  void split(std::string_view text, std::vector<RegexSpan> &spans) const;

private:
  std::shared_ptr<const pcre2_real_code_8> code_;

  static StatusOr<Regex> compileTranslated(std::string_view pattern, uint32_t options, std::string_view path);
};

} // namespace cadenza
