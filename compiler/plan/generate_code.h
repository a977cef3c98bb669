// All kernels of a step program.
#pragma once

#include "codegen/emitter.h"

#include "llvm/ADT/DenseMap.h"

namespace cadenza {

struct GeneratedCode {
  GeneratedSource source;
  llvm::DenseMap<mlir::Operation *, PhaseLaunch> launches; // of every phase
  llvm::DenseMap<mlir::Operation *, PhaseLaunch> prepares; // before that, of products of tiles that have one
  llvm::DenseMap<mlir::Operation *, PhaseLaunch> variants; // in place of that, of products that have one
  /// A division of the decode entry's persistent schedule.
  struct Divided {
    sched::GridOp grid;
    Division division;                                       // all but its orders
    llvm::DenseMap<mlir::Operation *, PhaseLaunch> launches; // of phases that it sums in another order
  };
  std::vector<Divided> divisions;
};

/// Emits a kernel for each phase of the entries of `module`, as their `sched.sequence` launches them, and, for each
/// `sched.grid` of the decode entry, one of its own and those of phases that it sums in another order; phases of one
/// structure share a kernel.
/// Every phase that cannot be generated has its error, not only the first.
llvm::FailureOr<GeneratedCode> generateCode(mlir::ModuleOp module);

} // namespace cadenza
