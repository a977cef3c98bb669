// Gives every phase the name by which schedules, kernels, plans and people know it. See Passes.td.
#include "compiler/ir/sched/Sched.h"
#include "compiler/schedule/phase_names.h"
#include "passes/Passes.h"

namespace cadenza {
#define GEN_PASS_DEF_NAMEPHASES
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

struct NamePhasesPass : cadenza::impl::NamePhasesBase<NamePhasesPass> {
  void runOnOperation() final {
    Builder builder(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (auto &[phase, name] : namePhases(function))
        phase->setAttr(sched::phaseAttribute, builder.getStringAttr(name));
  }
};

} // namespace
