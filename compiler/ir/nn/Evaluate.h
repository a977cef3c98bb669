// Running `nn` ops on their references: whole functions, while somebody changes values on the way, or only what one
// value needs.
#pragma once

#include "compiler/ir/nn/NN.h"

namespace cadenza::nn {

/// Sees the values of an op of a decoder and may change them: its operands before it runs, for it alone; its results
/// after it.
using ValueEditor = llvm::function_ref<void(mlir::Operation *, llvm::MutableArrayRef<Vector>)>;

/// As evaluateFunction, which only looks at results.
llvm::FailureOr<llvm::SmallVector<Vector>> evaluateAndEdit(mlir::func::FuncOp function, EvaluationState &state,
                                                           llvm::ArrayRef<Vector> arguments, ValueEditor onOperands,
                                                           ValueEditor onResults);

/// Runs `function` on tensors: of each argument one of its type, with every extent known.
llvm::FailureOr<llvm::SmallVector<TensorValue>> evaluateTensors(mlir::func::FuncOp function, EvaluationState &state,
                                                                llvm::ArrayRef<TensorValue> arguments);

/// What is known of values that are not computed: arguments of a function, or results on which an evaluation is to
/// start.
using Bindings = llvm::ArrayRef<std::pair<mlir::Value, TensorValue>>;

/// The value of `value`, by running those ops of its block that it depends on, back to `bindings`. They have to be
/// pure, as such a slice has no program order (so no nn.attention). An argument without a binding that is needed is an
/// error.
llvm::FailureOr<TensorValue> evaluateSlice(mlir::Value value, EvaluationState &state, Bindings bindings);

/// A token's keys or values behind those that a cache holds, as imported graphs have them.
struct Appended {
  ReadCacheOp past;
  mlir::Value added;
};

/// What `op` appends: it concatenates a tensor to what is read of a cache, or writes it into that (nn.tensor_scatter),
/// which has room. In a function that has not been raised, that is all that says what a step leaves for the next one.
std::optional<Appended> appendedBy(mlir::Operation *op);

} // namespace cadenza::nn
