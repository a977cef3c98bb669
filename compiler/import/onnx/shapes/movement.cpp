// Operators that put elements somewhere else, or some of them.
#include "compiler/import/onnx/shapes/cut.h"
#include "compiler/import/onnx/shapes/infer.h"

#include <algorithm>
#include <string>

namespace cadenza::onnx::infer {

void tile(NodeInference &node) {
  const Elements *repeats = node.parameter(1);
  Shape shape = node.shape(0);
  if (repeats && repeats->size() != shape.size())
    return node.invalid("repeats has " + std::to_string(repeats->size()) + " elements, the input " +
                        std::to_string(shape.size()) + " axes");
  for (size_t i = 0; i < shape.size(); ++i)
    shape[i] = repeats ? shape[i] * (*repeats)[i] : Extent::unknown();
  std::optional<Elements> elements;
  if (node.in(0).elements) {
    const std::vector<int64_t> extents = *numbers(node.shape(0));
    elements = remap(shape, [&](std::vector<int64_t> at) {
      for (size_t i = 0; i < at.size(); ++i)
        at[i] %= extents[i];
      return (*node.in(0).elements)[flatIndex(at, extents)];
    });
  }
  setWith(node, node.type(0), std::move(shape), std::move(elements));
}

void concat(NodeInference &node) {
  const auto axis = node.axis(node.integer("axis", 0), node.rank(0));
  if (!axis)
    return;
  Shape shape = node.shape(0);
  bool integers = node.in(0).elements != nullptr;
  for (size_t i = 1; i < node.inputs(); ++i) {
    if (!node.has(i))
      return node.invalid("input " + std::to_string(i) + " is left out");
    const Shape &part = node.shape(i);
    if (!node.sameType(0, i) || !node.hasRank(i, node.rank(0)))
      return;
    for (size_t a = 0; a < shape.size(); ++a)
      shape[a] = a == *axis ? shape[a] + part[a]
                            : node.same(shape[a], part[a], "extents of axis " + std::to_string(a) + " of the inputs");
    integers |= node.in(i).elements != nullptr;
  }
  std::optional<Elements> elements;
  if (integers)
    elements = remap(shape, [&](std::vector<int64_t> at) {
      for (size_t i = 0; i < node.inputs(); ++i) {
        const auto extent = node.shape(i)[*axis].number();
        if (!extent)
          return Polynomial::unknown();
        if (at[*axis] < *extent)
          return node.in(i).elements ? (*node.in(i).elements)[flatIndex(at, *numbers(node.shape(i)))]
                                     : Polynomial::unknown();
        at[*axis] -= *extent;
      }
      return Polynomial::unknown();
    });
  setWith(node, node.type(0), std::move(shape), std::move(elements));
}

void split(NodeInference &node) {
  const auto axis = node.axis(node.integer("axis", 0), node.rank(0));
  if (!axis)
    return;
  const Shape &shape = node.shape(0);
  const Extent whole = shape[*axis];
  const auto parts = static_cast<int64_t>(node.outputs());
  Shape sizes;
  if (node.has(1)) {
    const Elements *written = node.parameter(1);
    if (written && written->size() != node.outputs())
      return node.invalid("there are " + std::to_string(written->size()) + " sizes and " + std::to_string(parts) +
                          " outputs");
    sizes = written ? *written : Shape(node.outputs(), Extent::unknown());
    Extent sum = 0;
    for (const Extent &size : sizes)
      sum = sum + size;
    if (node.symbols.differ(sum, whole))
      return node.invalid("the sizes add up to " + node.symbols.text(sum) + ", axis " + std::to_string(*axis) +
                          " has " + node.symbols.text(whole));
  } else {
    const bool uneven = node.node.version->since >= 18;
    if (const auto count = node.integer("num_outputs"); count && *count != parts)
      return node.invalid("num_outputs is " + std::to_string(*count) + ", but there are " + std::to_string(parts) +
                          " outputs");
    if (whole.number() && *whole.number() % parts != 0 && !uneven)
      return node.invalid(node.symbols.text(whole) + " elements do not divide into " + std::to_string(parts) +
                          " parts");
    const Extent size = node.symbols.floorDivide(whole + (parts - 1), parts);
    sizes.assign(node.outputs(), size);
    sizes.back() = whole - size * (parts - 1);
  }
  Extent begin = 0;
  for (size_t i = 0; i < node.outputs(); ++i) {
    Shape part = shape;
    part[*axis] = sizes[i];
    std::optional<Elements> elements;
    if (node.in(0).elements && begin.number())
      elements = remap(part, [&](std::vector<int64_t> at) {
        at[*axis] += *begin.number();
        const size_t index = flatIndex(at, *numbers(shape));
        return index < node.in(0).elements->size() ? (*node.in(0).elements)[index] : Polynomial::unknown();
      });
    if (elements)
      node.set(i, node.type(0), std::move(part), std::move(*elements));
    else
      node.set(i, node.type(0), std::move(part));
    begin = begin + sizes[i];
  }
}

void slice(NodeInference &node) {
  const Shape &shape = node.shape(0);
  for (size_t i = 1; i < 5; ++i)
    if (!node.hasRank(i, 1))
      return;
  const Elements *starts = node.parameter(1), *ends = node.parameter(2);
  const auto axesList = node.has(3) ? node.numbers(3) : std::nullopt;
  const auto steps = node.has(4) ? node.numbers(4) : std::nullopt;
  const auto count = node.shape(1)[0].number();
  if ((node.has(3) && !axesList) || !count)
    return node.unsupported("axes that are no constant are not supported");
  if (*count > node.rank(0))
    return node.invalid("there are " + std::to_string(*count) + " starts, and the input has " +
                        std::to_string(node.rank(0)) + " axes");
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < *count && !axesList; ++i)
    axes.push_back(i);
  if (axesList)
    axes = *axesList;
  if (!node.axes(axes, node.rank(0)))
    return;
  const auto isOfCount = [&](size_t i) { return !node.has(i) || node.shape(i)[0].is(*count); };
  if (axes.size() != static_cast<size_t>(*count) || !isOfCount(2) || !isOfCount(4))
    return node.invalid("starts, ends, axes and steps have different lengths");
  Shape result = shape;
  std::vector<int64_t> begins(shape.size(), 0), strides(shape.size(), 1);
  bool movable = true; // whether it is known which elements stay
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(axes[i] < 0 ? axes[i] + node.rank(0) : axes[i]);
    const int64_t step = steps ? (*steps)[i] : 1;
    if (steps && step == 0)
      return node.invalid("step " + std::to_string(i) + " is 0");
    if (!starts || !ends || (node.has(4) && !steps) || step == INT64_MIN) {
      result[axis] = Extent::unknown();
      movable = false;
      continue;
    }
    const Cut cut = cutOf(node.symbols, shape[axis], (*starts)[i], (*ends)[i], step);
    result[axis] = cut.size;
    movable &= cut.start.number().has_value();
    begins[axis] = cut.start.number().value_or(0);
    strides[axis] = step;
  }
  std::optional<Elements> elements;
  if (node.in(0).elements && movable)
    elements = remap(result, [&](std::vector<int64_t> at) {
      for (size_t i = 0; i < at.size(); ++i)
        at[i] = begins[i] + at[i] * strides[i];
      return (*node.in(0).elements)[flatIndex(at, *numbers(shape))];
    });
  setWith(node, node.type(0), std::move(result), std::move(elements));
}

