// What all fusions of functions into a projection share: moving the functions of a step.map to the end of the
// step.project that computes its inputs.
#pragma once

#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"

namespace cadenza {

/// The slots that the functions of `project` leave, in order: its vector results are these.
llvm::SmallVector<int64_t> remainingSlots(step::ProjectOp project);
llvm::SmallVector<int64_t> remainingSlots(step::MapOp map);

/// The project all inputs of `map` come from, in the same block and each used by nothing else; null and a match failure
/// otherwise.
step::ProjectOp producingProject(step::MapOp map, mlir::PatternRewriter &rewriter);

/// Whether the functions of `map` may happen where `project` is: their operands are there already, and no cache that
/// they write is used in between. Says why not.
llvm::LogicalResult checkAbsorb(step::MapOp map, step::ProjectOp project, mlir::PatternRewriter &rewriter);

/// Moves all functions of `map` to the end of `project`'s epilogues, erases the map and records `fusion` on the
/// project. Only after checkAbsorb.
void absorb(step::MapOp map, step::ProjectOp project, llvm::StringRef fusion, mlir::PatternRewriter &rewriter);

/// Absorbs maps whose functions all name `fusion` (FunctionAttrInterface::getFusion) and that `accepts`, if given, does
/// not turn down. `accepts` is asked last: what it prepares in the project is needed.
struct AbsorbPattern : mlir::OpRewritePattern<step::MapOp> {
  using Accepts = llvm::LogicalResult (*)(step::MapOp, step::ProjectOp, mlir::PatternRewriter &);
  AbsorbPattern(mlir::MLIRContext *context, llvm::StringRef fusion, Accepts accepts = nullptr)
      : OpRewritePattern(context), fusion(fusion), accepts(accepts) {}

  llvm::LogicalResult matchAndRewrite(step::MapOp map, mlir::PatternRewriter &rewriter) const override;

private:
  llvm::StringRef fusion;
  Accepts accepts;
};

/// Runs an AbsorbPattern over `module` until nothing changes.
llvm::LogicalResult runAbsorb(mlir::ModuleOp module, llvm::StringRef fusion, AbsorbPattern::Accepts accepts = nullptr);

/// Whether `map` is one addition of its side input to its only input. The two may change places: the sum is the same.
bool isResidual(step::MapOp map);
void swapAddends(step::MapOp map, mlir::PatternRewriter &rewriter);

/// Applies `patterns` until nothing changes, to earlier ops first: the order of epilogues is that of the ops that they
/// were.
llvm::LogicalResult applyInProgramOrder(mlir::ModuleOp module, mlir::RewritePatternSet patterns);

/// Adds `pass` to the list of passes that made `op` (attribute `passes`), which the generated source shows.
void recordPass(mlir::Operation *op, llvm::StringRef pass);
/// Adds the passes that made `part`, which became part of `op`.
void inheritPasses(mlir::Operation *op, mlir::Operation *part);

/// Builds a project like `project` with other functions and side inputs. Its results are what `epilogues` leave, in
/// fp32, and the token if they select one.
step::ProjectOp rebuildProject(step::ProjectOp project, llvm::ArrayRef<mlir::Attribute> epilogues,
                               mlir::ValueRange sideInputs, mlir::Value position, mlir::Location location,
                               mlir::PatternRewriter &rewriter);

} // namespace cadenza
