// Regular expressions as JSON Schema has them: those of ECMAScript, with the flag u.
#pragma once

#include "runtime/grammar/code_points.h"

#include <string_view>

namespace cadenza::grammar {

struct RegexOptions {
  Spelling spelling = Spelling::Utf8;
  bool isWhole = false;                          // the expression must match the whole text; else a part of it
  int64_t minimumLength = 0, maximumLength = -1; // of the text, in code points; maximum < 0: any
};

/// Texts that match. Characters, '.', classes, escapes (\d \w \s and their opposites, \t \n \r \f \v \0 \cX \xHH \uHHHH
/// \u{H...}), groups without backward references, '|', '*', '+', '?', {n}, {n,}, {n,m} (also lazy, which is the same
/// here), '^' and '$'. Unsupported for whatever else ECMAScript has, InvalidInput for what it does not have; both name
/// the place.
StatusOr<Fragment> regex(GrammarBuilder &builder, std::string_view pattern, const RegexOptions &options);

} // namespace cadenza::grammar