void pad(NodeInference &node) {
  Shape shape = node.shape(0);
  std::vector<size_t> axes;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    axes.push_back(axis);
  if (node.has(3)) {
    const auto list = node.numbers(3);
    if (!list)
      return node.unsupported("axes that are no constant are not supported");
    if (!node.axes(*list, node.rank(0)))
      return;
    axes.clear();
    for (int64_t axis : *list)
      axes.push_back(static_cast<size_t>(axis < 0 ? axis + node.rank(0) : axis));
  }
  const Elements *pads = node.parameter(1);
  if (pads && pads->size() != 2 * axes.size())
    return node.invalid("pads has " + std::to_string(pads->size()) + " elements for " + std::to_string(axes.size()) +
                        " axes");
  for (size_t i = 0; i < axes.size(); ++i)
    shape[axes[i]] = pads ? shape[axes[i]] + (*pads)[i] + (*pads)[i + axes.size()] : Extent::unknown();
  node.set(0, node.type(0), std::move(shape));
}

void centerCropPad(NodeInference &node) {
  Shape shape = node.shape(0);
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < node.rank(0); ++axis)
    axes.push_back(axis);
  axes = node.integers("axes").value_or(axes);
  const Elements *target = node.parameter(1);
  if (!node.axes(axes, node.rank(0)))
    return;
  if (target && target->size() != axes.size())
    return node.invalid("the shape has " + std::to_string(target->size()) + " elements for " +
                        std::to_string(axes.size()) + " axes");
  for (size_t i = 0; i < axes.size(); ++i)
    shape[static_cast<size_t>(axes[i] < 0 ? axes[i] + node.rank(0) : axes[i])] =
        target ? (*target)[i] : Extent::unknown();
  node.set(0, node.type(0), std::move(shape));
}

void depthToSpace(NodeInference &node) {
  const int64_t block = node.integer("blocksize", 1);
  if (!node.hasRank(0, 4))
    return;
  if (block < 1 || block > INT32_MAX)
    return node.invalid("blocksize " + std::to_string(block) + " is out of range");
  const Shape &x = node.shape(0); // [N, C, H, W]
  const Extent depth = x[1].dividedBy(block * block);
  if (x[1].number() && !depth.isKnown())
    return node.invalid(node.symbols.text(x[1]) + " channels do not divide by the square of blocksize");
  node.set(0, node.type(0), {x[0], depth, x[2] * block, x[3] * block});
}

void spaceToDepth(NodeInference &node) {
  const int64_t block = node.integer("blocksize", 1);
  if (!node.hasRank(0, 4))
    return;
  if (block < 1 || block > INT32_MAX)
    return node.invalid("blocksize " + std::to_string(block) + " is out of range");
  const Shape &x = node.shape(0);
  if ((x[2].number() && *x[2].number() % block != 0) || (x[3].number() && *x[3].number() % block != 0))
    return node.invalid("blocksize " + std::to_string(block) + " does not divide " + node.symbols.text(x));
  node.set(0, node.type(0), {x[0], x[1] * (block * block), x[2].dividedBy(block), x[3].dividedBy(block)});
}

} // namespace cadenza::onnx::infer
