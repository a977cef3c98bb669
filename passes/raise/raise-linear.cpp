// Products of rows with weights become nn.linear. See Passes.td.
#include "passes/Passes.h"
#include "passes/raise/match.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace cadenza {
#define GEN_PASS_DEF_RAISELINEAR
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using nn::BinaryFunction;

namespace {

/// rows * weight, stored as [inputs][outputs] or as [outputs][inputs] under a transpose.
struct RaiseMatMul : OpRewritePattern<nn::MatMulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::MatMulOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType input = raise::activationType(op.getLhs()), result = raise::activationType(op);
    if (!input || !result || input.getRank() != result.getRank() || op.getRhs().getType().getRank() != 2)
      return rewriter.notifyMatchFailure(op, "it is no product of rows with one matrix");
    const std::optional<raise::MatchedWeight> matched = raise::matchWeight(op.getRhs());
    if (!matched)
      return rewriter.notifyMatchFailure(op, "the matrix is no weight");
    nn::WeightOp weight = matched->transposed ? matched->weight : raise::transposedWeight(matched->weight, rewriter);
    if (!weight)
      return rewriter.notifyMatchFailure(op, "there is no view of the transposed weight");
    rewriter.replaceOpWithNewOp<nn::LinearOp>(op, result, op.getLhs(), FlatSymbolRefAttr::get(weight),
                                              FlatSymbolRefAttr());
    return success();
  }
};

/// The addition of a vector to a product's result, on either side.
struct AddBias : OpRewritePattern<nn::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::BinaryOp op, PatternRewriter &rewriter) const final {
    for (auto [left, right] : raise::bothOrders(op, BinaryFunction::Add)) {
      auto linear = left.getDefiningOp<nn::LinearOp>();
      if (!linear || linear.getBias() || !linear->hasOneUse() || op.getType() != linear.getType())
        continue;
      nn::WeightOp bias = raise::vectorWeight(right, nn::rowElements(linear), rewriter);
      if (!bias)
        return rewriter.notifyMatchFailure(op, "what is added to a product is no weight");
      rewriter.replaceOpWithNewOp<nn::LinearOp>(op, linear.getType(), linear.getInput(), linear.getWeightAttr(),
                                                FlatSymbolRefAttr::get(bias));
      return success();
    }
    return rewriter.notifyMatchFailure(op, "it adds nothing to a product without a bias");
  }
};

struct RaiseLinearPass : cadenza::impl::RaiseLinearBase<RaiseLinearPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseMatMul, AddBias>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
