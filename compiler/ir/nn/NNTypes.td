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

/// A tensor of any rank, whose extents may be open (`?`: in a decoder those that grow with the sequence). Results of ops on such
/// tensors are rounded to their element type; integers without `u` are signed.
def NN_Tensor : Type<RankedTensorOf<[F16, BF16, F32, F64, I1, I8, I16, I32, I64, UI8, UI16, UI32, UI64]>.predicate,
                     "ranked tensor of f16, bf16, f32, f64, i1, i8, i16, i32, i64, ui8, ui16, ui32 or ui64",
                     "::mlir::RankedTensorType">;
/// A number that a program computes with, such as a length. There is only one such type, so the syntax may leave it out.
def NN_Number : Type<CPred<"$_self == ::mlir::RankedTensorType::get({}, ::mlir::IntegerType::get($_self.getContext(), 64))">,
                     "number (tensor<i64>)", "::mlir::RankedTensorType">,
                BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getI64Type())">;

#endif
