#include "compiler/import/onnx/shapes/fold.h"
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/import/onnx/lower/node_lowering.h"
#include "compiler/import/onnx/shapes/operator_table.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace cadenza::onnx {
namespace {

/// How many nodes that stay may lie between a node that folds and the constants.
constexpr int maxDepth = 64;

/// Whether the node does nothing but move or convert the elements of its first input.
bool movesElements(const Node &node) {
  static constexpr std::array<std::string_view, 12> movers = {"Reshape", "Transpose", "Squeeze", "Unsqueeze",
                                                              "Flatten", "Identity",  "Cast",    "CastLike",
                                                              "Slice",   "Split",     "Expand",  "DequantizeLinear"};
  return node.domain.empty() && std::ranges::find(movers, node.op) != movers.end();
}

} // namespace

Folder::Folder(const Graph &graph, std::vector<std::optional<Facts>> &facts, Symbols &symbols)
    : graph(graph), facts(&facts), symbols(symbols) {
  extend();
}

void Folder::extend() {
  deferred.resize(graph.values.size());
  computed.resize(graph.values.size());
}

/// Whether the result of the node is small enough, and what it takes to compute it.
bool Folder::isSmall(const Node &node) const {
  uint64_t bytes = 0;
  for (ValueId output : node.outputs) {
    if (output == none)
      continue;
    if (!(*facts)[output])
      return false;
    const auto count = elementCount((*facts)[output]->shape).number();
    if (!count || *count < 0 || static_cast<uint64_t>(*count) > maxFoldedBytes)
      return false;
    bytes += static_cast<uint64_t>(*count) * std::max(elementBits((*facts)[output]->type), 8U) / 8;
  }
  if (bytes > maxFoldedBytes)
    return false;
  // Of products: multiplications, about. References are slow.
  constexpr uint64_t maxWork = uint64_t{1} << 28;
  const bool isProduct = node.op.ends_with("MatMul") || node.op == "Gemm" || node.op == "Attention";
  if (!isProduct)
    return true;
  const auto length = (*facts)[node.inputs[0]]->shape.empty() ? 1 : (*facts)[node.inputs[0]]->shape.back().number();
  return length && *length <= INT32_MAX && bytes * static_cast<uint64_t>(*length) <= maxWork;
}

void Folder::fold(NodeId id, uint64_t parameters) {
  const Node &node = graph.nodes[id];
  const OperatorRow *row = findRow(node);
  const bool known = std::ranges::all_of(node.outputs, [&](ValueId output) {
    return output == none || ((*facts)[output] && (*facts)[output]->isKnown());
  });
  if (!row || !row->lower || known || node.outputs.empty())
    return;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const bool isParameter = i < 64 && (parameters >> i & 1) != 0;
    if (node.inputs[i] != none && !isParameter && !isConstant(node.inputs[i]))
      return;
  }
  if (!isSmall(node))
    return;
  // A scalar is a number, not a weight.
  const Facts *input = node.inputs.empty() || node.inputs[0] == none ? nullptr : &*(*facts)[node.inputs[0]];
  if (input && movesElements(node) && !elementCount(input->shape).is(1) &&
      (!input->elements || node.op == "DequantizeLinear")) {
    for (ValueId output : node.outputs)
      if (output != none)
        deferred[output] = true;
    return;
  }
  if (!evaluate(id, 0))
    return;
  for (ValueId output : node.outputs) {
    if (output == none)
      continue;
    const Facts &inferred = *(*facts)[output];
    if (computed[output]->type == inferred.type && numbers(inferred.shape) == computed[output]->shape)
      (*facts)[output] = factsOf(computed[output]);
  }
}

std::shared_ptr<const Tensor> Folder::constantOf(ValueId value, int depth) {
  if ((*facts)[value]->constant)
    return (*facts)[value]->constant;
  if (!computed[value] && (!deferred[value] || depth > maxDepth || !evaluate(graph.values[value].producer, depth)))
    return nullptr;
  return computed[value];
}

bool Folder::evaluate(NodeId id, int depth) {
  const Node &node = graph.nodes[id];
  Evaluator evaluator;
  bool sound = true;
  NodeLowering lowering(node, *facts, symbols, evaluator, [&](ValueId value) {
    const std::shared_ptr<const Tensor> constant = constantOf(value, depth + 1);
    if (constant)
      return evaluator.tensor("", constant);
    sound = false;
    return evaluator.add(nn::scalar(0));
  });
  if (folded > maxFoldedInAll)
    return false;
  findRow(node)->lower(lowering);
  if (!sound || lowering.reason() || !evaluator.status().isOk())
    return false;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == none)
      continue;
    if (!lowering.all()[i].isThere())
      return false;
    computed[node.outputs[i]] = std::make_shared<const Tensor>(tensorOf(evaluator.value(lowering.all()[i])));
    folded += computed[node.outputs[i]]->bytes.size();
  }
  return true;
}

} // namespace cadenza::onnx
