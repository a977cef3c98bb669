// The `nn` dialect (NNDialect.td, NNOps.td) and the state that its executable reference runs on.
#pragma once

#include "runtime/reference/functions.h"
#include "runtime/reference/tensor_value.h"
#include "runtime/shared/port.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h" // custom<DynamicIndexList>

#include "llvm/ADT/StringMap.h"

#include <functional>
#include <vector>

namespace cadenza::nn {

/// The value of an activation, row-major (or of a token id or position, as one element), as the ops of a decoder take
/// it. Ops on tensors take a TensorValue.
using Vector = std::vector<float>;

/// Elements of one row of an activation: its last dimension.
inline int64_t rowElements(mlir::Type type) { return llvm::cast<mlir::RankedTensorType>(type).getShape().back(); }
/// Rows of an activation: all dimensions but the last.
inline int64_t rowCount(mlir::Type type) {
  int64_t rows = 1;
  for (int64_t extent : llvm::cast<mlir::RankedTensorType>(type).getShape().drop_back())
    rows *= extent;
  return rows;
}
inline int64_t rowCount(mlir::Value value) { return rowCount(value.getType()); }
inline int64_t rowElements(mlir::Value value) { return rowElements(value.getType()); }

/// What the reference of an op reads and writes besides its operands.
class EvaluationState {
public:
  /// Where weights come from: the fp32 values, row-major, of an nn.weight with a checkpoint source.
  using WeightReader = std::function<Vector(mlir::Operation *weight)>;

  EvaluationState(mlir::ModuleOp module, WeightReader reader) : symbols(module), reader(std::move(reader)) {}

  /// The fp32 values of the nn.weight that `reference` names, cached.
  const Vector &weight(mlir::FlatSymbolRefAttr reference);
  /// Where weights of types that fp32 does not hold come from, for `tensor`; without it, they are an error.
  using TensorReader = std::function<llvm::FailureOr<TensorValue>(mlir::Operation *weight)>;
  TensorReader tensorReader;
  /// The nn.weight that `user` names, in the type that it is stored in: a constant, of `tensorReader`, or, if that is
  /// empty and the type is f32, f16 or bf16, of the WeightReader.
  llvm::FailureOr<TensorValue> tensor(mlir::Operation *user, mlir::FlatSymbolRefAttr reference);

  /// Keys and values by position: each entry is one token's kv_heads * head_dim elements.
  struct Cache {
    std::vector<Vector> keys;
    std::vector<Vector> values;
  };
  Cache &cache(mlir::FlatSymbolRefAttr reference) { return caches[reference.getValue()]; }
  /// Tokens of the sequence that is evaluated: more than have been, where the rest is known.
  int64_t length = 0;
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

/// Runs `function`, in `nn` ops of a decoder and on tensors, on the values of its arguments; `onValue` sees the results
/// of every op of a decoder. Returns the function's results.
llvm::FailureOr<llvm::SmallVector<Vector>>
evaluateFunction(mlir::func::FuncOp function, EvaluationState &state, llvm::ArrayRef<Vector> arguments,
                 llvm::function_ref<void(mlir::Operation *, llvm::ArrayRef<Vector>)> onValue = nullptr);

/// The arguments of a decode entry for one token: by port.
llvm::SmallVector<Vector> decodeArguments(mlir::func::FuncOp function, int64_t token, int64_t position);

/// Parses one of `spellings`, as a keyword, to its place among them.
llvm::FailureOr<int64_t> parseSpelling(mlir::AsmParser &parser, llvm::ArrayRef<llvm::StringRef> spellings);

/// Parses what `name` prints of an enumeration of functions (reference/functions.h).
template <typename Function> llvm::FailureOr<Function> parseFunction(mlir::AsmParser &parser) {
  llvm::SmallVector<llvm::StringRef> spellings;
  for (std::string_view spelling : names(Function{}))
    spellings.push_back(spelling);
  const llvm::FailureOr<int64_t> value = parseSpelling(parser, spellings);
  if (llvm::failed(value))
    return llvm::failure();
  return static_cast<Function>(*value);
}

} // namespace cadenza::nn

#include "compiler/ir/nn/NNInterfaces.h.inc"

#include "compiler/ir/nn/NNDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/ir/nn/NNAttrs.h.inc"
#define GET_OP_CLASSES
#include "compiler/ir/nn/NNOps.h.inc"

//===----------------------------------------------------------------------===//
// Entries (#nn.port in NNAttrs.td)
//===----------------------------------------------------------------------===//

namespace cadenza::nn {

/// The attribute of arguments and results that holds their port.
inline constexpr llvm::StringLiteral portAttribute = "nn.port";

/// The port of an argument or of a result of `function`; null: it is no entry.
PortAttr argumentPort(mlir::func::FuncOp function, unsigned index);
PortAttr resultPort(mlir::func::FuncOp function, unsigned index);

/// Whether the arguments and results of `function` carry ports.
bool isEntry(mlir::func::FuncOp function);
/// The entries of `module`, in order.
llvm::SmallVector<mlir::func::FuncOp> entriesOf(mlir::ModuleOp module);

/// The argument of `function` whose port is of `kind`, and what it returns at that port; null if there is none. (Of
/// named tensors there may be several.)
mlir::Value argumentAt(mlir::func::FuncOp function, PortKind kind);
mlir::Value resultAt(mlir::func::FuncOp function, PortKind kind);

/// Whether `function` is the step of a decoder: an entry that processes one token.
bool isDecodeEntry(mlir::func::FuncOp function);
/// Whether `function` is a prefill of a decoder: an entry that processes several tokens of a prompt at once.
bool isPrefillEntry(mlir::func::FuncOp function);
/// The decode entry of `module`; null if it has none.
mlir::func::FuncOp decodeEntryOf(mlir::ModuleOp module);

/// The shape of the tensor at `port`, whose value has `type`, as users of the entry see it.
llvm::ArrayRef<int64_t> shapeAt(PortAttr port, mlir::Type type);

} // namespace cadenza::nn
