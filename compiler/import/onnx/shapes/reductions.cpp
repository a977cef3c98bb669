#include "compiler/import/onnx/shapes/infer.h"

#include <algorithm>
#include <string>

namespace cadenza::onnx::infer {
namespace {

Shape reduced(const Shape &shape, const std::vector<size_t> &axes, bool keep) {
  Shape result;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (!std::ranges::binary_search(axes, axis))
      result.push_back(shape[axis]);
    else if (keep)
      result.push_back(1);
  }
  return result;
}

/// The function of two elements that a reduction of integers repeats; null if it is another kind.
Binary combination(const std::string &op) {
  return op == "ReduceSum"    ? add
         : op == "ReduceProd" ? multiply
         : op == "ReduceMax"  ? maximum
         : op == "ReduceMin"  ? minimum
                              : nullptr;
}

/// All elements reduced to one.
std::optional<Elements> reduceAll(NodeInference &node) {
  const Binary function = combination(node.node.op);
  if (!function || !node.in(0).elements || node.in(0).elements->empty())
    return std::nullopt;
  Polynomial value = node.in(0).elements->front();
  for (size_t i = 1; i < node.in(0).elements->size(); ++i)
    value = function(node.symbols, value, (*node.in(0).elements)[i]);
  return Elements{value};
}

} // namespace

void reduce(NodeInference &node) {
  std::vector<int64_t> list; // attribute before opset 18 (ReduceSum: 13), then input 1
  if (const auto attribute = node.integers("axes"))
    list = *attribute;
  if (node.has(1)) {
    const auto input = node.numbers(1);
    if (!input)
      return node.unsupported("axes that are no constant are not supported");
    list = *input;
  }
  if (list.empty() && node.integer("noop_with_empty_axes", 0) != 0)
    return identity(node);
  if (list.empty())
    for (int64_t axis = 0; axis < node.rank(0); ++axis)
      list.push_back(axis);
  const auto axes = node.axes(list, node.rank(0));
  if (!axes)
    return;
  const bool all = axes->size() == node.shape(0).size();
  setWith(node, node.type(0), reduced(node.shape(0), *axes, node.integer("keepdims", 1) != 0),
          all ? reduceAll(node) : std::nullopt);
}

void argReduce(NodeInference &node) {
  if (const auto axis = node.axis(node.integer("axis", 0), node.rank(0)))
    node.set(0, ElementType::i64, reduced(node.shape(0), {*axis}, node.integer("keepdims", 1) != 0));
}

void alongAxis(NodeInference &node) {
  if (node.axis(node.integer("axis", -1), node.rank(0)))
    node.set(0, node.type(0), node.shape(0));
}

void cumulative(NodeInference &node) {
  if (!node.hasRank(1, 0, 1))
    return;
  if (const auto axis = node.numbers(1); axis && axis->size() == 1 && !node.axis(axis->front(), node.rank(0)))
    return;
  node.set(0, node.type(0), node.shape(0));
}

void determinant(NodeInference &node) {
  if (!node.hasRank(0, 2, INT64_MAX))
    return;
  Shape shape = node.shape(0);
  node.same(shape[shape.size() - 2], shape.back(), "the extents of a matrix");
  shape.resize(shape.size() - 2);
  node.set(0, node.type(0), std::move(shape));
}

} // namespace cadenza::onnx::infer
