// Reads a regular expression.
#pragma once

#include "runtime/grammar/code_points.h"

#include <memory>
#include <string_view>
#include <vector>

namespace cadenza::grammar {

struct RegexNode {
  enum Kind : uint8_t { Set, Sequence, Choice, Repeat, Begin, End } kind;
  CodeSet set = {};
  std::vector<RegexNode> parts = {}; // of a Repeat: one
  int64_t least = 0, most = -1;      // of a Repeat; most < 0: any number
};

/// Errors as regex().
StatusOr<RegexNode> parseRegex(std::string_view pattern);

} // namespace cadenza::grammar
