// JSON as text: the parts of grammars of values. Each value has one spelling, but for white space and numbers.
#pragma once

#include "runtime/grammar/code_points.h"
#include "runtime/grammar/numbers.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cadenza::grammar {

/// Between the parts of a value. Flexible: a space behind ':'; nothing, a space, or a line break and spaces behind ',',
/// within brackets; never more than 16 spaces. Compact: nothing.
enum class WhiteSpace : uint8_t { Flexible, Compact };

class JsonText {
public:
  JsonText(GrammarBuilder &builder, WhiteSpace whiteSpace) : builder_(builder), whiteSpace_(whiteSpace) {}

  Fragment anyValue() { return builder_.call(anyRule()); } // nests by a call
  Fragment anyObject();
  Fragment string(int64_t minimumLength = 0, int64_t maximumLength = -1);
  /// A string whose content is `content`, spelled as in a JSON string.
  Fragment quoted(Fragment content);
  /// At most 20 digits before the point and behind it, and an exponent that a double has room for.
  Fragment number();
  /// The same between these bounds, without an exponent.
  Fragment number(std::optional<Bound> least, std::optional<Bound> most);
  /// Whole numbers without point and exponent. Without a bound: of at most 20 digits.
  Fragment integer(std::optional<int64_t> minimum, std::optional<int64_t> maximum);
  /// Exactly this value; numbers as they are usually written.
  Fragment value(const nlohmann::ordered_json &value);

  struct Member {
    std::string name;
    Fragment value;
    bool isRequired;
  };
  /// The members in this order. `others`: the value of members of any other name, which come last, any number of them.
  Fragment object(std::span<const Member> members, std::optional<Fragment> others);
  /// `first` elements, then others: what `make` makes. maximum < 0: any number. No `make`: only the first ones.
  Fragment array(std::span<const Fragment> first, const std::function<Fragment()> &make, int64_t minimum,
                 int64_t maximum);

private:
  Rule anyRule();
  Fragment gap(); // white space that may be a line break
  Fragment afterColon();
  Fragment scalar(const nlohmann::ordered_json &value);
  /// The name of a member that is none of these.
  Fragment otherName(std::span<const Member> members);
  void lead(Node from, Fragment part, Node to);

  GrammarBuilder &builder_;
  WhiteSpace whiteSpace_;
  std::optional<Rule> any_, string_, gap_;
};

} // namespace cadenza::grammar
