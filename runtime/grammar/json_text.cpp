#include "runtime/grammar/json_text.h"

#include "runtime/grammar/integers.h"

#include <map>

namespace cadenza::grammar {
namespace {

constexpr int64_t longestIndent = 16;
constexpr int64_t mostDigits = 20;

CodeSet anyCharacter() { return {{0, lastCodePoint}}; }

} // namespace

/// `part` on the way from one node to another.
void JsonText::lead(Node from, Fragment part, Node to) {
  builder_.emptyEdge(from, part.begin);
  builder_.emptyEdge(part.end, to);
}

Fragment JsonText::gap() {
  if (whiteSpace_ == WhiteSpace::Compact)
    return builder_.empty();
  if (!gap_) {
    gap_ = builder_.rule();
    const auto space = [&] { return builder_.text(" "); };
    builder_.define(
        *gap_,
        builder_.choice({space(), builder_.sequence({builder_.text("\n"), builder_.repeat(space, 0, longestIndent)})}));
  }
  return builder_.optional(builder_.call(*gap_));
}

Fragment JsonText::afterColon() {
  return whiteSpace_ == WhiteSpace::Compact ? builder_.empty() : builder_.optional(builder_.text(" "));
}

Fragment JsonText::quoted(Fragment content) {
  return builder_.sequence({builder_.text("\""), content, builder_.text("\"")});
}

Fragment JsonText::string(int64_t minimumLength, int64_t maximumLength) {
  const auto character = [&] {
    const Fragment result = builder_.nothing();
    addCodePoints(builder_, result.begin, result.end, anyCharacter(), Spelling::JsonString);
    return result;
  };
  return quoted(builder_.repeat(character, minimumLength, maximumLength));
}

Fragment JsonText::number() {
  const auto digit = [&] {
    const Fragment result = builder_.nothing();
    builder_.byteEdge(result.begin, '0', '9', result.end);
    return result;
  };
  const auto from = [&](char first, char last) {
    const Fragment result = builder_.nothing();
    builder_.byteEdge(result.begin, static_cast<uint8_t>(first), static_cast<uint8_t>(last), result.end);
    return result;
  };
  const Fragment whole = builder_.choice(
      {builder_.text("0"), builder_.sequence({from('1', '9'), builder_.repeat(digit, 0, mostDigits - 1)})});
  const Fragment fraction = builder_.sequence({builder_.text("."), builder_.repeat(digit, 1, mostDigits)});
  const Fragment size = builder_.choice({digit(), builder_.sequence({digit(), digit()}),
                                         builder_.sequence({from('1', '1'), digit(), digit()}),
                                         builder_.sequence({from('2', '2'), from('0', '7'), digit()})});
  const Fragment sign = builder_.optional(builder_.choice({builder_.text("+"), builder_.text("-")}));
  const Fragment exponent = builder_.sequence({builder_.choice({builder_.text("e"), builder_.text("E")}), sign, size});
  return builder_.sequence(
      {builder_.optional(builder_.text("-")), whole, builder_.optional(fraction), builder_.optional(exponent)});
}

Fragment JsonText::number(std::optional<Bound> least, std::optional<Bound> most) {
  return numbers(builder_, least, most, mostDigits);
}

Fragment JsonText::integer(std::optional<int64_t> minimum, std::optional<int64_t> maximum) {
  return integers(builder_, minimum, maximum, mostDigits);
}

Rule JsonText::anyRule() {
  if (any_)
    return *any_;
  any_ = builder_.rule();
  string_ = builder_.rule();
  builder_.define(*string_, string());
  const Fragment elements = array({}, [&] { return builder_.call(*any_); }, 0, -1);
  builder_.define(*any_, builder_.choice({builder_.call(*string_), number(), builder_.text("true"),
                                          builder_.text("false"), builder_.text("null"), elements, anyObject()}));
  return *any_;
}

Fragment JsonText::anyObject() { return object({}, anyValue()); }

Fragment JsonText::scalar(const nlohmann::ordered_json &value) {
  if (value.is_string())
    return builder_.text('"' + spellJson(value.get_ref<const std::string &>()) + '"');
  return builder_.text(value.dump());
}

Fragment JsonText::value(const nlohmann::ordered_json &value) {
  if (value.is_array()) {
    std::vector<Fragment> elements;
    for (const auto &element : value)
      elements.push_back(this->value(element));
    return array(elements, {}, std::ssize(elements), std::ssize(elements));
  }
  if (!value.is_object())
    return scalar(value);
  std::vector<Member> members;
  for (const auto &[name, member] : value.items())
    members.push_back({name, this->value(member), true});
  return object(members, std::nullopt);
}

Fragment JsonText::array(std::span<const Fragment> first, const std::function<Fragment()> &make, int64_t minimum,
                         int64_t maximum) {
  const Fragment result = builder_.nothing();
  const Node close = builder_.node();
  builder_.byteEdge(close, ']', ']', result.end);
  const Node opened = builder_.node();
  builder_.byteEdge(result.begin, '[', '[', opened);
  if (minimum <= 0)
    builder_.emptyEdge(opened, close);
  const int64_t listed = std::ssize(first);
  if (!make)
    maximum = maximum < 0 ? listed : std::min(maximum, listed);
  if (maximum == 0)
    return result;
  const Node last = builder_.node(); // after the last element
  lead(last, gap(), close);
  // From here on all elements are alike, and any number may follow.
  const int64_t alike = std::max<int64_t>({listed, minimum, 1});
  Node before = opened; // what stands before an element
  Fragment between = gap();
  for (int64_t i = 0; (maximum < 0 ? i < alike : i < maximum) && !builder_.isFull(); ++i) {
    const Fragment element = i < listed ? first[static_cast<size_t>(i)] : make();
    const Node after = builder_.node();
    builder_.emptyEdge(before, between.begin);
    lead(between.end, element, after);
    if (i + 1 >= minimum)
      builder_.emptyEdge(after, last);
    before = after;
    between = builder_.sequence({builder_.text(","), gap()});
  }
  if (maximum < 0) {
    builder_.emptyEdge(before, between.begin);
    lead(between.end, make(), before);
  }
  return result;
}

Fragment JsonText::otherName(std::span<const Member> members) {
  if (members.empty()) {
    if (!string_) {
      string_ = builder_.rule();
      builder_.define(*string_, string());
    }
    return builder_.call(*string_);
  }
  // A tree of the names: who leaves it, or ends within it, has another name.
  struct Branch {
    std::map<uint32_t, size_t> children;
    bool isName = false;
  };
  std::vector<Branch> tree(1);
  for (const Member &member : members) {
    size_t at = 0;
    for (uint32_t code : codePoints(member.name)) {
      const auto [child, isNew] = tree[at].children.try_emplace(code, tree.size());
      at = child->second;
      if (isNew)
        tree.emplace_back();
    }
    tree[at].isName = true;
  }
  const Fragment content = builder_.nothing();
  const Node other = builder_.node();
  addCodePoints(builder_, other, other, anyCharacter(), Spelling::JsonString);
  builder_.emptyEdge(other, content.end);
  std::vector<Node> nodes;
  nodes.reserve(tree.size());
  for (size_t i = 0; i < tree.size(); ++i)
    nodes.push_back(builder_.node());
  builder_.emptyEdge(content.begin, nodes[0]);
  for (size_t i = 0; i < tree.size() && !builder_.isFull(); ++i) {
    CodeSet set;
    for (const auto &[code, child] : tree[i].children) {
      set.push_back({code, code});
      addCodePoints(builder_, nodes[i], nodes[child], {{code, code}}, Spelling::JsonString);
    }
    addCodePoints(builder_, nodes[i], other, complement(normalized(std::move(set))), Spelling::JsonString);
    if (!tree[i].isName)
      builder_.emptyEdge(nodes[i], content.end);
  }
  return quoted(content);
}

Fragment JsonText::object(std::span<const Member> members, std::optional<Fragment> others) {
  const Fragment result = builder_.nothing();
  const Node close = builder_.node(), opened = builder_.node(), last = builder_.node();
  builder_.byteEdge(result.begin, '{', '{', opened);
  builder_.byteEdge(close, '}', '}', result.end);
  lead(last, gap(), close);
  // before[i]: a member must come, and it is none of the first i; after[i]: one has come, and none of the first i will.
  std::vector<Node> before, after;
  for (size_t i = 0; i <= members.size(); ++i) {
    before.push_back(builder_.node());
    after.push_back(builder_.node());
  }
  lead(opened, gap(), before[0]);
  bool mayClose = true; // from here on nothing is required
  for (size_t i = members.size() + 1; i-- > 0 && !builder_.isFull();) {
    const bool isListed = i < members.size();
    mayClose = mayClose && (!isListed || !members[i].isRequired);
    if (mayClose)
      builder_.emptyEdge(after[i], last);
    if (isListed || others)
      lead(after[i], builder_.sequence({builder_.text(","), gap()}), before[i]);
    if (isListed) {
      const Fragment name = builder_.text('"' + spellJson(members[i].name) + "\":");
      lead(before[i], builder_.sequence({name, afterColon(), members[i].value}), after[i + 1]);
      if (!members[i].isRequired)
        builder_.emptyEdge(before[i], before[i + 1]);
    } else if (others) {
      lead(before[i], builder_.sequence({otherName(members), builder_.text(":"), afterColon(), *others}), after[i]);
    }
  }
  if (mayClose)
    builder_.emptyEdge(opened, close);
  return result;
}

} // namespace cadenza::grammar
