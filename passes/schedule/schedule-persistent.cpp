// Divides a step over the blocks of one persistent kernel: the order of sums follows the division. See Passes.td.
#include "codegen/kernels/shares.cuh"
#include "compiler/schedule/match.h"
#include "passes/Passes.h"

namespace cadenza {
#define GEN_PASS_DEF_SCHEDULEPERSISTENT
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

struct SchedulePersistentPass : cadenza::impl::SchedulePersistentBase<SchedulePersistentPass> {
  using SchedulePersistentBase::SchedulePersistentBase;

  void runOnOperation() final {
    auto function = *getOperation().getOps<func::FuncOp>().begin();
    FailureOr<PersistentPhases> phases = matchPersistent(function);
    if (failed(phases))
      return signalPassFailure();
    PersistentDevice device{groups, ranks, warps, sharedBytes, clusters, traced};
    StatusOr<PersistentSchedule> schedule = planPersistent(modelOf(*phases), device);
    if (!schedule.isOk()) {
      function.emitError() << schedule.status().message();
      return signalPassFailure();
    }
    Builder builder(&getContext());
    for (Product product : {Product::QueryKeyValue, Product::Output, Product::GateUp, Product::Down, Product::Head}) {
      step::ProjectOp project = phases->project(product);
      project->setAttr("k_ways", builder.getI64IntegerAttr(turn_steps));
      project->setAttr("k_groups", builder.getDenseI64ArrayAttr(schedule->columnGroups(product)));
    }
    phases->attend->setAttr("splits", builder.getI64IntegerAttr(device.ranks));
    phases->attend->setAttr("warps", builder.getI64IntegerAttr(device.warps));
    setPersistentDevice(function, schedule->device);
  }
};

} // namespace
