#include "runtime/grammar/integers.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

namespace cadenza::grammar {
namespace {

/// Numbers of as many digits as `least` and `most` have, from least to most.
class SameLength {
public:
  SameLength(GrammarBuilder &builder, std::string least, std::string most, Node end)
      : builder_(builder), least_(std::move(least)), most_(std::move(most)), end_(end) {}

  /// The node before digit `at`; tight: the digits so far are those of the bound.
  Node before(size_t at, bool tightLeast, bool tightMost) {
    if (at == least_.size())
      return end_;
    const auto [found, isNew] = nodes_.try_emplace({at, tightLeast, tightMost}, 0);
    if (!isNew)
      return found->second;
    const Node node = found->second = builder_.node();
    const char low = tightLeast ? least_[at] : '0', high = tightMost ? most_[at] : '9';
    const auto add = [&](char first, char last, bool isLow, bool isHigh) {
      if (first <= last)
        builder_.byteEdge(node, static_cast<uint8_t>(first), static_cast<uint8_t>(last), before(at + 1, isLow, isHigh));
    };
    if (low == high) {
      add(low, high, tightLeast, tightMost);
      return node;
    }
    add(low, low, tightLeast, false);
    add(static_cast<char>(low + 1), static_cast<char>(high - 1), false, false);
    add(high, high, false, tightMost);
    return node;
  }

private:
  GrammarBuilder &builder_;
  std::string least_, most_;
  Node end_;
  std::map<std::tuple<size_t, bool, bool>, Node> nodes_;
};

/// Numbers without a sign, from `least` on. `most`: empty for as many digits as allowed.
void magnitudes(GrammarBuilder &builder, Node begin, Node end, const std::string &least, const std::string &most,
                size_t mostDigits) {
  const auto add = [&](const std::string &low, const std::string &high) {
    if (low <= high)
      builder.emptyEdge(begin, SameLength(builder, low, high, end).before(0, true, true));
  };
  const bool sameLength = least.size() == most.size();
  if (most.empty() || least.size() <= most.size())
    add(least, sameLength ? most : std::string(least.size(), '9'));
  if (!most.empty() && least.size() < most.size())
    add("1" + std::string(most.size() - 1, '0'), most);
  // All that have more digits than one bound and fewer than the other.
  const size_t longest = most.empty() ? std::max(mostDigits, least.size()) : most.size() - 1;
  if (longest <= least.size())
    return;
  Node at = builder.node();
  builder.byteEdge(begin, '1', '9', at);
  for (size_t digits = 1; digits < longest; ++digits) {
    const Node next = builder.node();
    builder.byteEdge(at, '0', '9', next);
    at = next;
    if (digits + 1 > least.size())
      builder.emptyEdge(at, end);
  }
}

/// Without the sign, also of the least number that there is.
std::string magnitude(int64_t number) {
  const std::string text = std::to_string(number);
  return text[0] == '-' ? text.substr(1) : text;
}

} // namespace

Fragment integers(GrammarBuilder &builder, std::optional<int64_t> minimum, std::optional<int64_t> maximum,
                  int64_t mostDigits) {
  const Fragment result = builder.nothing();
  const auto most = static_cast<size_t>(mostDigits);
  if (!maximum || *maximum >= 0)
    magnitudes(builder, result.begin, result.end, minimum && *minimum > 0 ? magnitude(*minimum) : "0",
               maximum ? magnitude(*maximum) : "", most);
  if (!minimum || *minimum < 0) {
    const Node negative = builder.node();
    builder.byteEdge(result.begin, '-', '-', negative);
    magnitudes(builder, negative, result.end, maximum && *maximum < 0 ? magnitude(*maximum) : "1",
               minimum ? magnitude(*minimum) : "", most);
  }
  return result;
}

} // namespace cadenza::grammar
