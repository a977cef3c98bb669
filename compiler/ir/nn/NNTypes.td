// Type constraints that the `nn` and `step` dialects share.
#ifndef CADENZA_NN_TYPES
#define CADENZA_NN_TYPES

include "mlir/IR/OpBase.td"

/// Activations in fp32, of any static rank. The last dimension is what ops on vectors work on, the ones before it are rows
/// that are treated alike; in a decoder there is one, the tokens (decode: 1).
def NN_Activation : Type<
    And<[F32Tensor.predicate, CPred<"::llvm::cast<::mlir::ShapedType>($_self).hasStaticShape()">,
         CPred<"::llvm::cast<::mlir::ShapedType>($_self).getRank() >= 1">]>,
    "fp32 tensor of static shape (tensor<1xNxf32>)", "::mlir::RankedTensorType">;
/// A token id or a position: one 32-bit integer. There is only one such type, so the syntax leaves it out.
def NN_Index : Type<CPred<"$_self == ::mlir::RankedTensorType::get({1}, ::mlir::IntegerType::get($_self.getContext(), 32))">,
                    "token id or position (tensor<1xi32>)", "::mlir::RankedTensorType">,
               BuildableType<"::mlir::RankedTensorType::get({1}, $_builder.getI32Type())">;

#endif
