// Divides a step over the blocks of one persistent kernel: the order of sums follows the division. See Passes.td.
#include "compiler/schedule/match.h"
#include "passes/Passes.h"
#include "runtime/shared/shares.h"

namespace cadenza {
#define GEN_PASS_DEF_SCHEDULEPERSISTENT
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// A model of one layer (one attention) has nothing to roll: what lies between its embedding and its head becomes a
/// loop that runs once.
void wrapSingleLayer(func::FuncOp function) {
  SmallVector<Operation *> phases;
  for (Operation &op : function.getBody().front().without_terminator())
    phases.push_back(&op);
  const auto attentions = llvm::count_if(phases, [](Operation *op) { return isa<step::AttendOp>(op); });
  if (attentions != 1 || !isa<step::EmbedOp>(phases.front()) || !isa<step::ProjectOp>(phases.back()))
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

/// What the kernel has no code for, wherever it stands.
LogicalResult checkPhases(func::FuncOp function) {
  const auto refuse = [](Operation *op, const Twine &what) {
    op->emitOpError() << "does not fit the persistent schedule, which " << what;
    return WalkResult::interrupt();
  };
  const WalkResult result = function.walk([&](Operation *op) {
    if (auto attend = dyn_cast<step::AttendOp>(op); attend && attend.getWindow())
      return refuse(op, "attends to all positions, not to a window of them");
    auto project = dyn_cast<step::ProjectOp>(op);
    if (project && project.getPrologueAttr() && !project.getPrologueAttr().canDeferScale())
      return refuse(op, "exchanges one sum of a norm: it has no " + project.getPrologueAttr().getFunctionName());
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

struct SchedulePersistentPass : cadenza::impl::SchedulePersistentBase<SchedulePersistentPass> {
  using SchedulePersistentBase::SchedulePersistentBase;

  void runOnOperation() final {
    bool found = false;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || (nn::isEntry(function) && !nn::isDecodeEntry(function)))
        continue;
      found = true;
      if (failed(schedule(function)))
        return signalPassFailure();
    }
    if (!found) {
      getOperation().emitError() << "has no decode entry, the only one that the persistent schedule can run";
      signalPassFailure();
    }
  }

private:
  LogicalResult schedule(func::FuncOp function) {
    wrapSingleLayer(function);
    if (failed(checkPhases(function)))
      return failure();
    FailureOr<PersistentPhases> phases = matchPersistent(function);
    if (failed(phases))
      return failure();
    PersistentDevice device{groups, ranks, warps, sharedBytes, clusters, traced};
    StatusOr<PersistentSchedule> schedule = planPersistent(modelOf(*phases), device);
    if (!schedule.isOk())
      return function.emitError() << schedule.status().message();
    Builder builder(&getContext());
    for (Product product : {Product::QueryKeyValue, Product::Output, Product::GateUp, Product::Down, Product::Head}) {
      step::ProjectOp project = phases->project(product);
      project->setAttr("k_ways", builder.getI64IntegerAttr(turn_steps));
      project->setAttr("k_groups", builder.getDenseI64ArrayAttr(schedule->columnGroups(product)));
    }
    phases->attend->setAttr("splits", builder.getI64IntegerAttr(device.ranks));
    phases->attend->setAttr("warps", builder.getI64IntegerAttr(device.warps));
    setPersistentDevice(function, schedule->device);
    return success();
  }
};

} // namespace
