#include "runtime/grammar/regex.h"

#include "runtime/grammar/regex_parser.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

namespace cadenza::grammar {
namespace {

constexpr size_t maximumStates = 50000;

/// An automaton over characters, as the expression says it.
struct CharacterEdge {
  enum Kind : uint8_t { Set, Empty, Begin, End } kind;
  uint32_t to;
  const CodeSet *set;
};

class Automaton {
public:
  std::vector<std::vector<CharacterEdge>> states;
  bool isFull() const { return states.size() >= maximumStates; }

  uint32_t state() {
    states.emplace_back();
    return static_cast<uint32_t>(states.size() - 1);
  }
  void edge(uint32_t from, CharacterEdge::Kind kind, uint32_t to, const CodeSet *set = nullptr) {
    states[from].push_back({kind, to, set});
  }

  /// From `from` by the expression; where that ends.
  uint32_t add(const RegexNode &node, uint32_t from) {
    switch (node.kind) {
    case RegexNode::Set:
      return step(from, CharacterEdge::Set, &node.set);
    case RegexNode::Begin:
      return step(from, CharacterEdge::Begin);
    case RegexNode::End:
      return step(from, CharacterEdge::End);
    case RegexNode::Sequence:
      for (const RegexNode &part : node.parts)
        from = add(part, from);
      return from;
    case RegexNode::Choice: {
      const uint32_t end = state();
      for (const RegexNode &part : node.parts)
        edge(add(part, step(from, CharacterEdge::Empty)), CharacterEdge::Empty, end);
      return end;
    }
    case RegexNode::Repeat:
      break;
    }
    const RegexNode &part = node.parts[0];
    for (int64_t i = 0; i < node.least && !isFull(); ++i)
      from = add(part, from);
    if (node.most < 0) {
      const uint32_t loop = step(from, CharacterEdge::Empty);
      edge(add(part, loop), CharacterEdge::Empty, loop);
      return step(loop, CharacterEdge::Empty);
    }
    const uint32_t end = state();
    for (int64_t i = node.least; i < node.most && !isFull(); ++i) {
      edge(from, CharacterEdge::Empty, end);
      from = add(part, from);
    }
    edge(from, CharacterEdge::Empty, end);
    return end;
  }

private:
  uint32_t step(uint32_t from, CharacterEdge::Kind kind, const CodeSet *set = nullptr) {
    const uint32_t to = state();
    edge(from, kind, to, set);
    return to;
  }
};

} // namespace

StatusOr<Fragment> regex(GrammarBuilder &builder, std::string_view pattern, const RegexOptions &options) {
  CADENZA_ASSIGN_OR_RETURN(const RegexNode parsed, parseRegex(pattern));
  const CodeSet any = {{0, lastCodePoint}};
  Automaton automaton;
  const uint32_t begin = automaton.state();
  if (!options.isWhole)
    automaton.edge(begin, CharacterEdge::Set, begin, &any);
  const uint32_t end = automaton.add(parsed, begin);
  if (!options.isWhole)
    automaton.edge(end, CharacterEdge::Set, end, &any);
  if (automaton.isFull())
    return Status(StatusCode::Unsupported, "the pattern's counts are too large");

  // With the number of characters so far, as far as it matters, and whether '$' was passed.
  using Key = std::tuple<uint32_t, int64_t, bool>;
  const int64_t enough = std::max<int64_t>({1, options.minimumLength, options.maximumLength});
  std::map<Key, Node> nodes;
  std::vector<Key> left;
  const auto nodeOf = [&](Key key) {
    const auto [found, isNew] = nodes.try_emplace(key, 0);
    if (isNew) {
      found->second = builder.node();
      left.push_back(key);
    }
    return found->second;
  };
  const Fragment result = builder.nothing();
  builder.emptyEdge(result.begin, nodeOf({begin, 0, false}));
  while (!left.empty() && !builder.isFull()) {
    const auto [state, count, ended] = left.back();
    const Node from = nodes[left.back()];
    left.pop_back();
    if (state == end && count >= options.minimumLength)
      builder.emptyEdge(from, result.end);
    for (const CharacterEdge &edge : automaton.states[state]) {
      if (edge.kind == CharacterEdge::Set) {
        if (!ended && (options.maximumLength < 0 || count < options.maximumLength))
          addCodePoints(builder, from, nodeOf({edge.to, std::min(count + 1, enough), false}), *edge.set,
                        options.spelling);
      } else if (edge.kind != CharacterEdge::Begin || count == 0) {
        builder.emptyEdge(from, nodeOf({edge.to, count, ended || edge.kind == CharacterEdge::End}));
      }
    }
  }
  return result;
}

} // namespace cadenza::grammar
