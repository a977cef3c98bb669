// All kernels of a step program.
#pragma once

#include "codegen/emitter.h"

#include "llvm/ADT/DenseMap.h"

namespace cadenza {

struct GeneratedCode {
  GeneratedSource source;
  llvm::DenseMap<mlir::Operation *, PhaseLaunch> launches; // of every phase
  std::optional<PersistentLaunch> persistent;              // if the function has that schedule
};

/// Emits a kernel for each phase of `function`, as its `sched.sequence` launches it, and one for its `sched.grid`, if it
/// has one; phases of one structure share a kernel.
/// Every phase that cannot be generated has its error, not only the first.
llvm::FailureOr<GeneratedCode> generateCode(mlir::func::FuncOp function);

} // namespace cadenza
