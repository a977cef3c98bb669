// Reshapes and transposes move behind the elementwise op that reads them. See Passes.td.
#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace cadenza {
#define GEN_PASS_DEF_SINKMOVEMENT
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

bool isElementwise(Operation *op) { return isa<nn::UnaryOp, nn::BinaryOp, nn::WhereOp, nn::CastOp>(op); }
bool isMovement(Operation *op) { return isa_and_present<nn::ReshapeOp, nn::TransposeOp>(op); }

/// Whether `value` has one element, wherever that is needed.
bool isNumber(Value value) {
  auto type = cast<ShapedType>(value.getType());
  return type.hasStaticShape() && type.getNumElements() == 1;
}

/// f(movement(x), number) is movement(f(x, number)).
struct SinkMovement : RewritePattern {
  explicit SinkMovement(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const final {
    if (!isElementwise(op))
      return failure();
    Operation *movement = nullptr;
    for (Value operand : op->getOperands()) {
      if (isNumber(operand))
        continue;
      if (movement || !isMovement(operand.getDefiningOp()) || !operand.hasOneUse())
        return rewriter.notifyMatchFailure(op, "it has an operand that is neither a number nor moved for it alone");
      movement = operand.getDefiningOp();
    }
    auto result = cast<RankedTensorType>(op->getResult(0).getType());
    if (!movement || !result.hasStaticShape() ||
        cast<ShapedType>(movement->getResult(0).getType()).getShape() != result.getShape())
      return rewriter.notifyMatchFailure(op, "nothing is moved, or a number makes the rank another one");
    const Value moved = movement->getOperand(0);
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      auto type = cast<RankedTensorType>(operand.getType());
      if (operand.getDefiningOp() == movement)
        operands.push_back(moved);
      else if (type.getRank() == 0)
        operands.push_back(operand);
      else // its rank might be more than that of what it meets now
        operands.push_back(
            nn::ReshapeOp::create(rewriter, op->getLoc(), RankedTensorType::get({}, type.getElementType()), operand));
    }
    const auto type = RankedTensorType::get(cast<ShapedType>(moved.getType()).getShape(), result.getElementType());
    Operation *before = rewriter.create(op->getLoc(), op->getName().getIdentifier(), operands, type, op->getAttrs());
    OperationState state(movement->getLoc(), movement->getName(), before->getResults(), result, movement->getAttrs());
    rewriter.replaceOp(op, rewriter.create(state));
    rewriter.eraseOp(movement);
    return success();
  }
};

struct SinkMovementPass : cadenza::impl::SinkMovementBase<SinkMovementPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<SinkMovement>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
