// All kernels of a step program.
#pragma once

#include "codegen/emitter.h"

#include "llvm/ADT/DenseMap.h"

namespace cadenza {

struct GeneratedCode {
  GeneratedSource source;
  llvm::DenseMap<mlir::Operation *, PhaseLaunch> launches; // of every phase
  std::optional<PersistentLaunch> persistent;              // if the decode entry has that schedule
};

/// Emits a kernel for each phase of the entries of `module`, as an entry's `sched.sequence` launches it, and one for
/// the `sched.grid` of the decode entry, if it has one; phases of one structure share a kernel. Every phase that cannot
/// be generated has its error, not only the first.
llvm::FailureOr<GeneratedCode> generateCode(mlir::ModuleOp module);

} // namespace cadenza
