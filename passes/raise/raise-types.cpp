// Activations of a decoder's step in fp32. See Passes.td.
#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"

namespace cadenza {
#define GEN_PASS_DEF_RAISETYPES
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

bool is16(Type element) { return element.isF16() || element.isBF16(); }
/// The types between which a cast drops. (One of f64 stays: fp32 does not hold what it has.)
bool isNarrow(Type element) { return is16(element) || element.isF32(); }

Type elementOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getElementType() : Type();
}

RankedTensorType asF32(Type type) { return cast<RankedTensorType>(type).clone(Float32Type::get(type.getContext())); }

/// A weight keeps its type; what reads it reads it in fp32.
void widenWeight(nn::GetWeightOp weight) {
  if (!is16(elementOf(weight)))
    return;
  OpBuilder builder(weight);
  builder.setInsertionPointAfter(weight);
  auto cast = nn::CastOp::create(builder, weight.getLoc(), asF32(weight.getType()), weight);
  weight.getResult().replaceAllUsesExcept(cast, cast);
}

void widenConstant(nn::ConstantOp constant) {
  auto value = dyn_cast<DenseFPElementsAttr>(constant.getValue());
  if (!value || !is16(value.getElementType()))
    return;
  OpBuilder builder(constant);
  const DenseElementsAttr widened = value.mapValues(builder.getF32Type(), [](const APFloat &element) {
    APFloat wide = element;
    bool losesInfo;
    wide.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
    return wide.bitcastToAPInt();
  });
  constant.replaceAllUsesWith(nn::ConstantOp::create(builder, constant.getLoc(), widened).getResult());
  constant.erase();
}

void widen(func::FuncOp function) {
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : ops) {
    if (auto weight = dyn_cast<nn::GetWeightOp>(op)) {
      widenWeight(weight);
      continue;
    }
    if (auto constant = dyn_cast<nn::ConstantOp>(op)) {
      widenConstant(constant);
      continue;
    }
    auto cast = dyn_cast<nn::CastOp>(op);
    const bool drops = cast && isNarrow(elementOf(cast.getInput())) && isNarrow(elementOf(cast));
    for (Value result : op->getResults())
      if (Type element = elementOf(result); element && is16(element))
        result.setType(asF32(result.getType()));
    if (drops && cast.getInput().getType() == cast.getType()) { // operands come first: they are in fp32 already
      cast.replaceAllUsesWith(cast.getInput());
      cast.erase();
    }
  }
  auto returned = function.getBody().front().getTerminator()->getOperandTypes();
  function.setType(FunctionType::get(function.getContext(), function.getArgumentTypes(), returned));
}

struct RaiseTypesPass : cadenza::impl::RaiseTypesBase<RaiseTypesPass> {
  void runOnOperation() final {
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (nn::isDecodeEntry(function))
        widen(function);
  }
};

} // namespace
