// Running a function of `nn` ops on their references while somebody changes values on the way.
#pragma once

#include "compiler/ir/nn/NN.h"

namespace cadenza::nn {

/// Sees the values of an op and may change them: its operands before it runs, for it alone; its results after it.
using ValueEditor = llvm::function_ref<void(mlir::Operation *, llvm::MutableArrayRef<Vector>)>;

/// As evaluateFunction, which only looks at results.
llvm::FailureOr<llvm::SmallVector<Vector>> evaluateAndEdit(mlir::func::FuncOp function, EvaluationState &state,
                                                           llvm::ArrayRef<Vector> arguments, ValueEditor onOperands,
                                                           ValueEditor onResults);

} // namespace cadenza::nn
