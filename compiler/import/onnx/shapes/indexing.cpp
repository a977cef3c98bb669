// Operators that take or put elements by index.
#include "compiler/import/onnx/shapes/infer.h"

#include <string>

namespace cadenza::onnx::infer {
namespace {

void append(Shape &shape, const Shape &from, size_t first, size_t last) {
  for (size_t axis = first; axis < last; ++axis)
    shape.push_back(from[axis]);
}

bool hasIndexType(NodeInference &node, size_t i) {
  if (node.type(i) == ElementType::i32 || node.type(i) == ElementType::i64)
    return true;
  node.invalid("indices have to be i32 or i64, but are " + std::string(elementTypeName(node.type(i))));
  return false;
}

} // namespace

void gather(NodeInference &node) {
  const auto axis = node.axis(node.integer("axis", 0), node.rank(0));
  if (!axis || !hasIndexType(node, 1))
    return;
  const Shape &data = node.shape(0), &indices = node.shape(1);
  Shape shape;
  append(shape, data, 0, *axis);
  append(shape, indices, 0, indices.size());
  append(shape, data, *axis + 1, data.size());
  std::optional<Elements> elements;
  if (node.in(0).elements && node.in(1).elements) {
    const std::vector<int64_t> dataExtents = *numbers(data), indexExtents = *numbers(indices);
    const auto first = static_cast<ptrdiff_t>(*axis), last = first + static_cast<ptrdiff_t>(indices.size());
    elements = remap(shape, [&](const std::vector<int64_t> &at) {
      const std::vector<int64_t> indexAt(at.begin() + first, at.begin() + last);
      auto index = (*node.in(1).elements)[flatIndex(indexAt, indexExtents)].number();
      const int64_t extent = dataExtents[*axis];
      if (!index || *index < -extent || *index >= extent)
        return Polynomial::unknown();
      std::vector<int64_t> from(at.begin(), at.begin() + first);
      from.push_back(*index < 0 ? *index + extent : *index);
      from.insert(from.end(), at.begin() + last, at.end());
      return (*node.in(0).elements)[flatIndex(from, dataExtents)];
    });
  }
  setWith(node, node.type(0), std::move(shape), std::move(elements));
}

void gatherElements(NodeInference &node) {
  if (!node.axis(node.integer("axis", 0), node.rank(0)) || !hasIndexType(node, 1) || !node.hasRank(1, node.rank(0)))
    return;
  node.set(0, node.type(0), node.shape(1));
}

void gatherND(NodeInference &node) {
  const Shape &data = node.shape(0), &indices = node.shape(1);
  const int64_t batch = node.integer("batch_dims", 0);
  if (!node.hasRank(0, 1, INT64_MAX) || !node.hasRank(1, 1, INT64_MAX))
    return;
  const auto depth = indices.back().number();
  if (!depth)
    return node.unsupported("the rank of the result is not known: indices have shape " + node.symbols.text(indices));
  if (batch < 0 || batch >= node.rank(1) || *depth < 1 || *depth > node.rank(0) - batch)
    return node.invalid("indices of shape " + node.symbols.text(indices) + " do not index data of shape " +
                        node.symbols.text(data) + " with " + std::to_string(batch) + " batch axes");
  Shape shape;
  append(shape, indices, 0, indices.size() - 1);
  append(shape, data, static_cast<size_t>(batch + *depth), data.size());
  node.set(0, node.type(0), std::move(shape));
}

void scatter(NodeInference &node) { // data, indices, updates
  if (!node.sameType(0, 2))
    return;
  if (node.node.op != "ScatterND" && (!node.axis(node.integer("axis", 0), node.rank(0)) ||
                                      !node.hasRank(1, node.rank(0)) || !node.hasRank(2, node.rank(0))))
    return;
  node.set(0, node.type(0), node.shape(0));
}

void compress(NodeInference &node) {
  if (!node.hasRank(1, 1))
    return;
  Extent kept = Extent::unknown();
  if (const auto conditions = node.numbers(1)) {
    int64_t count = 0;
    for (int64_t condition : *conditions)
      count += condition != 0;
    kept = count;
  }
  const auto written = node.integer("axis");
  if (!written)
    return node.set(0, node.type(0), {kept});
  Shape shape = node.shape(0);
  if (const auto axis = node.axis(*written, node.rank(0))) {
    shape[*axis] = kept;
    node.set(0, node.type(0), std::move(shape));
  }
}

void nonZero(NodeInference &node) {
  Extent count = Extent::unknown();
  if (node.in(0).constant && isInteger(node.type(0))) {
    int64_t nonZeros = 0;
    for (int64_t value : onnx::integers(*node.in(0).constant))
      nonZeros += value != 0;
    count = nonZeros;
  }
  node.set(0, ElementType::i64, {node.rank(0), count});
}

void unique(NodeInference &node) {
  const Extent count = node.symbols.unknown("the number of different elements, " + node.node.name);
  Shape shape = {count};
  Extent all = elementCount(node.shape(0));
  if (const auto written = node.integer("axis")) {
    const auto axis = node.axis(*written, node.rank(0));
    if (!axis)
      return;
    shape = node.shape(0);
    all = shape[*axis];
    shape[*axis] = count;
  }
  node.set(0, node.type(0), std::move(shape));
  node.set(1, ElementType::i64, {count});
  node.set(2, ElementType::i64, {all});
  node.set(3, ElementType::i64, {count});
}

void topK(NodeInference &node) {
  const auto axis = node.axis(node.integer("axis", -1), node.rank(0));
  if (!axis || !node.hasRank(1, 0, 1))
    return;
  const Elements *k = node.parameter(1);
  Shape shape = node.shape(0);
  const Extent count = k && k->size() == 1 ? k->front() : node.symbols.unknown("k of " + node.node.name);
  if (node.symbols.isAtLeast(count - shape[*axis], 1))
    return node.invalid("k is " + node.symbols.text(count) + ", axis " + std::to_string(*axis) + " has only " +
                        node.symbols.text(shape[*axis]) + " elements");
  shape[*axis] = count;
  node.set(0, node.type(0), shape);
  node.set(1, ElementType::i64, std::move(shape));
}

void nonMaxSuppression(NodeInference &node) { node.set(0, ElementType::i64, {Extent::unknown(), 3}); }

} // namespace cadenza::onnx::infer
