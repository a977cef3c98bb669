// The selection of the next token moves into the head's epilogues. See Passes.td.
#include "passes/fusion/absorb.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSEHEADSELECT
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

struct FuseHeadSelectPattern : OpRewritePattern<step::SelectOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(step::SelectOp select, PatternRewriter &rewriter) const final {
    auto project = select.getLogits().getDefiningOp<step::ProjectOp>();
    if (!project || project->getBlock() != select->getBlock())
      return rewriter.notifyMatchFailure(select, "the logits are not the result of a projection");
    if (project->getNumResults() != 1 || !select.getLogits().hasOneUse())
      return rewriter.notifyMatchFailure(select, "the logits have another use, or the projection another result");
    SmallVector<Attribute> epilogues = llvm::to_vector(project.getEpilogues().getValue());
    for (step::FunctionAttrInterface function : select.getFunctions())
      epilogues.push_back(function.withSlots(remainingSlots(project)[0]));
    rewriter.setInsertionPoint(project);
    auto fused = rebuildProject(project, epilogues, project.getSideInputs(), project.getPosition(),
                                rewriter.getFusedLoc({project.getLoc(), select.getLoc()}), rewriter);
    inheritPasses(fused, select);
    recordPass(fused, "fuse-head-select");
    rewriter.replaceOp(select, fused.getResults());
    rewriter.eraseOp(project);
    return success();
  }
};

struct FuseHeadSelectPass : cadenza::impl::FuseHeadSelectBase<FuseHeadSelectPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseHeadSelectPattern>(&getContext());
    if (failed(applyInProgramOrder(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
