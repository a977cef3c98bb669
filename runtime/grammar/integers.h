// Whole numbers of a range, digit by digit.
#pragma once

#include "runtime/grammar/grammar.h"

#include <cstdint>
#include <optional>

namespace cadenza::grammar {

/// Decimal numbers from minimum to maximum, without leading zeros; where there is no bound, of at most `mostDigits`
/// digits, and at least as many as the other bound has. Reads nothing at all for an empty range.
Fragment integers(GrammarBuilder &builder, std::optional<int64_t> minimum, std::optional<int64_t> maximum,
                  int64_t mostDigits);

} // namespace cadenza::grammar
