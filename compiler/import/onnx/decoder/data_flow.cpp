#include "compiler/import/onnx/decoder/data_flow.h"
#include "compiler/import/onnx/opsets.h"

#include <algorithm>
#include <array>

namespace cadenza::onnx {
namespace {

template <size_t count> bool isOneOf(const Node &node, const std::array<std::string_view, count> &ops) {
  return node.domain == standardDomain && std::ranges::find(ops, node.op) != ops.end();
}

/// Whether the node's output 0 has the elements of input `input`, in whatever type and order.
bool moves(const Node &node, size_t input) {
  static constexpr std::array<std::string_view, 10> movers = {
      "Cast", "CastLike", "Dropout", "Expand", "Flatten", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze"};
  return input == 0 && isOneOf(node, movers);
}

bool isProduct(const Node &node) {
  static constexpr std::array<std::string_view, 3> products = {"MatMul", "Gemm", "Einsum"};
  return isOneOf(node, products) || isMicrosoft(node, "FusedMatMul") || isMicrosoft(node, "TransposeMatMul");
}

bool isAttention(const Node &node) {
  return isStandard(node, "Attention") || isMicrosoft(node, "MultiHeadAttention") ||
         isMicrosoft(node, "GroupQueryAttention");
}

bool measures(const Node &node) { return isStandard(node, "Shape") || isStandard(node, "Size"); }

} // namespace

bool isStandard(const Node &node, std::string_view op) { return node.domain == standardDomain && node.op == op; }
bool isMicrosoft(const Node &node, std::string_view op) { return node.domain == microsoftDomain && node.op == op; }

DataFlow::DataFlow(const Graph &graph) : graph(graph), users(graph.values.size()) {
  for (NodeId id = 0; id < graph.nodes.size(); ++id)
    for (size_t i = 0; i < graph.nodes[id].inputs.size(); ++i)
      if (const ValueId input = graph.nodes[id].inputs[i]; input != none)
        users[input].push_back({id, i});
}

const Node *DataFlow::producer(ValueId value) const {
  return value == none || graph.values[value].producer == none ? nullptr : &graph.nodes[graph.values[value].producer];
}

ValueId DataFlow::source(ValueId value) const {
  for (const Node *node = producer(value); node && moves(*node, 0) && node->inputs[0] != none; node = producer(value))
    value = node->inputs[0];
  return value;
}

std::vector<Use> DataFlow::search(ValueId value, const std::function<bool(const Node &, size_t)> &isPassed,
                                  const std::function<bool(const Node &, size_t)> &isWanted) const {
  std::vector<Use> found;
  std::vector<ValueId> open = {value};
  std::vector<bool> seen(graph.values.size());
  seen[value] = true;
  while (!open.empty()) {
    const ValueId next = open.back();
    open.pop_back();
    for (const Use &use : users[next]) {
      const Node &node = graph.nodes[use.node];
      if (isWanted(node, use.input))
        found.push_back(use);
      if (!isPassed(node, use.input))
        continue;
      for (ValueId output : node.outputs)
        if (output != none && !seen[output]) {
          seen[output] = true;
          open.push_back(output);
        }
    }
  }
  return found;
}

std::vector<Use> DataFlow::reached(ValueId value) const {
  return search(value, moves, [](const Node &node, size_t input) { return !moves(node, input) && !measures(node); });
}

std::optional<NodeId> DataFlow::softmaxAfter(NodeId product) const {
  const ValueId scores = graph.nodes[product].outputs[0];
  const std::vector<Use> found = search(
      scores,
      [](const Node &node, size_t) {
        return !isProduct(node) && !isAttention(node) && !measures(node) && !isStandard(node, "Softmax");
      },
      [](const Node &node, size_t) { return isStandard(node, "Softmax"); });
  // Those of later layers lie behind products.
  return found.empty() ? std::nullopt : std::optional(found.front().node);
}

std::optional<NodeId> DataFlow::softmaxBefore(ValueId value) const {
  std::vector<ValueId> open = {value};
  std::vector<bool> seen(graph.values.size());
  while (!open.empty()) {
    const ValueId next = open.back();
    open.pop_back();
    const Node *node = producer(next);
    if (seen[next] || !node || isProduct(*node) || isAttention(*node) || measures(*node))
      continue;
    seen[next] = true;
    if (isStandard(*node, "Softmax"))
      return graph.values[next].producer;
    for (ValueId input : node->inputs)
      if (input != none)
        open.push_back(input);
  }
  return std::nullopt;
}

std::vector<Attended> DataFlow::attentionsOf(ValueId value) const {
  const auto isPassed = [](const Node &node, size_t input) {
    static constexpr std::array<std::string_view, 5> whole = {"Slice", "Tile", "Gather", "Split", "Pad"};
    static constexpr std::array<std::string_view, 4> mixed = {"Mul", "Div", "Concat", "Where"};
    return moves(node, input) || (input == 0 && isOneOf(node, whole)) || isOneOf(node, mixed);
  };
  std::vector<Attended> attentions;
  const auto add = [&](Attended attended) {
    if (std::ranges::none_of(attentions, [&](const Attended &other) {
          return other.attention == attended.attention && other.asValues == attended.asValues;
        }))
      attentions.push_back(attended);
  };
  const auto isWanted = [](const Node &node, size_t) { return isProduct(node) || isAttention(node); };
  for (const Use &use : search(value, isPassed, isWanted)) {
    const Node &node = graph.nodes[use.node];
    if (isAttention(node) && (use.input == 1 || use.input == 2)) {
      add({use.node, use.input == 2});
    } else if (isProduct(node) && use.input < 2 && node.inputs.size() > 1) {
      if (const auto weights = softmaxBefore(node.inputs[1 - use.input]))
        add({*weights, true});
      else if (const auto softmax = softmaxAfter(use.node))
        add({*softmax, false});
    }
  }
  return attentions;
}

} // namespace cadenza::onnx
