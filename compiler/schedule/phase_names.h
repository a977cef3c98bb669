// Names of phases: for people, for kernels, for dumps.
#pragma once

#include "compiler/ir/step/Step.h"

#include <string>
#include <vector>

namespace cadenza {

/// A name of [a-z0-9_] for each phase of `function`, unique: "embed", "layer_query_key_value", "layer_attend", "head".
/// It comes from the last parts of the roles of its matrices, else from its functions; never from a checkpoint's names.
llvm::DenseMap<mlir::Operation *, std::string> namePhases(mlir::func::FuncOp function);

/// The Hugging Face module whose output the last op fused into `op` is (its location's last name), or "".
std::string moduleName(mlir::Operation *op);

/// All names in a location, in order; of a phase's, the Hugging Face modules of the nn ops that it computes.
std::vector<std::string> fusedNames(mlir::Location location);

} // namespace cadenza
