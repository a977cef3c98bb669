#include "compiler/import/onnx/lower/attention_parts.h"
#include "compiler/import/onnx/lower/lower.h"

namespace cadenza::onnx::lower {

Operand asHeads(NodeLowering &node, size_t i, int64_t heads) {
  const Shape &shape = node.shape(i);
  if (shape.size() == 4)
    return node.in(i);
  const Operand apart = node.nn.reshape(node.in(i), {shape[0], shape[1], heads, shape[2].dividedBy(heads)});
  return node.nn.transpose(apart, std::vector<int64_t>{0, 2, 1, 3});
}

Operand repeatHeads(NodeLowering &node, Operand x, const Shape &shape, int64_t groups) {
  if (groups == 1)
    return x;
  const Shape single = {shape[0], shape[1], 1, shape[2], shape[3]};
  const Shape repeated = {shape[0], shape[1], groups, shape[2], shape[3]};
  return node.nn.reshape(node.nn.expand(node.nn.reshape(x, single), repeated),
                         {shape[0], shape[1] * groups, shape[2], shape[3]});
}

Operand positions(NodeLowering &node, const Extent &extent, const Shape &shape) {
  const Operand size = node.nn.elements(ElementType::i64, {}, {extent});
  return node.nn.reshape(node.nn.range(node.scalar(0), size, node.scalar(1)), shape);
}

Operand rotate(NodeLowering &node, Operand x, const Shape &shape, int64_t rotated, bool interleaved, Operand cos,
               Operand sin) {
  const int64_t half = rotated / 2;
  const size_t last = shape.size() - 1;
  Shape turning = shape;
  turning[last] = rotated;
  const bool all = shape[last].is(rotated);
  const Operand turned = all ? x : part(node, x, shape, last, 0, rotated);
  const Operand a = part(node, turned, turning, last, 0, half, interleaved ? 2 : 1);
  const Operand b = part(node, turned, turning, last, interleaved ? 1 : half, half, interleaved ? 2 : 1);
  Operand real = node.binary(B::Sub, node.binary(B::Mul, cos, a), node.binary(B::Mul, sin, b));
  Operand imaginary = node.binary(B::Add, node.binary(B::Mul, sin, a), node.binary(B::Mul, cos, b));
  Operand result;
  if (interleaved) {
    Shape single = turning;
    single[last] = half;
    single.push_back(1);
    const std::vector<Operand> pairs = {node.nn.reshape(real, single), node.nn.reshape(imaginary, single)};
    result = node.nn.reshape(node.nn.concat(pairs, -1), turning);
  } else
    result = node.nn.concat(std::vector<Operand>{real, imaginary}, -1);
  if (all)
    return result;
  return node.nn.concat(std::vector<Operand>{result, part(node, x, shape, last, rotated, shape[last] - rotated)}, -1);
}

Operand part(NodeLowering &node, Operand x, const Shape &shape, size_t axis, const Polynomial &start,
             const Extent &size, int64_t step) {
  std::vector<Polynomial> starts(shape.size(), 0);
  std::vector<int64_t> steps(shape.size(), 1);
  Shape sizes = shape;
  starts[axis] = start;
  sizes[axis] = size;
  steps[axis] = step;
  return node.nn.slice(x, starts, sizes, steps);
}

} // namespace cadenza::onnx::lower
