#ifndef CADENZA_NN_INTERFACES
#define CADENZA_NN_INTERFACES

include "mlir/IR/OpBase.td"

def NN_EvaluateOpInterface : OpInterface<"EvaluateOpInterface"> {
  let cppNamespace = "::cadenza::nn";
  let description = [{
    The executable reference of an op: fp32 vectors in, fp32 vectors out, sums in double, no rounding to 16 bits anywhere.
    It is written to be read next to the formula, not to be fast.
  }];
  let methods = [
    InterfaceMethod<
      "Computes the results of this op from its operands' values; weights and caches come from `state`.",
      "::llvm::LogicalResult", "evaluate",
      (ins "::cadenza::nn::EvaluationState &":$state,
           "::llvm::ArrayRef<::cadenza::nn::Vector>":$operands,
           "::llvm::SmallVectorImpl<::cadenza::nn::Vector> &":$results)>
  ];
}

def NN_EvaluateTensorsOpInterface : OpInterface<"EvaluateTensorsOpInterface"> {
  let cppNamespace = "::cadenza::nn";
  let description = [{
    The executable reference of an op on tensors of any type and rank: runtime/reference/reference.h says how it computes.
  }];
  let methods = [
    InterfaceMethod<
      "Computes the results of this op from its operands' values, whose shapes are those of their types with every extent known.",
      "::llvm::LogicalResult", "evaluate",
      (ins "::cadenza::nn::EvaluationState &":$state,
           "::llvm::ArrayRef<::cadenza::nn::TensorValue>":$operands,
           "::llvm::SmallVectorImpl<::cadenza::nn::TensorValue> &":$results)>
  ];
}

#endif
