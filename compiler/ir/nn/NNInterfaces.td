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

#endif
