#include "compiler/import/onnx/lower/lower.h"
#include "compiler/import/onnx/shapes/cut.h"

#include <numeric>

namespace cadenza::onnx::lower {
namespace {

std::vector<int64_t> ones(size_t count) { return std::vector<int64_t>(count, 1); }

std::optional<nn::ScatterFunction> scatterFunction(NodeLowering &node) {
  const std::string reduction = node.text("reduction", "none");
  if (reduction == "none")
    return nn::ScatterFunction::Replace;
  const auto function = nn::named<nn::ScatterFunction>(reduction);
  if (!function)
    node.unsupported("reduction '" + reduction + "'");
  return function;
}

} // namespace

void reshape(NodeLowering &node) { node.set(0, node.nn.reshape(node.in(0), node.out(0).shape)); }

void elements(NodeLowering &node) {
  const Facts &facts = node.out(0);
  if (!facts.isKnown())
    return node.unsupported("a shape that is not known");
  node.set(0, node.nn.elements(facts.type, facts.shape, *facts.elements));
}

void transpose(NodeLowering &node) {
  std::vector<int64_t> permutation(node.shape(0).size());
  std::iota(permutation.rbegin(), permutation.rend(), 0);
  permutation = node.integers("perm").value_or(permutation);
  for (int64_t &axis : permutation)
    axis = node.axisFrom0(axis, node.rank(0));
  node.set(0, node.nn.transpose(node.in(0), permutation));
}

void expand(NodeLowering &node) { node.set(0, node.nn.expand(node.in(0), node.out(0).shape)); }

void tile(NodeLowering &node) { // [a, b] repeated [2, 3] times: [1, a, 1, b], [2, a, 3, b], [2 * a, 3 * b]
  if (!node.facts(1).isKnown())
    return node.unsupported("repeats that are not known");
  const Elements repeats = *node.facts(1).elements;
  Shape single, repeated;
  for (size_t axis = 0; axis < repeats.size(); ++axis) {
    single.insert(single.end(), {1, node.shape(0)[axis]});
    repeated.insert(repeated.end(), {repeats[axis], node.shape(0)[axis]});
  }
  const Operand copies = node.nn.expand(node.nn.reshape(node.in(0), single), repeated);
  node.set(0, node.nn.reshape(copies, node.out(0).shape));
}

void concat(NodeLowering &node) {
  std::vector<Operand> parts;
  parts.reserve(node.inputs());
  for (size_t i = 0; i < node.inputs(); ++i)
    parts.push_back(node.in(i));
  node.set(0, node.nn.concat(parts, node.axisFrom0(node.integer("axis", 0), node.rank(0))));
}

void split(NodeLowering &node) {
  const auto axis = static_cast<size_t>(node.axisFrom0(node.integer("axis", 0), node.rank(0)));
  std::vector<Polynomial> starts(node.shape(0).size(), 0);
  for (size_t i = 0; i < node.node.outputs.size(); ++i) {
    if (!node.makes(i))
      return node.unsupported("an output that is left out");
    const Shape &sizes = node.out(i).shape;
    node.set(i, node.nn.slice(node.in(0), starts, sizes, ones(starts.size())));
    starts[axis] = starts[axis] + sizes[axis];
  }
}

void slice(NodeLowering &node) {
  const Shape &shape = node.shape(0);
  if (!node.facts(1).elements || (node.has(3) && !node.numbers(3)))
    return node.unsupported("starts or axes that are not known");
  std::vector<int64_t> axes(node.facts(1).elements->size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = node.has(3) ? node.numbers(3).value_or(axes) : axes;
  std::vector<Polynomial> starts(shape.size(), 0);
  std::vector<int64_t> steps = ones(shape.size());
  const auto written = node.numbers(4);
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(node.axisFrom0(axes[i], node.rank(0)));
    if (!node.facts(1).isKnown() || !node.facts(2).isKnown() || (node.has(4) && !written))
      return node.unsupported("starts, ends or steps that are not known");
    steps[axis] = written ? (*written)[i] : 1;
    starts[axis] =
        cutOf(node.symbols, shape[axis], (*node.facts(1).elements)[i], (*node.facts(2).elements)[i], steps[axis]).start;
    if (node.out(0).shape[axis].is(0)) // then the start may be anywhere
      starts[axis] = 0;
  }
  node.set(0, node.nn.slice(node.in(0), starts, node.out(0).shape, steps));
}

void pad(NodeLowering &node) {
  const std::string name = node.text("mode", "constant");
  const auto mode = nn::named<nn::PadMode>(name);
  const auto pads = node.numbers(1);
  if (!mode || !pads || (node.has(3) && !node.numbers(3)))
    return node.unsupported(!mode ? "mode '" + name + "'" : "pads or axes that are not known");
  std::vector<int64_t> axes(node.shape(0).size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = node.has(3) ? node.numbers(3).value_or(axes) : axes;
  std::vector<int64_t> begins(node.shape(0).size(), 0), ends = begins;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(node.axisFrom0(axes[i], node.rank(0)));
    begins[axis] = (*pads)[i];
    ends[axis] = (*pads)[i + axes.size()];
  }
  Operand value = node.inOrNone(2);
  if (value.isThere() && node.rank(2) != 0)
    value = node.nn.reshape(value, {});
  node.set(0, node.nn.pad(node.in(0), begins, ends, *mode, value));
}

void trilu(NodeLowering &node) {
  Operand k = node.has(1) ? node.in(1) : node.scalar(0);
  if (node.has(1) && node.rank(1) != 0)
    k = node.nn.reshape(k, {});
  node.set(0, node.nn.trilu(node.in(0), node.integer("upper", 1) != 0, k));
}

void depthToSpace(NodeLowering &node) { // [N, C * b * b, H, W] to [N, C, H * b, W * b]
  const Shape &x = node.shape(0);
  const int64_t b = node.integer("blocksize", 1);
  const Extent c = node.out(0).shape[1];
  const bool byColumns = node.text("mode", "DCR") == "CRD";
  const Operand parts =
      node.nn.reshape(node.in(0), byColumns ? Shape{x[0], c, b, b, x[2], x[3]} : Shape{x[0], b, b, c, x[2], x[3]});
  const std::vector<int64_t> permutation =
      byColumns ? std::vector<int64_t>{0, 1, 4, 2, 5, 3} : std::vector<int64_t>{0, 3, 4, 1, 5, 2};
  node.set(0, node.nn.reshape(node.nn.transpose(parts, permutation), node.out(0).shape));
}

void spaceToDepth(NodeLowering &node) { // [N, C, H, W] to [N, C * b * b, H / b, W / b]
  const Shape &x = node.shape(0), &y = node.out(0).shape;
  const int64_t b = node.integer("blocksize", 1);
  if (node.text("mode", "DCR") != "DCR")
    return node.unsupported("mode '" + node.text("mode", "") + "'");
  const Operand parts = node.nn.reshape(node.in(0), {x[0], x[1], y[2], b, y[3], b});
  const std::vector<int64_t> permutation = {0, 3, 5, 1, 2, 4};
  node.set(0, node.nn.reshape(node.nn.transpose(parts, permutation), y));
}

void constantOfShape(NodeLowering &node) {
  const Tensor *value = node.tensor("value");
  const Operand scalar = value ? node.nn.reshape(node.nn.tensor("", std::make_shared<const Tensor>(*value)), {})
                               : node.scalar(0.0, ElementType::f32);
  node.set(0, node.nn.expand(scalar, node.out(0).shape));
}

void range(NodeLowering &node) {
  const auto scalar = [&](size_t i) { return node.rank(i) == 0 ? node.in(i) : node.nn.reshape(node.in(i), {}); };
  node.set(0, node.nn.range(scalar(0), scalar(1), scalar(2)));
}

void eyeLike(NodeLowering &node) {
  const Shape &shape = node.out(0).shape;
  const auto line = [&](const Extent &extent) {
    return node.nn.range(node.scalar(0), node.nn.elements(ElementType::i64, {}, {extent}), node.scalar(1));
  };
  const Operand rows = node.nn.reshape(line(shape[0]), {shape[0], 1});
  const Operand diagonal = node.binary(B::Add, rows, node.scalar(node.integer("k", 0)));
  node.set(0, node.nn.cast(node.binary(B::Equal, line(shape[1]), diagonal), node.out(0).type));
}

void oneHot(NodeLowering &node) { // indices of any type, depth, [off, on]
  const Shape &shape = node.out(0).shape;
  const auto axis = static_cast<size_t>(node.axisFrom0(node.integer("axis", -1), static_cast<int64_t>(shape.size())));
  const Extent depth = shape[axis];
  Shape open = node.shape(0), line(shape.size(), 1);
  open.insert(open.begin() + static_cast<ptrdiff_t>(axis), 1);
  line[axis] = depth;
  const Operand size = node.nn.elements(ElementType::i64, {}, {depth});
  const Operand indices = node.nn.reshape(node.cast(node.in(0), node.type(0), ElementType::i64), open);
  const Operand counted =
      node.nn.where(node.binary(B::Less, indices, node.scalar(0)), node.binary(B::Add, indices, size), indices);
  const Operand places = node.nn.reshape(node.nn.range(node.scalar(0), size, node.scalar(1)), line);
  const auto value = [&](int64_t i) { return node.nn.gather(node.in(2), node.scalar(i), 0); };
  node.set(0, node.nn.where(node.binary(B::Equal, counted, places), value(1), value(0)));
}

void gather(NodeLowering &node) {
  node.set(0, node.nn.gather(node.in(0), node.in(1), node.axisFrom0(node.integer("axis", 0), node.rank(0))));
}

void compress(NodeLowering &node) { // elements along an axis, or of all, where a condition holds
  const auto conditions = node.numbers(1);
  if (!conditions)
    return node.unsupported("a condition that is no constant");
  std::vector<int64_t> kept;
  for (size_t i = 0; i < conditions->size(); ++i)
    if ((*conditions)[i] != 0)
      kept.push_back(static_cast<int64_t>(i));
  const auto axis = node.integer("axis");
  const Operand input = axis ? node.in(0) : node.nn.reshape(node.in(0), {elementCount(node.shape(0))});
  const nn::Shape count = {static_cast<int64_t>(kept.size())};
  const Operand indices = node.nn.constant(nn::tensorOf(ElementType::i64, count, std::span<const int64_t>(kept)));
  node.set(0, node.nn.gather(input, indices, axis ? node.axisFrom0(*axis, node.rank(0)) : 0));
}

void gatherElements(NodeLowering &node) {
  node.set(0, node.nn.gatherElements(node.in(0), node.in(1), node.axisFrom0(node.integer("axis", 0), node.rank(0))));
}

void gatherND(NodeLowering &node) {
  node.set(0, node.nn.gatherND(node.in(0), node.in(1), node.integer("batch_dims", 0)));
}

void scatterElements(NodeLowering &node) {
  if (const auto function = scatterFunction(node))
    node.set(0, node.nn.scatterElements(node.in(0), node.in(1), node.in(2),
                                        node.axisFrom0(node.integer("axis", 0), node.rank(0)), *function));
}

void scatterND(NodeLowering &node) {
  if (const auto function = scatterFunction(node))
    node.set(0, node.nn.scatterND(node.in(0), node.in(1), node.in(2), *function));
}

void tensorScatter(NodeLowering &node) {
  node.set(0, node.nn.tensorScatter(node.in(0), node.in(1), node.inOrNone(2),
                                    node.axisFrom0(node.integer("axis", -2), node.rank(0)),
                                    node.text("mode", "linear") == "circular"));
}

} // namespace cadenza::onnx::lower
