// What phases name by symbols (matrices, vectors, RoPE tables, caches, scalars), as the program's lists have it.
#pragma once

#include "compiler/plan/program_builder.h"

#include <map>
#include <string>

namespace cadenza {

DType dtypeOf(mlir::Type type);

/// Finds the index of what a symbol stands for, and adds it to the program when it is named first. A `step.table`
/// stands for one thing an iteration of the layers.
class ProgramSymbols {
public:
  ProgramSymbols(mlir::ModuleOp module, BuiltProgram &built) : symbols(module), built(built), program(built.program) {}

  /// The matrices' rows one after the other, or in stripes in turn; of a body that runs `iterations` times.
  Ref matrixRef(llvm::ArrayRef<mlir::FlatSymbolRefAttr> matrices, bool interleaved, int64_t iterations);
  Ref vectorRef(mlir::FlatSymbolRefAttr symbol, bool ropeTable);
  /// The weight as it is, for the op of a fusion.
  uint32_t tensorIndex(mlir::FlatSymbolRefAttr symbol) {
    return weightIndex(weightsOf(symbol), Encoding::tensor, /*interleaved=*/false);
  }
  Ref cacheRef(mlir::FlatSymbolRefAttr symbol);
  Ref scalarRef(mlir::FlatSymbolRefAttr symbol);

  /// What `symbol` stands for: one op, or one an iteration.
  llvm::SmallVector<nn::WeightOp> weightsOf(mlir::FlatSymbolRefAttr symbol) { return resolve<nn::WeightOp>(symbol); }
  llvm::SmallVector<nn::CacheOp> cachesOf(mlir::FlatSymbolRefAttr symbol) { return resolve<nn::CacheOp>(symbol); }
  bool isCache(mlir::FlatSymbolRefAttr symbol);

private:
  template <typename OpT> llvm::SmallVector<OpT> resolve(mlir::FlatSymbolRefAttr symbol);
  bool isTable(mlir::FlatSymbolRefAttr symbol);
  uint32_t weightIndex(llvm::ArrayRef<nn::WeightOp> parts, Encoding encoding, bool interleaved);

  mlir::SymbolTable symbols;
  BuiltProgram &built;
  Program &program;
  std::map<std::string, uint32_t> weightIndices;
  llvm::DenseMap<mlir::Operation *, uint32_t> cacheIndices, scalarIndices;
};

template <typename OpT> llvm::SmallVector<OpT> ProgramSymbols::resolve(mlir::FlatSymbolRefAttr symbol) {
  mlir::Operation *op = symbols.lookup(symbol.getValue());
  llvm::SmallVector<OpT> result;
  if (auto table = mlir::dyn_cast<step::TableOp>(op)) {
    for (auto entry : table.getEntries().getAsRange<mlir::FlatSymbolRefAttr>())
      result.push_back(mlir::cast<OpT>(symbols.lookup(entry.getValue())));
  } else {
    result.push_back(mlir::cast<OpT>(op));
  }
  return result;
}

} // namespace cadenza
