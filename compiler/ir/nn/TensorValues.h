// Types and constants of the IR as the references of ops on tensors have them, and back.
#pragma once

#include "runtime/reference/tensor_value.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

namespace cadenza::nn {

/// The element type of that name (signless integers are signed); nothing if ops on tensors have no such elements.
std::optional<ElementType> elementTypeOf(mlir::Type type);
mlir::Type elementType(mlir::MLIRContext *context, ElementType type);

/// `type` has to be a ranked tensor of elements that elementTypeOf knows: all operands and results of ops on tensors
/// are.
TensorSpec specOf(mlir::Type type);
mlir::RankedTensorType typeOf(mlir::MLIRContext *context, const TensorSpec &spec);

/// The elements of a dense constant, whose type is as above.
TensorValue valueOf(mlir::DenseElementsAttr constant);
mlir::DenseElementsAttr constantOf(mlir::MLIRContext *context, const TensorValue &value);

} // namespace cadenza::nn
