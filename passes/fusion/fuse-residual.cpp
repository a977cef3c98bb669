// The residual addition moves into the projection's epilogues. See Passes.td.
#include "passes/fusion/absorb.h"

#include "mlir/IR/Dominance.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSERESIDUAL
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// residual + branch and branch + residual are the same sum: where the side input is the branch, the two change places.
/// Only where the input is there before the branch's projection, so that it happens once and the fusion succeeds.
struct SwapAddends : OpRewritePattern<step::MapOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(step::MapOp map, PatternRewriter &rewriter) const final {
    if (!isResidual(map))
      return rewriter.notifyMatchFailure(map, "it is not one addition");
    Value input = map.getInputs()[0], sideInput = map.getSideInputs()[0];
    auto project = sideInput.getDefiningOp<step::ProjectOp>();
    if (!project || project->getBlock() != map->getBlock() || !sideInput.hasOneUse())
      return rewriter.notifyMatchFailure(map, "the side input is not the result of a projection for this sum only");
    if (!DominanceInfo().properlyDominates(input, project))
      return rewriter.notifyMatchFailure(map, "the input is computed after the projection");
    swapAddends(map, rewriter);
    return success();
  }
};

struct FuseResidualPass : cadenza::impl::FuseResidualBase<FuseResidualPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<SwapAddends>(&getContext());
    patterns.add<AbsorbPattern>(&getContext(), getArgument());
    if (failed(applyInProgramOrder(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
