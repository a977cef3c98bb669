// Numbers of a range, with or without a fraction.
#pragma once

#include "runtime/grammar/grammar.h"

#include <cstdint>
#include <optional>

namespace cadenza::grammar {

struct Bound {
  int64_t value = 0;
  bool isExclusive = false;
};

/// Decimal numbers between whole bounds, without leading zeros and exponent: at most `mostDigits` digits before the
/// point where there is no bound, at most 12 behind it. Reads nothing at all for an empty range.
Fragment numbers(GrammarBuilder &builder, std::optional<Bound> least, std::optional<Bound> most, int64_t mostDigits);

} // namespace cadenza::grammar
