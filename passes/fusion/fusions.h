// What the passes that put a graph's ops together share: several step.fusion become one.
#pragma once

#include "compiler/ir/step/StridedView.h"

namespace cadenza {

/// The fusions `group`, of one block and in its order, as one fusion of `kind` at the place of the last of them, with
/// `pass` among the passes that made it. Null, and nothing is changed, if what they make together is of another kind,
/// or if something between them depends on them.
step::FusionOp fuse(llvm::ArrayRef<step::FusionOp> group, step::FusionKind kind, llvm::StringRef pass);

/// The fusion that computes `value`, if one does in the block of `user`.
step::FusionOp producerOf(mlir::Value value, mlir::Operation *user);
/// The fusion that uses `value`, if it is the only op that does.
step::FusionOp onlyUser(mlir::Value value);

/// Whether all that `fusion` does is to move elements: reshapes, transposes, slices and expansions of one value.
bool onlyMoves(step::FusionOp fusion);

/// Fuses what only moves elements into `fusion`, which takes them from where they were, as long as it stays of `kind`.
/// What others use, too, stays for them. Yields the fusion that is left.
step::FusionOp fuseViews(step::FusionOp fusion, step::FusionKind kind, llvm::StringRef pass);
/// Fuses maps that compute what `fusion` takes, and nothing else, as long as it stays of `kind`. Yields what is left.
step::FusionOp fuseProducers(step::FusionOp fusion, step::FusionKind kind, llvm::StringRef pass);
/// Fuses the only user of the only result, if `accepts` it, as long as the fusion stays of `kind`. Yields what is left.
step::FusionOp fuseUsers(step::FusionOp fusion, step::FusionKind kind, llvm::StringRef pass,
                         llvm::function_ref<bool(step::FusionOp)> accepts);

bool isMap(step::FusionOp fusion);

/// The fusions of `function`, in order: all, or those of a kind.
llvm::SmallVector<step::FusionOp> fusionsOf(mlir::func::FuncOp function);
llvm::SmallVector<step::FusionOp> fusionsOf(mlir::func::FuncOp function, step::FusionKind kind);

} // namespace cadenza
