#include "compiler/import/onnx/lower/lower.h"

namespace cadenza::onnx::lower {

void fold(NodeLowering &node, B function) {
  Operand result = node.in(0);
  for (size_t i = 1; i < node.inputs(); ++i)
    result = node.binary(function, result, node.in(i));
  node.set(0, result);
}

void mean(NodeLowering &node) {
  Operand sum = node.in(0);
  for (size_t i = 1; i < node.inputs(); ++i)
    sum = node.binary(B::Add, sum, node.in(i));
  node.set(0, node.binary(B::Div, sum, node.scalar(static_cast<double>(node.inputs()), node.type(0))));
}

void mod(NodeLowering &node) {
  if (node.integer("fmod", 0) != 0)
    return fold(node, B::Fmod);
  if (isInteger(node.type(0)))
    return fold(node, B::Mod);
  // Of floats: the remainder with the sign of the dividend, moved by the divisor if that has another one.
  const Operand divisor = node.in(1), zero = node.scalar(0.0, node.type(0));
  const Operand remainder = node.binary(B::Fmod, node.in(0), divisor);
  const Operand signs = node.binary(B::Xor, node.binary(B::Less, remainder, zero), node.binary(B::Less, divisor, zero));
  const Operand rest = node.nn.unary(U::Not, node.binary(B::Equal, remainder, zero));
  node.set(0, node.nn.where(node.binary(B::And, signs, rest), node.binary(B::Add, remainder, divisor), remainder));
}

void power(NodeLowering &node) {
  const ElementType base = node.type(0), exponent = node.type(1);
  if (isInteger(base) && !isInteger(exponent)) { // computed in the exponent's type
    const Operand result = node.binary(B::Pow, node.nn.cast(node.in(0), exponent), node.in(1));
    return node.set(0, node.nn.cast(result, base));
  }
  node.set(0, node.binary(B::Pow, node.in(0), node.cast(node.in(1), exponent, base)));
}

void bitShift(NodeLowering &node) {
  // A distance that is negative or as large as the type leaves nothing, or the sign of what is shifted right.
  const ElementType type = node.type(0);
  const bool left = node.text("direction", "") == "LEFT";
  const double bits = elementBits(type);
  const Operand zero = node.scalar(0.0, type);
  Operand beyond = node.binary(B::GreaterOrEqual, node.in(1), node.scalar(bits, type));
  if (isSigned(type))
    beyond = node.binary(B::Or, beyond, node.binary(B::Less, node.in(1), zero));
  const Operand distance = node.nn.where(beyond, node.scalar(bits - 1, type), node.in(1));
  const Operand shifted = node.binary(left ? B::ShiftLeft : B::ShiftRight, node.in(0), distance);
  node.set(0, !left && isSigned(type) ? shifted : node.nn.where(beyond, zero, shifted));
}

void clip(NodeLowering &node) {
  const auto bound = [&](size_t i) { // a list of one is a scalar, too
    return node.rank(i) == 0 ? node.in(i) : node.nn.reshape(node.in(i), {});
  };
  Operand x = node.in(0);
  if (node.has(1))
    x = node.binary(B::Max, x, bound(1));
  if (node.has(2))
    x = node.binary(B::Min, x, bound(2));
  node.set(0, x);
}

void where(NodeLowering &node) { node.set(0, node.nn.where(node.in(0), node.in(1), node.in(2))); }

void cast(NodeLowering &node) {
  if (node.text("round_mode", "up") != "up" && node.out(0).type == ElementType::f8e8m0)
    return node.unsupported("attribute 'round_mode'");
  node.set(0, node.cast(node.in(0), node.type(0), node.out(0).type));
}

void dropout(NodeLowering &node) { // data, ratio, training_mode
  const auto training = node.numbers(2);
  if (node.has(2) && (!training || training->size() != 1 || training->front() != 0))
    return node.unsupported("training");
  node.set(0, node.in(0));
  if (node.makes(1))
    node.set(1, node.nn.expand(node.scalar(1.0, ElementType::boolean), node.out(1).shape));
}

void identity(NodeLowering &node) { node.set(0, node.in(0)); }

void isInf(NodeLowering &node) {
  const bool negative = node.integer("detect_negative", 1) != 0, positive = node.integer("detect_positive", 1) != 0;
  Operand result = node.nn.unary(U::IsInf, node.in(0));
  if (!negative || !positive) {
    const Operand zero = node.scalar(0.0, node.type(0));
    const Operand sign = node.binary(negative ? B::Less : B::Greater, node.in(0), zero);
    result = node.binary(B::And, result, negative || positive ? sign : node.scalar(0.0, ElementType::boolean));
  }
  node.set(0, result);
}

void gelu(NodeLowering &node) {
  node.set(0, node.nn.unary(node.text("approximate", "none") == "tanh" ? U::GeluTanh : U::Gelu, node.in(0)));
}

void biasGelu(NodeLowering &node) { node.set(0, node.nn.unary(U::Gelu, node.binary(B::Add, node.in(0), node.in(1)))); }

void fastGelu(NodeLowering &node) {
  const Operand x = node.has(1) ? node.binary(B::Add, node.in(0), node.in(1)) : node.in(0);
  node.set(0, node.nn.unary(U::GeluTanh, x));
}

/// x * sigmoid(alpha * x)
static Operand swishOf(NodeLowering &node, double alpha) {
  const Operand x = node.in(0);
  const Operand scaled = alpha == 1 ? x : node.binary(B::Mul, x, node.scalar(alpha, node.type(0)));
  return node.binary(B::Mul, x, node.nn.unary(U::Sigmoid, scaled));
}

void swish(NodeLowering &node) { node.set(0, swishOf(node, node.real("alpha", 1))); }
void quickGelu(NodeLowering &node) { node.set(0, swishOf(node, node.real("alpha", 1.702F))); }
void swiglu(NodeLowering &node) { node.set(0, node.binary(B::Mul, swishOf(node, node.real("alpha", 1)), node.in(1))); }

/// x where it is at least 0, else `negative`.
static void setAbove0(NodeLowering &node, Operand negative) {
  const Operand condition = node.binary(B::GreaterOrEqual, node.in(0), node.scalar(0.0, node.type(0)));
  node.set(0, node.nn.where(condition, node.in(0), negative));
}

void leakyRelu(NodeLowering &node) {
  setAbove0(node, node.binary(B::Mul, node.in(0), node.scalar(node.real("alpha", 0.01F), node.type(0))));
}

void prelu(NodeLowering &node) { setAbove0(node, node.binary(B::Mul, node.in(0), node.in(1))); }

/// factor * (e^(x / width) - 1)
static Operand exponential(NodeLowering &node, double factor, double width) {
  const ElementType type = node.type(0);
  const Operand x = width == 1 ? node.in(0) : node.binary(B::Div, node.in(0), node.scalar(width, type));
  const Operand less = node.binary(B::Sub, node.nn.unary(U::Exp, x), node.scalar(1.0, type));
  return factor == 1 ? less : node.binary(B::Mul, less, node.scalar(factor, type));
}

void elu(NodeLowering &node) { setAbove0(node, exponential(node, node.real("alpha", 1), 1)); }

void celu(NodeLowering &node) {
  const double alpha = node.real("alpha", 1);
  setAbove0(node, exponential(node, alpha, alpha));
}

void selu(NodeLowering &node) {
  const double alpha = node.real("alpha", 1.67326319217681884765625F),
               gamma = node.real("gamma", 1.05070102214813232421875F);
  const Operand zero = node.scalar(0.0, node.type(0));
  const Operand positive = node.binary(B::Mul, node.in(0), node.scalar(gamma, node.type(0)));
  node.set(0, node.nn.where(node.binary(B::GreaterOrEqual, node.in(0), zero), positive,
                            exponential(node, alpha * gamma, 1)));
}

void hardSigmoid(NodeLowering &node) {
  const ElementType type = node.type(0);
  const Operand scaled = node.binary(B::Mul, node.in(0), node.scalar(node.real("alpha", 0.2F), type));
  const Operand shifted = node.binary(B::Add, scaled, node.scalar(node.real("beta", 0.5), type));
  node.set(0, node.binary(B::Max, node.binary(B::Min, shifted, node.scalar(1.0, type)), node.scalar(0.0, type)));
}

void shrink(NodeLowering &node) {
  const ElementType type = node.type(0);
  const double bound = node.real("lambd", 0.5);
  const Operand x = node.in(0), bias = node.scalar(node.real("bias", 0), type), zero = node.scalar(0.0, type);
  const Operand above =
      node.nn.where(node.binary(B::Greater, x, node.scalar(bound, type)), node.binary(B::Sub, x, bias), zero);
  node.set(0, node.nn.where(node.binary(B::Less, x, node.scalar(-bound, type)), node.binary(B::Add, x, bias), above));
}

void thresholdedRelu(NodeLowering &node) {
  const Operand x = node.in(0);
  const Operand condition = node.binary(B::Greater, x, node.scalar(node.real("alpha", 1), node.type(0)));
  node.set(0, node.nn.where(condition, x, node.scalar(0.0, node.type(0))));
}

} // namespace cadenza::onnx::lower
