// Operators that give the same elements another shape, and those that make shapes into elements.
#include "compiler/import/onnx/shapes/infer.h"

#include <algorithm>
#include <string>

namespace cadenza::onnx::infer {
namespace {

/// Output 0: the elements of input 0 in another shape.
void setView(NodeInference &node, Shape shape) {
  std::optional<Elements> elements;
  if (node.in(0).elements)
    elements = *node.in(0).elements;
  setWith(node, node.type(0), std::move(shape), std::move(elements));
}

Extent product(const Shape &shape, size_t first, size_t last) {
  return elementCount(
      Shape(shape.begin() + static_cast<ptrdiff_t>(first), shape.begin() + static_cast<ptrdiff_t>(last)));
}

/// Axes of Squeeze and Unsqueeze: input 1, whose values have to be constants.
std::optional<std::vector<int64_t>> axesInput(NodeInference &node) {
  auto list = node.numbers(1);
  if (!list)
    node.unsupported("axes that are no constant are not supported");
  return list;
}

/// The shape that Reshape writes, before -1 is resolved; unknown where nothing is known.
std::optional<Shape> writtenShape(NodeInference &node) {
  if (!node.hasRank(1, 1))
    return std::nullopt;
  if (const Elements *elements = node.parameter(1))
    return *elements;
  const auto rank = node.shape(1)[0].number();
  if (!rank || *rank > maxElements) {
    node.unsupported("the rank of the result is not known");
    return std::nullopt;
  }
  return Shape(static_cast<size_t>(*rank), Extent::unknown());
}

} // namespace

void shapeOf(NodeInference &node) {
  const int64_t rank = node.rank(0);
  const auto bound = [&](std::string_view name, int64_t otherwise) {
    const int64_t written = node.integer(name, otherwise);
    return std::clamp<int64_t>(written < 0 ? written + rank : written, 0, rank);
  };
  const int64_t start = bound("start", 0), end = std::max(start, bound("end", rank));
  node.ignoresValueOf(0);
  const Shape &shape = node.shape(0);
  node.set(0, ElementType::i64, {end - start}, Elements(shape.begin() + start, shape.begin() + end));
}

void sizeOf(NodeInference &node) {
  node.ignoresValueOf(0);
  node.set(0, ElementType::i64, {}, {elementCount(node.shape(0))});
}

void reshape(NodeInference &node) {
  auto shape = writtenShape(node);
  if (!shape)
    return;
  const bool zeroCopies = node.integer("allowzero", 0) == 0;
  std::optional<size_t> open; // the axis whose extent follows from the others
  size_t unknowns = 0;
  for (size_t i = 0; i < shape->size(); ++i) {
    Extent &extent = (*shape)[i];
    if (zeroCopies && extent.is(0)) {
      if (i >= node.shape(0).size())
        return node.invalid("extent " + std::to_string(i) + " of the shape is 0, but the input has only " +
                            std::to_string(node.rank(0)) + " axes");
      extent = node.shape(0)[i];
    } else if (extent.is(-1)) {
      if (open && !(*shape)[*open].isKnown())
        return node.invalid("the shape has more than one -1");
      open = i;
      extent = Extent::unknown();
      ++unknowns;
    } else if (!extent.isKnown()) {
      ++unknowns;
      open = open.value_or(i);
    }
  }
  const Extent total = elementCount(node.shape(0));
  if (unknowns == 1) {
    Extent others = 1;
    for (const Extent &extent : *shape)
      others = extent.isKnown() ? others * extent : others;
    if (others.number() && total.number() && (others.is(0) || *total.number() % *others.number() != 0))
      return node.invalid(node.symbols.text(node.shape(0)) + " does not divide into " + node.symbols.text(*shape));
    const Extent exact = total.dividedBy(others);
    (*shape)[*open] = exact.isKnown() ? exact : node.symbols.floorDivide(total, others);
  } else if (unknowns == 0 && node.symbols.differ(total, elementCount(*shape)))
    return node.invalid(node.symbols.text(node.shape(0)) + " and " + node.symbols.text(*shape) +
                        " have different numbers of elements");
  if (std::ranges::all_of(*shape, &Extent::isKnown))
    node.ignoresValueOf(1);
  setView(node, std::move(*shape));
}

void flatten(NodeInference &node) {
  const int64_t rank = node.rank(0), written = node.integer("axis", 1);
  const int64_t axis = written < 0 ? written + rank : written;
  if (axis < 0 || axis > rank)
    return node.invalid("axis " + std::to_string(written) + " is out of range for a tensor of " + std::to_string(rank) +
                        " axes");
  const auto at = static_cast<size_t>(axis);
  setView(node, {product(node.shape(0), 0, at), product(node.shape(0), at, node.shape(0).size())});
}

void squeeze(NodeInference &node) {
  const Shape &shape = node.shape(0);
  std::vector<size_t> gone;
  if (node.has(1)) {
    const auto list = axesInput(node);
    const auto sorted = list ? node.axes(*list, node.rank(0)) : std::nullopt;
    if (!sorted)
      return;
    gone = *sorted;
    for (size_t axis : gone)
      if (node.symbols.differ(shape[axis], 1))
        return node.invalid("axis " + std::to_string(axis) + " of " + node.symbols.text(shape) + " is not 1");
  } else {
    for (size_t axis = 0; axis < shape.size(); ++axis)
      if (shape[axis].is(1))
        gone.push_back(axis);
      else if (!node.symbols.differ(shape[axis], 1))
        return node.unsupported("without axes it depends on " + node.symbols.text(shape[axis]) + " whether axis " +
                                std::to_string(axis) + " goes");
  }
  Shape rest;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (!std::ranges::binary_search(gone, axis))
      rest.push_back(shape[axis]);
  setView(node, std::move(rest));
}

void unsqueeze(NodeInference &node) {
  const auto list = axesInput(node);
  const auto added = list ? node.axes(*list, node.rank(0) + static_cast<int64_t>(list->size())) : std::nullopt;
  if (!added)
    return;
  Shape shape = node.shape(0);
  for (size_t axis : *added) // ascending
    shape.insert(shape.begin() + static_cast<ptrdiff_t>(axis), 1);
  setView(node, std::move(shape));
}

void transpose(NodeInference &node) {
  const Shape &shape = node.shape(0);
  std::vector<int64_t> permutation;
  for (int64_t axis = node.rank(0); axis-- > 0;)
    permutation.push_back(axis);
  if (const auto written = node.integers("perm")) {
    const auto sorted = node.axes(*written, node.rank(0));
    if (!sorted)
      return;
    if (written->size() != shape.size())
      return node.invalid("perm has " + std::to_string(written->size()) + " axes, the input " +
                          std::to_string(shape.size()));
    permutation = *written;
    for (int64_t &axis : permutation)
      axis += axis < 0 ? node.rank(0) : 0;
  }
  Shape result;
  for (int64_t axis : permutation)
    result.push_back(shape[static_cast<size_t>(axis)]);
  std::optional<Elements> elements;
  if (node.in(0).elements) {
    const std::vector<int64_t> extents = *numbers(shape);
    elements = remap(result, [&](const std::vector<int64_t> &at) {
      std::vector<int64_t> from(at.size());
      for (size_t i = 0; i < at.size(); ++i)
        from[static_cast<size_t>(permutation[i])] = at[i];
      return (*node.in(0).elements)[flatIndex(from, extents)];
    });
  }
  setWith(node, node.type(0), std::move(result), std::move(elements));
}

void expand(NodeInference &node) {
  auto written = writtenShape(node);
  if (!written)
    return;
  for (size_t i = 0; i < written->size(); ++i)
    if (!(*written)[i].isKnown())
      (*written)[i] = node.symbols.unknown("extent " + std::to_string(i) + " of the shape of " + node.node.name);
  auto shape = node.broadcast(node.shape(0), *written);
  if (!shape)
    return;
  std::optional<Elements> elements;
  if (node.in(0).elements) {
    const std::vector<int64_t> extents = *numbers(node.shape(0));
    elements = remap(
        *shape, [&](const std::vector<int64_t> &at) { return (*node.in(0).elements)[broadcastIndex(at, extents)]; });
  }
  setWith(node, node.type(0), std::move(*shape), std::move(elements));
}

} // namespace cadenza::onnx::infer
