// A norm becomes the prologue of the products that read it. See Passes.td.
#include "passes/fusion/absorb.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSENORMPROJECT
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

struct FuseNormProjectPattern : OpRewritePattern<step::MapOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(step::MapOp map, PatternRewriter &rewriter) const final {
    if (map.getFunctions().size() != 1 || map.getInputs().size() != 1)
      return rewriter.notifyMatchFailure(map, "it is not one function of one vector");
    step::FunctionAttrInterface norm = map.getFunctions()[0];
    Value input = map.getInputs()[0];
    if (norm.getReduction(nn::rowElements(input)) != step::Reduction::Vector)
      return rewriter.notifyMatchFailure(map, "it does not normalise the whole vector");
    if (norm.getNumOperands() != 0 || !norm.getConsumedSlots().empty() || norm.usesPosition())
      return rewriter.notifyMatchFailure(map, "it is no function of the vector alone");
    SmallVector<Operation *> users = llvm::to_vector(map.getResult(0).getUsers());
    for (Operation *user : users) {
      auto project = dyn_cast<step::ProjectOp>(user);
      if (!project || llvm::is_contained(project.getSideInputs(), map.getResult(0)))
        return rewriter.notifyMatchFailure(map, "a reader is not a product, so the vector is needed in memory");
      if (project.getPrologueAttr())
        return rewriter.notifyMatchFailure(map, "a reader has a prologue already");
    }
    for (Operation *user : users) {
      auto project = cast<step::ProjectOp>(user);
      rewriter.modifyOpInPlace(project, [&] {
        project.getInputMutable().assign(input);
        project.setPrologueAttr(norm);
        project->setLoc(rewriter.getFusedLoc({map.getLoc(), project.getLoc()}));
        inheritPasses(project, map);
        recordPass(project, "fuse-norm-project");
      });
    }
    rewriter.eraseOp(map);
    return success();
  }
};

struct FuseNormProjectPass : cadenza::impl::FuseNormProjectBase<FuseNormProjectPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseNormProjectPattern>(&getContext());
    if (failed(applyInProgramOrder(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
