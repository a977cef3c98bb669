// Activations of a decoder's step become one row each. See Passes.td.
#include "passes/Passes.h"
#include "passes/raise/match.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace cadenza {
#define GEN_PASS_DEF_FLATTENROWS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// `type` as one row of all of its elements.
RankedTensorType rowOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.clone(ArrayRef<int64_t>{1, tensor.getNumElements()});
}

bool isStep(Operation *op) {
  auto function = op->getParentOfType<func::FuncOp>();
  return function && nn::isDecodeEntry(function);
}

/// Makes `op` work on rows, with reshapes around it. `adapt` changes its attributes.
void flatten(Operation *op, PatternRewriter &rewriter, llvm::function_ref<void()> adapt = nullptr) {
  const auto result = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(raise::reshaped(rewriter, op->getLoc(), operand, rowOf(operand.getType())));
  rewriter.modifyOpInPlace(op, [&] {
    op->setOperands(operands);
    op->getResult(0).setType(rowOf(result));
    if (adapt)
      adapt();
  });
  rewriter.setInsertionPointAfter(op);
  auto shaped = nn::ReshapeOp::create(rewriter, op->getLoc(), result, op->getResult(0));
  rewriter.replaceAllUsesExcept(op->getResult(0), shaped, shaped);
}

bool isRow(Operation *op) { return op->getResult(0).getType() == rowOf(op->getResult(0).getType()); }

/// An op on single elements.
template <typename OpT> struct FlattenElementwise : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const final {
    if (!isStep(op) || isRow(op))
      return rewriter.notifyMatchFailure(op, "it is of no step, or works on one row");
    flatten(op, rewriter);
    return success();
  }
};

struct FlattenLinear : OpRewritePattern<nn::LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::LinearOp op, PatternRewriter &rewriter) const final {
    if (!isStep(op) || isRow(op) || nn::rowCount(op) != 1)
      return rewriter.notifyMatchFailure(op, "it is of no step, or works on one row, or on several");
    flatten(op, rewriter);
    return success();
  }
};

/// A norm of several rows, which are heads, is one of groups.
template <typename OpT> struct FlattenNorm : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const final {
    if (!isStep(op) || isRow(op))
      return rewriter.notifyMatchFailure(op, "it is of no step, or works on one row");
    const int64_t group = op.getGroup();
    const bool isOne = nn::rowCount(op) == 1;
    flatten(op, rewriter, [&] {
      if (!isOne)
        op.setGroupSize(group);
    });
    return success();
  }
};

struct FlattenRowsPass : cadenza::impl::FlattenRowsBase<FlattenRowsPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns
        .add<FlattenElementwise<nn::SiluOp>, FlattenElementwise<nn::GeluOp>, FlattenElementwise<nn::GeluTanhOp>,
             FlattenElementwise<nn::ScaleOp>, FlattenElementwise<nn::SoftcapOp>, FlattenElementwise<nn::MulOp>,
             FlattenElementwise<nn::AddOp>, FlattenLinear, FlattenNorm<nn::RMSNormOp>, FlattenNorm<nn::LayerNormOp>>(
            &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
