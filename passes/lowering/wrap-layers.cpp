// Layers that are in no loop as one that runs once. See Passes.td.
#include "passes/Passes.h"

namespace cadenza {
#define GEN_PASS_DEF_WRAPLAYERS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

struct WrapLayersPass : cadenza::impl::WrapLayersBase<WrapLayersPass> {
  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>())
      roll(function);
  }

  /// Wraps what lies between the embedding and the head, if that attends and is no loop.
  static void roll(func::FuncOp function) {
    SmallVector<Operation *> phases;
    for (Operation &op : function.getBody().front().without_terminator())
      phases.push_back(&op);
    const bool attends = llvm::any_of(phases, [](Operation *op) { return isa<step::AttendOp>(op); });
    const bool loops = llvm::any_of(phases, [](Operation *op) { return isa<step::LayersOp>(op); });
    if (!attends || loops || !isa<step::EmbedOp>(phases.front()) || !isa<step::ProjectOp>(phases.back()))
      return;
    Operation *embed = phases.front(), *head = phases.back();
    phases = llvm::to_vector(ArrayRef(phases).drop_front().drop_back());
    Value before = embed->getResult(0), after = head->getOperand(0);
    if (after.getDefiningOp() != phases.back() || before.getType() != after.getType())
      return;
    OpBuilder builder(head);
    auto layers =
        step::LayersOp::create(builder, function.getLoc(), before.getType(), before, builder.getI64IntegerAttr(1));
    mlir::Block *body = builder.createBlock(&layers.getBody());
    const Value argument = body->addArgument(before.getType(), before.getLoc());
    for (Operation *phase : phases)
      phase->moveBefore(body, body->end());
    before.replaceUsesWithIf(argument, [&](OpOperand &use) { return use.getOwner()->getBlock() == body; });
    after.replaceUsesWithIf(layers.getResult(0), [&](OpOperand &use) { return use.getOwner()->getBlock() != body; });
    step::YieldOp::create(builder, function.getLoc(), after);
  }
};

} // namespace
