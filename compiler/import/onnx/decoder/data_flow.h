// Where values of a graph go to and come from, past nodes that only move or convert them: what recognising a decoder
// looks at.
#pragma once

#include "compiler/import/onnx/graph.h"

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace cadenza::onnx {

/// Input `input` of a node.
struct Use {
  NodeId node;
  size_t input;
};

/// The attention that keys or values go into: a node of its own, or the Softmax of a decomposed one.
struct Attended {
  NodeId attention;
  bool asValues;
};

class DataFlow {
public:
  explicit DataFlow(const Graph &graph);

  std::span<const Use> uses(ValueId value) const { return users[value]; }
  const Node *producer(ValueId value) const;
  /// The value that `value` is, moved or converted.
  ValueId source(ValueId value) const;
  /// The uses of `value`, and of what it is moved or converted to, by nodes that do more than that.
  std::vector<Use> reached(ValueId value) const;
  /// The uses of which `isWanted` holds, past nodes of which `isPassed` does, each once.
  std::vector<Use> search(ValueId value, const std::function<bool(const Node &, size_t input)> &isPassed,
                          const std::function<bool(const Node &, size_t input)> &isWanted) const;
  /// The attentions that `value` goes into, past scaling, repeating and slicing, each once.
  std::vector<Attended> attentionsOf(ValueId value) const;

private:
  std::optional<NodeId> softmaxAfter(NodeId node) const;
  std::optional<NodeId> softmaxBefore(ValueId value) const;

  const Graph &graph;
  std::vector<std::vector<Use>> users; // by ValueId
};

bool isStandard(const Node &node, std::string_view op);
bool isMicrosoft(const Node &node, std::string_view op);

} // namespace cadenza::onnx
