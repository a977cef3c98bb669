#include "compiler/import/onnx/ir/float_type.h"

namespace cadenza::onnx {
namespace {

/// `type` with elements of `element` in place of f32.
mlir::Type narrowed(mlir::Type type, mlir::FloatType element) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  return tensor && tensor.getElementType().isF32() ? tensor.clone(element) : type;
}

mlir::DenseElementsAttr narrowed(mlir::DenseFPElementsAttr constant, mlir::FloatType element) {
  const llvm::fltSemantics &semantics = element.getFloatSemantics();
  return constant.mapValues(element, [&](const llvm::APFloat &value) {
    llvm::APFloat rounded = value;
    bool losesInfo = false;
    rounded.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    if (rounded.isInfinity() && !value.isInfinity())
      rounded = llvm::APFloat::getLargest(semantics, value.isNegative());
    return rounded.bitcastToAPInt();
  });
}

} // namespace

void setFloatType(mlir::ModuleOp module, mlir::FloatType type) {
  module.walk([&](mlir::Operation *op) {
    if (auto weight = llvm::dyn_cast<nn::WeightOp>(op))
      weight.setType(llvm::cast<mlir::RankedTensorType>(narrowed(weight.getType(), type)));
    if (auto constant = llvm::dyn_cast<nn::ConstantOp>(op))
      if (auto floats = llvm::dyn_cast<mlir::DenseFPElementsAttr>(constant.getValue());
          floats && floats.getElementType().isF32())
        constant.setValueAttr(narrowed(floats, type));
    for (mlir::Value result : op->getResults())
      result.setType(narrowed(result.getType(), type));
    auto function = llvm::dyn_cast<mlir::func::FuncOp>(op);
    if (!function)
      return;
    const auto all = [&](llvm::ArrayRef<mlir::Type> types) {
      return llvm::map_to_vector(types, [&](mlir::Type each) { return narrowed(each, type); });
    };
    function.setFunctionType(
        mlir::FunctionType::get(module.getContext(), all(function.getArgumentTypes()), all(function.getResultTypes())));
    for (mlir::BlockArgument argument : function.getArguments())
      argument.setType(narrowed(argument.getType(), type));
  });
}

} // namespace cadenza::onnx
