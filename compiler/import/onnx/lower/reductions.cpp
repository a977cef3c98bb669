#include "compiler/import/onnx/lower/lower.h"

#include <numeric>

namespace cadenza::onnx::lower {

void reduce(NodeLowering &node, R function) {
  std::vector<int64_t> axes = node.has(1) ? node.numbers(1).value_or(std::vector<int64_t>())
                                          : node.integers("axes").value_or(std::vector<int64_t>());
  if (axes.empty() && node.integer("noop_with_empty_axes", 0) == 0) {
    axes.resize(node.shape(0).size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  for (int64_t &axis : axes)
    axis = node.axisFrom0(axis, node.rank(0));
  node.set(0, node.nn.reduce(function, node.in(0), axes, node.integer("keepdims", 1) != 0));
}

void arg(NodeLowering &node, nn::ArgFunction function) {
  node.set(0, node.nn.argReduce(function, node.in(0), node.axisFrom0(node.integer("axis", 0), node.rank(0)),
                                node.integer("keepdims", 1) != 0, node.integer("select_last_index", 0) != 0));
}

void softmax(NodeLowering &node) {
  node.set(0, node.nn.softmax(node.in(0), node.axisFrom0(node.integer("axis", -1), node.rank(0))));
}

void logSoftmax(NodeLowering &node) {
  node.set(0, node.nn.logSoftmax(node.in(0), node.axisFrom0(node.integer("axis", -1), node.rank(0))));
}

void hardmax(NodeLowering &node) { // 1 at the first largest
  const int64_t axis = node.axisFrom0(node.integer("axis", -1), node.rank(0));
  Shape line(node.shape(0).size(), 1);
  line[static_cast<size_t>(axis)] = node.shape(0)[static_cast<size_t>(axis)];
  const Operand size = node.nn.elements(ElementType::i64, {}, {line[static_cast<size_t>(axis)]});
  const Operand places = node.nn.reshape(node.nn.range(node.scalar(0), size, node.scalar(1)), line);
  const Operand largest = node.nn.argReduce(nn::ArgFunction::Max, node.in(0), axis, true, false);
  node.set(0, node.nn.cast(node.binary(B::Equal, largest, places), node.type(0)));
}

void lpNormalization(NodeLowering &node) {
  const std::vector<int64_t> axes = {node.axisFrom0(node.integer("axis", -1), node.rank(0))};
  const Operand norm = node.nn.reduce(node.integer("p", 2) == 1 ? R::L1 : R::L2, node.in(0), axes, true);
  const Operand zero = node.scalar(0.0, node.type(0));
  node.set(0, node.nn.where(node.binary(B::Equal, norm, zero), zero, node.binary(B::Div, node.in(0), norm)));
}

void cumsum(NodeLowering &node) {
  const auto axis = node.numbers(1);
  if (!axis || axis->size() != 1)
    return node.unsupported("an axis that is no constant");
  node.set(0, node.nn.cumsum(node.in(0), node.axisFrom0(axis->front(), node.rank(0)), node.integer("exclusive", 0) != 0,
                             node.integer("reverse", 0) != 0));
}

void topK(NodeLowering &node) {
  const auto k = node.numbers(1);
  if (!k || k->size() != 1)
    return node.unsupported("k that is no constant");
  const auto [values, indices] = node.nn.topk(
      node.in(0), k->front(), node.axisFrom0(node.integer("axis", -1), node.rank(0)), node.integer("largest", 1) != 0);
  node.set(0, values);
  node.set(1, indices);
}

static void global(NodeLowering &node, R function) {
  std::vector<int64_t> axes(node.shape(0).size() - 2); // all but [N, C]
  std::iota(axes.begin(), axes.end(), 2);
  node.set(0, node.nn.reduce(function, node.in(0), axes, true));
}

void globalAverage(NodeLowering &node) { global(node, R::Mean); }
void globalMaximum(NodeLowering &node) { global(node, R::Max); }

} // namespace cadenza::onnx::lower
