#include "runtime/grammar/numbers.h"

#include "runtime/grammar/integers.h"

#include <algorithm>
#include <vector>

namespace cadenza::grammar {
namespace {

constexpr int64_t fractionDigits = 12;
/// A double tells whole numbers up to here from their neighbours of 12 digits behind the point.
constexpr int64_t mostExact = 4096;

/// 1 to 12 digits, some of them not 0 if asked for.
Fragment fraction(GrammarBuilder &builder, bool isNotZero) {
  const Fragment result = builder.nothing();
  Node zeros = result.begin, others = result.begin; // after so many digits: only zeros; what may end
  for (int64_t digit = 0; digit < fractionDigits; ++digit) {
    const Node next = builder.node();
    if (isNotZero) {
      const Node nextZeros = builder.node();
      builder.byteEdge(zeros, '0', '0', nextZeros);
      builder.byteEdge(zeros, '1', '9', next);
      zeros = nextZeros;
    }
    if (!isNotZero || digit > 0)
      builder.byteEdge(others, '0', '9', next);
    builder.emptyEdge(next, result.end);
    others = next;
  }
  return result;
}

/// Adds to `parts` the numbers with a fraction from least to most and from 0 on, `sign` before each.
void addFractions(GrammarBuilder &builder, const char *sign, std::optional<Bound> least, std::optional<Bound> most,
                  int64_t mostDigits, std::vector<Fragment> &parts) {
  const auto add = [&](int64_t first, std::optional<int64_t> last, Fragment fraction) {
    parts.push_back(builder.sequence(
        {builder.text(sign), integers(builder, first, last, mostDigits), builder.text("."), fraction}));
  };
  std::optional<int64_t> last; // its fractions stay below `most`
  if (most)
    last = most->value - (most->isExclusive && most->value > mostExact ? 2 : 1);
  const int64_t first = least ? std::max<int64_t>(least->value + (least->isExclusive ? 1 : 0), 0) : 0;
  if (!last || first <= *last)
    add(first, last, fraction(builder, false));
  const bool beginsBehind = least && least->isExclusive && least->value >= 0 && least->value <= mostExact;
  if (beginsBehind && (!last || least->value <= *last))
    add(least->value, least->value, fraction(builder, true));
}

std::optional<Bound> negated(std::optional<Bound> bound) {
  if (bound)
    bound->value = -bound->value;
  return bound;
}

} // namespace

Fragment numbers(GrammarBuilder &builder, std::optional<Bound> least, std::optional<Bound> most, int64_t mostDigits) {
  std::optional<int64_t> first, last;
  if (least)
    first = least->value + (least->isExclusive ? 1 : 0);
  if (most)
    last = most->value - (most->isExclusive ? 1 : 0);
  std::vector<Fragment> parts;
  if (!first || !last || *first <= *last)
    parts.push_back(integers(builder, first, last, mostDigits));
  addFractions(builder, "", least, most, mostDigits, parts);
  addFractions(builder, "-", negated(most), negated(least), mostDigits, parts);
  return parts.empty() ? builder.nothing() : builder.choice(parts);
}

} // namespace cadenza::grammar
