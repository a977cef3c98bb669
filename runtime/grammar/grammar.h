// A language of byte strings, as rules that call each other. A rule is a nondeterministic automaton: edges read a byte
// of a range, call a rule, or read nothing.
#pragma once

#include "runtime/support/status.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::grammar {

using Node = uint32_t;
using Rule = uint32_t;

/// How deep calls may nest: it bounds the nesting of JSON values, and stacks.
constexpr uint32_t maximumDepth = 64;
/// Of all rules: it bounds memory and the time to compile.
constexpr size_t maximumNodes = 400000;

struct ByteEdge {
  uint8_t first, last; // a byte from first to last
  Node to;
};
struct CallEdge {
  Rule rule;
  Node to; // after what the rule reads
};

/// Immutable; copies share their tables, and several threads may use them. Whatever begins as some text of the language
/// begins can be completed.
class Grammar {
public:
  std::span<const ByteEdge> bytes(Node node) const { return edgesOf(tables_->bytes, tables_->firstByte, node); }
  std::span<const CallEdge> calls(Node node) const { return edgesOf(tables_->calls, tables_->firstCall, node); }
  std::span<const Node> empties(Node node) const { return edgesOf(tables_->empties, tables_->firstEmpty, node); }

  Rule root() const { return tables_->root; }
  Node begin(Rule rule) const { return tables_->begins[rule]; }
  /// Whether a rule ends at the node. Such a node has no edges.
  bool isEnd(Node node) const { return tables_->isEnd[node]; }
  /// How deep calls nest at least from the node to the end of its rule.
  uint32_t need(Node node) const { return tables_->needs[node]; }
  size_t nodes() const { return tables_->isEnd.size(); }

  /// Bytes of one class have the same edges everywhere.
  uint8_t classOf(uint8_t byte) const { return tables_->classOf[byte]; }
  size_t classes() const { return tables_->representative.size(); }
  uint8_t byteOf(size_t byteClass) const { return tables_->representative[byteClass]; }

private:
  friend class GrammarBuilder;
  struct Tables {
    std::vector<ByteEdge> bytes;
    std::vector<CallEdge> calls;
    std::vector<Node> empties;
    std::vector<uint32_t> firstByte, firstCall, firstEmpty; // by node, and one more
    std::vector<uint32_t> needs;
    std::vector<bool> isEnd;
    std::vector<Node> begins; // by rule
    Rule root = 0;
    uint8_t classOf[256];
    std::vector<uint8_t> representative; // by class
  };
  std::shared_ptr<const Tables> tables_;

  template <typename Edge>
  std::span<const Edge> edgesOf(const std::vector<Edge> &edges, const std::vector<uint32_t> &first, Node node) const {
    return {edges.data() + first[node], edges.data() + first[node + 1]};
  }
};

/// A part of a rule: what is read on the way from `begin` to `end`. No edge leads to `begin`, and none from `end`,
/// until it becomes a part of something.
struct Fragment {
  Node begin, end;
};

/// Makes a grammar. Beyond `maximumNodes` nothing more is added, and finish() says so: who adds many things in a loop
/// looks at isFull().
class GrammarBuilder {
public:
  Node node();
  void byteEdge(Node from, uint8_t first, uint8_t last, Node to);
  void emptyEdge(Node from, Node to);
  void callEdge(Node from, Rule rule, Node to);

  Fragment empty();
  Fragment nothing(); // reads no text at all, not even the empty one
  Fragment text(std::string_view bytes);
  Fragment call(Rule rule);
  Fragment sequence(std::initializer_list<Fragment> parts);
  Fragment choice(std::span<const Fragment> parts);
  Fragment choice(std::initializer_list<Fragment> parts) { return choice(std::span(parts.begin(), parts.size())); }
  Fragment optional(Fragment part);
  /// One of them, as a tree of their bytes: one node a common beginning.
  Fragment oneOf(std::span<const std::string> texts);
  /// From `least` to `most` of what `make` makes; `most` < 0: any number.
  Fragment repeat(const std::function<Fragment()> &make, int64_t least, int64_t most);

  Rule rule(); // to be defined later, by something that is not empty
  void define(Rule rule, Fragment body);
  bool isFull() const { return isFull_; }

  /// Unsupported for too many nodes; InvalidInput if a rule calls itself before anything is read, if no text fits, or
  /// if all that fit nest too deep. The builder is empty then.
  StatusOr<Grammar> finish(Fragment root);

private:
  struct Edge {
    enum Kind : uint8_t { Bytes, Call, Empty } kind;
    uint8_t first, last;
    Rule rule;
    Node to;
    uint32_t next; // of the same node; 0: none
  };
  void add(Node from, Edge edge);
  template <typename Visit> void forEach(Node node, const Visit &visit) const {
    for (uint32_t i = firstEdge_[node]; i != 0; i = edges_[i].next)
      visit(edges_[i]);
  }
  std::vector<uint32_t> needs() const;
  /// The rules that are called before a byte is read.
  std::vector<Rule> firstCalls(Rule rule, bool &isNullable) const;
  Status checkCalls(Rule root) const;
  void fill(Grammar::Tables &tables, Rule root) const;

  std::vector<uint32_t> firstEdge_; // by node
  std::vector<Edge> edges_ = {Edge{}};
  std::vector<Fragment> rules_; // of an undefined one: no node
  bool isFull_ = false;
};

} // namespace cadenza::grammar
