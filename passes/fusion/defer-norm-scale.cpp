// 1/rms is applied after the products. See Passes.td.
#include "passes/fusion/absorb.h"

namespace cadenza {
#define GEN_PASS_DEF_DEFERNORMSCALE
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

struct DeferNormScalePattern : OpRewritePattern<step::ProjectOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(step::ProjectOp project, PatternRewriter &rewriter) const final {
    auto norm = dyn_cast_or_null<step::RMSNormAttr>(project.getPrologueAttr());
    if (!norm)
      return rewriter.notifyMatchFailure(project, "it has no norm as its prologue");
    if (norm.getDeferScale())
      return rewriter.notifyMatchFailure(project, "its scale is deferred already");
    SymbolTableCollection symbols;
    Type weightType = step::SymbolLookup(project, symbols).weightType(project.getMatrixSymbols()[0]).getElementType();
    if (weightType.isF16())
      return rewriter.notifyMatchFailure(project, "the unscaled activation may leave the range of f16");
    rewriter.modifyOpInPlace(project, [&] {
      project.setPrologueAttr(step::RMSNormAttr::get(getContext(), norm.getSegment(), norm.getWeight(), norm.getEps(),
                                                     norm.getGroupSize(), /*defer_scale=*/true));
      recordPass(project, "defer-norm-scale");
    });
    return success();
  }
};

struct DeferNormScalePass : cadenza::impl::DeferNormScaleBase<DeferNormScalePass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<DeferNormScalePattern>(&getContext());
    if (failed(applyInProgramOrder(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
