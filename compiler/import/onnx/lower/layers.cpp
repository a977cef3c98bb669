// Products and norms.
#include "compiler/import/onnx/lower/lower.h"

#include <algorithm>
#include <numeric>

namespace cadenza::onnx::lower {
namespace {

/// The operand with its last two axes exchanged.
Operand transposed(NodeLowering &node, size_t i) {
  std::vector<int64_t> permutation(node.shape(i).size());
  std::iota(permutation.begin(), permutation.end(), 0);
  if (permutation.size() > 1)
    std::swap(permutation[permutation.size() - 1], permutation[permutation.size() - 2]);
  return node.nn.transpose(node.in(i), permutation);
}

Operand scaled(NodeLowering &node, Operand x, double factor) {
  return factor == 1 ? x : node.binary(B::Mul, x, node.scalar(factor, node.type(0)));
}

/// a * b, each transposed if its attribute says so, times alpha.
Operand product(NodeLowering &node) {
  const Operand a = node.integer("transA", 0) != 0 ? transposed(node, 0) : node.in(0);
  const Operand b = node.integer("transB", 0) != 0 ? transposed(node, 1) : node.in(1);
  return scaled(node, node.nn.matmul(a, b), node.real("alpha", 1));
}

/// Input i, a list of one number a channel, as [C, 1, ...] so that it broadcasts to [N, C, ...].
Operand perChannel(NodeLowering &node, size_t i) {
  Shape shape(node.shape(0).size() - 1, 1);
  shape[0] = node.shape(i)[0];
  return node.nn.reshape(node.in(i), shape);
}

/// (x - mean) / sqrt(variance + epsilon) over `axes`, in the type of x.
Operand normalized(NodeLowering &node, Operand x, const std::vector<int64_t> &axes, double epsilon) {
  const Operand difference = node.binary(B::Sub, x, node.nn.reduce(R::Mean, x, axes, true));
  const Operand variance = node.nn.reduce(R::Mean, node.binary(B::Mul, difference, difference), axes, true);
  const Operand shifted = node.binary(B::Add, variance, node.scalar(epsilon, node.type(0)));
  return node.binary(B::Div, difference, node.nn.unary(U::Sqrt, shifted));
}

bool makesStatistics(const NodeLowering &node) { return node.makes(1) || node.makes(2); }

} // namespace

void matmul(NodeLowering &node) { node.set(0, node.nn.matmul(node.in(0), node.in(1))); }
void fusedMatmul(NodeLowering &node) { node.set(0, product(node)); }

void gemm(NodeLowering &node) {
  Operand result = product(node);
  if (node.has(2))
    result = node.binary(B::Add, result, scaled(node, node.in(2), node.real("beta", 1)));
  node.set(0, result);
}

void layerNormalization(NodeLowering &node) {
  const double epsilon = node.real("epsilon", 1e-5F);
  if (makesStatistics(node)) { // of the rows, in the type of the outputs
    const ElementType type = node.out(node.makes(1) ? 1 : 2).type;
    const int64_t first = node.axisFrom0(node.integer("axis", -1), node.rank(0));
    std::vector<int64_t> axes(static_cast<size_t>(std::max<int64_t>(0, node.rank(0) - first)));
    std::iota(axes.begin(), axes.end(), first);
    const Operand x = node.cast(node.in(0), node.type(0), type);
    const Operand mean = node.nn.reduce(R::Mean, x, axes, true);
    const Operand difference = node.binary(B::Sub, x, mean);
    const Operand variance = node.nn.reduce(R::Mean, node.binary(B::Mul, difference, difference), axes, true);
    const Operand deviation = node.nn.unary(U::Sqrt, node.binary(B::Add, variance, node.scalar(epsilon, type)));
    if (node.makes(1))
      node.set(1, mean);
    if (node.makes(2))
      node.set(2, node.nn.unary(U::Reciprocal, deviation));
  }
  node.set(0, node.nn.layerNormalization(node.in(0), node.in(1), node.inOrNone(2),
                                         node.axisFrom0(node.integer("axis", -1), node.rank(0)), epsilon));
}

void rmsNormalization(NodeLowering &node) { // SimplifiedLayerNormalization, too
  if (makesStatistics(node))
    return node.unsupported("output 1, the statistics");
  if (node.type(0) != node.type(1))
    return node.unsupported("input and scale of different types");
  node.set(0, node.nn.rmsNormalization(node.in(0), node.in(1), node.axisFrom0(node.integer("axis", -1), node.rank(0)),
                                       node.real("epsilon", 1e-5F)));
}

/// input + skip + bias, of which input `bias` may be absent; output 3, too.
static Operand skipSum(NodeLowering &node, size_t bias) {
  Operand sum = node.binary(B::Add, node.in(0), node.in(1));
  if (node.has(bias))
    sum = node.binary(B::Add, sum, node.in(bias));
  if (node.makes(3))
    node.set(3, sum);
  return sum;
}

void skipRmsNormalization(NodeLowering &node) { // input, skip, gamma, bias
  if (makesStatistics(node))
    return node.unsupported("outputs 1 and 2, the statistics");
  const Operand sum = skipSum(node, 3);
  node.set(0, node.nn.rmsNormalization(sum, node.in(2), node.rank(0) - 1, node.real("epsilon", 1e-12F)));
}

void skipLayerNormalization(NodeLowering &node) { // input, skip, gamma, beta, bias
  if (makesStatistics(node))
    return node.unsupported("outputs 1 and 2, the statistics");
  const Operand sum = skipSum(node, 4);
  node.set(
      0, node.nn.layerNormalization(sum, node.in(2), node.inOrNone(3), node.rank(0) - 1, node.real("epsilon", 1e-12F)));
}

void batchNormalization(NodeLowering &node) { // X, scale, bias, mean, variance
  if (node.integer("training_mode", 0) != 0 || makesStatistics(node))
    return node.unsupported("training");
  if (node.type(0) != node.type(3) || node.type(0) != node.type(1) || node.rank(0) < 2)
    return node.unsupported("parameters of another type than the input");
  const Operand shifted =
      node.binary(B::Add, perChannel(node, 4), node.scalar(node.real("epsilon", 1e-5F), node.type(0)));
  const Operand centred = node.binary(B::Sub, node.in(0), perChannel(node, 3));
  const Operand norm = node.binary(B::Div, centred, node.nn.unary(U::Sqrt, shifted));
  node.set(0, node.binary(B::Add, node.binary(B::Mul, norm, perChannel(node, 1)), perChannel(node, 2)));
}

void instanceNormalization(NodeLowering &node) {
  std::vector<int64_t> axes(node.shape(0).size() - 2);
  std::iota(axes.begin(), axes.end(), 2);
  const Operand norm = normalized(node, node.in(0), axes, node.real("epsilon", 1e-5F));
  node.set(0, node.binary(B::Add, node.binary(B::Mul, norm, perChannel(node, 1)), perChannel(node, 2)));
}

void groupNormalization(NodeLowering &node) {
  const int64_t groups = node.integer("num_groups", 1);
  const Shape &x = node.shape(0);
  const Extent size = groups > 0 ? x[1].dividedBy(groups) : Extent::unknown();
  if (!size.isKnown())
    return node.unsupported("channels that do not divide into num_groups");
  Shape grouped = {x[0], groups, size};
  grouped.insert(grouped.end(), x.begin() + 2, x.end());
  std::vector<int64_t> axes(grouped.size() - 2);
  std::iota(axes.begin(), axes.end(), 2);
  Operand norm = normalized(node, node.nn.reshape(node.in(0), grouped), axes, node.real("epsilon", 1e-5F));
  if (node.node.version->since >= 21) { // scale and bias are by channel, before by group
    norm = node.nn.reshape(norm, x);
    return node.set(0, node.binary(B::Add, node.binary(B::Mul, norm, perChannel(node, 1)), perChannel(node, 2)));
  }
  Shape line(grouped.size() - 1, 1);
  line[0] = groups;
  norm = node.binary(B::Mul, norm, node.nn.reshape(node.in(1), line));
  node.set(0, node.nn.reshape(node.binary(B::Add, norm, node.nn.reshape(node.in(2), line)), x));
}

void meanVarianceNormalization(NodeLowering &node) {
  std::vector<int64_t> axes = node.integers("axes").value_or(std::vector<int64_t>{0, 2, 3});
  const Operand x = node.in(0), mean = node.nn.reduce(R::Mean, x, axes, true);
  const Operand squares = node.nn.reduce(R::Mean, node.binary(B::Mul, x, x), axes, true);
  const Operand deviation = node.nn.unary(U::Sqrt, node.binary(B::Sub, squares, node.binary(B::Mul, mean, mean)));
  node.set(0, node.binary(B::Div, node.binary(B::Sub, x, mean),
                          node.binary(B::Add, deviation, node.scalar(1e-9, node.type(0)))));
}

void dequantizeLinear(NodeLowering &node) { // (x - zero point) * scale
  const Shape &x = node.shape(0), &scale = node.shape(1);
  const int64_t block = node.integer("block_size", 0);
  const bool single = block == 0 && (scale.empty() || (scale.size() == 1 && scale[0].is(1)));
  const auto axis = static_cast<size_t>(node.axisFrom0(node.integer("axis", 1), node.rank(0)));
  const auto spread = [&](size_t i) { // to a shape that broadcasts to x
    Operand operand = node.in(i);
    if (node.shape(i).empty())
      return operand;
    if (single)
      return node.nn.reshape(operand, {});
    if (block == 0) {
      Shape line(x.size(), 1);
      line[axis] = x[axis];
      return node.nn.reshape(operand, line);
    }
    Shape apart = scale, repeated = scale, whole = scale;
    apart.insert(apart.begin() + static_cast<ptrdiff_t>(axis) + 1, 1);
    repeated.insert(repeated.begin() + static_cast<ptrdiff_t>(axis) + 1, block);
    whole[axis] = scale[axis] * block;
    operand = node.nn.reshape(node.nn.expand(node.nn.reshape(operand, apart), repeated), whole);
    return node.nn.slice(operand, std::vector<Polynomial>(x.size(), 0), x, std::vector<int64_t>(x.size(), 1));
  };
  Operand difference = node.in(0);
  if (isInteger(node.type(0))) {
    difference = node.cast(difference, node.type(0), ElementType::i32);
    if (node.has(2))
      difference = node.binary(B::Sub, difference, node.cast(spread(2), node.type(2), ElementType::i32));
    difference = node.nn.cast(difference, node.type(1));
  } else
    difference = node.cast(difference, node.type(0), node.type(1)); // the zero point is 0
  node.set(0, node.cast(node.binary(B::Mul, difference, spread(1)), node.type(1), node.out(0).type));
}

} // namespace cadenza::onnx::lower
