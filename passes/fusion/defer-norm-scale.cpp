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
    step::FunctionAttrInterface norm = project.getPrologueAttr();
    if (!norm || !norm.canDeferScale())
      return rewriter.notifyMatchFailure(project, "it has no prologue whose reduction is one factor");
    if (norm.defersScale())
      return rewriter.notifyMatchFailure(project, "its scale is deferred already");
    SymbolTableCollection symbols;
    Type weightType = step::SymbolLookup(project, symbols).weightType(project.getMatrixSymbols()[0]).getElementType();
    if (weightType.isF16())
      return rewriter.notifyMatchFailure(project, "the unscaled activation may leave the range of f16");
    rewriter.modifyOpInPlace(project, [&] {
      project.setPrologueAttr(norm.withDeferredScale());
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
