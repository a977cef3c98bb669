// The `nn` dialect (NNDialect.td, NNOps.td) and the state that its executable reference runs on.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "llvm/ADT/StringMap.h"

#include <functional>
#include <vector>

namespace cadenza::nn {

/// The value of an activation, row-major (or of a token id or position, as one element).
using Vector = std::vector<float>;

/// Elements of one row of an activation: its last dimension.
inline int64_t rowElements(mlir::Type type) { return llvm::cast<mlir::RankedTensorType>(type).getShape().back(); }
inline int64_t rowElements(mlir::Value value) { return rowElements(value.getType()); }

/// What the reference of an op reads and writes besides its operands.
class EvaluationState {
public:
  /// Where weights come from: the fp32 values, row-major, of an nn.weight with a checkpoint source.
  using WeightReader = std::function<Vector(mlir::Operation *weight)>;

  EvaluationState(mlir::ModuleOp module, WeightReader reader) : symbols(module), reader(std::move(reader)) {}

  /// The fp32 values of the nn.weight that `reference` names, cached.
  const Vector &weight(mlir::FlatSymbolRefAttr reference);

  /// Keys and values by position: each entry is one token's kv_heads * head_dim elements.
  struct Cache {
    std::vector<Vector> keys;
    std::vector<Vector> values;
  };
  Cache &cache(mlir::FlatSymbolRefAttr reference) { return caches[reference.getValue()]; }
  /// The value of the nn.scalar that `reference` names.
  int64_t scalar(mlir::FlatSymbolRefAttr reference);
  /// The nn.cache op that `reference` names.
  mlir::Operation *lookup(mlir::FlatSymbolRefAttr reference) { return symbols.lookup(reference.getValue()); }

private:
  mlir::SymbolTable symbols;
  WeightReader reader;
  llvm::StringMap<Vector> weights;
  llvm::StringMap<Cache> caches;
};

/// Runs `function` (@decode, in `nn` ops) for one token; `onValue` sees every op's results. Returns the function's
/// results.
llvm::FailureOr<llvm::SmallVector<Vector>>
evaluateFunction(mlir::func::FuncOp function, EvaluationState &state, int64_t token, int64_t position,
                 llvm::function_ref<void(mlir::Operation *, llvm::ArrayRef<Vector>)> onValue = nullptr);

} // namespace cadenza::nn

#include "compiler/ir/nn/NNInterfaces.h.inc"

#include "compiler/ir/nn/NNDialect.h.inc"
#define GET_OP_CLASSES
#include "compiler/ir/nn/NNOps.h.inc"
