#include "passes/raise/match.h"
#include "compiler/ir/nn/TensorValues.h"

#include "mlir/IR/Matchers.h"

#include <charconv>
#include <cmath>

using namespace mlir;
using namespace cadenza;
using namespace cadenza::nn;

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

std::optional<double> raise::constantOf(Value value) {
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<ReshapeOp, ExpandOp>(op))
    return constantOf(op->getOperand(0));
  if (auto cast = dyn_cast_or_null<CastOp>(op)) {
    const std::optional<double> number = constantOf(cast.getInput());
    const Type element = cast.getResult().getType().getElementType();
    if (!number || !(element.isF32() || element.isF64()))
      return std::nullopt;
    return element.isF32() ? static_cast<double>(static_cast<float>(*number)) : *number;
  }
  DenseElementsAttr constant;
  if (!matchPattern(value, m_Constant(&constant)) || !(constant.isSplat() || constant.getNumElements() == 1))
    return std::nullopt;
  const std::vector<double> numbers =
      reals(valueOf(constant.resizeSplat(RankedTensorType::get({}, constant.getElementType()))));
  return numbers.front();
}

bool raise::isRounded(double constant, double exact) {
  const auto nearest = static_cast<float>(exact);
  const float below = std::nextafter(nearest, -INFINITY), above = std::nextafter(nearest, INFINITY);
  if (constant >= below && constant <= above)
    return true;
  for (const llvm::fltSemantics *type : {&APFloat::IEEEhalf(), &APFloat::BFloat()}) {
    APFloat rounded(exact);
    bool losesInfo;
    rounded.convert(*type, APFloat::rmNearestTiesToEven, &losesInfo);
    if (constant == rounded.convertToDouble())
      return true;
  }
  return false;
}

double raise::shortestDecimal(double number) {
  const auto narrow = static_cast<float>(number);
  if (static_cast<double>(narrow) != number || !std::isfinite(number))
    return number;
  char text[32];
  const auto written = std::to_chars(text, text + sizeof(text), narrow);
  double shortest = number;
  std::from_chars(text, written.ptr, shortest);
  return shortest;
}

//===----------------------------------------------------------------------===//
// Elementwise ops
//===----------------------------------------------------------------------===//

UnaryOp raise::unary(Value value, UnaryFunction function) {
  auto op = value.getDefiningOp<UnaryOp>();
  return op && op.getFunction() == function ? op : UnaryOp();
}

BinaryOp raise::binary(Value value, BinaryFunction function) {
  auto op = value.getDefiningOp<BinaryOp>();
  return op && op.getFunction() == function ? op : BinaryOp();
}

std::optional<raise::WithConstant> raise::withConstant(Value value, BinaryFunction function) {
  auto op = binary(value, function);
  if (!op)
    return std::nullopt;
  if (const std::optional<double> constant = constantOf(op.getRhs()))
    return WithConstant{op.getLhs(), *constant};
  if (function != BinaryFunction::Add && function != BinaryFunction::Mul)
    return std::nullopt;
  if (const std::optional<double> constant = constantOf(op.getLhs()))
    return WithConstant{op.getRhs(), *constant};
  return std::nullopt;
}

SmallVector<std::pair<Value, Value>, 2> raise::bothOrders(Value value, BinaryFunction function) {
  auto op = binary(value, function);
  if (!op)
    return {};
  return {{op.getLhs(), op.getRhs()}, {op.getRhs(), op.getLhs()}};
}

int raise::Product::exponentOf(Value value) const {
  for (auto [factor, exponent] : factors)
    if (factor == value)
      return exponent;
  return 0;
}

namespace {

/// `budget` is of steps: products of products that are one value have more factors than a graph has ops.
void multiply(raise::Product &product, Value value, int exponent, Value leaf, int &budget) {
  const auto addFactor = [&] {
    for (auto &[factor, power] : product.factors)
      if (factor == value) {
        power += exponent;
        return;
      }
    product.factors.push_back({value, exponent});
  };
  if (value == leaf || --budget < 0 || std::abs(exponent) > 64)
    return addFactor();
  if (const std::optional<double> constant = raise::constantOf(value)) {
    product.constant *= std::pow(*constant, exponent);
    return;
  }
  if (UnaryOp reciprocal = raise::unary(value, UnaryFunction::Reciprocal))
    return multiply(product, reciprocal.getInput(), -exponent, leaf, budget);
  if (const auto power = raise::withConstant(value, BinaryFunction::Pow))
    if (power->constant == 2 || power->constant == 3 || power->constant == 4)
      return multiply(product, power->operand, exponent * static_cast<int>(power->constant), leaf, budget);
  auto op = value.getDefiningOp<BinaryOp>();
  const bool isQuotient = op && op.getFunction() == BinaryFunction::Div;
  if (!isQuotient && !(op && op.getFunction() == BinaryFunction::Mul))
    return addFactor();
  multiply(product, op.getLhs(), exponent, leaf, budget);
  multiply(product, op.getRhs(), isQuotient ? -exponent : exponent, leaf, budget);
}

} // namespace

raise::Product raise::productOf(Value value, Value leaf) {
  Product product;
  int budget = 64;
  multiply(product, value, 1, leaf, budget);
  return product;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

Value raise::withoutReshapes(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  return value;
}

RankedTensorType raise::activationType(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  const bool isActivation = type && type.getElementType().isF32() && type.hasStaticShape() && type.getRank() >= 1;
  return isActivation ? type : RankedTensorType();
}

Value raise::reshaped(OpBuilder &builder, Location location, Value value, RankedTensorType type) {
  if (value.getType() == type)
    return value;
  return ReshapeOp::create(builder, location, type, value);
}
