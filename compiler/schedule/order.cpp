#include "compiler/schedule/order.h"

#include "runtime/shared/shares.h"

using namespace mlir;

namespace cadenza {

SumOrder orderOf(Operation *phase) {
  SumOrder order;
  if (auto project = dyn_cast<step::ProjectOp>(phase)) {
    order.kGroups.assign(project.getKGroups().begin(), project.getKGroups().end());
    order.kWays = static_cast<int64_t>(project.getKWays());
    order.normChunk = static_cast<int64_t>(project.getNormChunk());
  } else if (auto map = dyn_cast<step::MapOp>(phase)) {
    order.normChunk = static_cast<int64_t>(map.getNormChunk());
  } else if (auto attend = dyn_cast<step::AttendOp>(phase)) {
    order.splits = static_cast<int64_t>(attend.getSplits());
    order.warps = static_cast<int64_t>(attend.getWarps());
  }
  return order;
}

SumOrder orderOf(Operation *phase, sched::GridOp grid) {
  SumOrder order = orderOf(phase);
  grid.walk([&](sched::ComputeOp compute) {
    if (compute.getPhase() != sched::phaseName(phase))
      return;
    if (compute.getSplit() == sched::Split::context) {
      auto queryGroups = *cast<sched::PartOp>(compute->getParentOp()).getComputations().front().getOf();
      auto attend = cast<step::AttendOp>(phase);
      SymbolTableCollection symbols;
      const auto headDim = step::SymbolLookup(attend, symbols).cache(attend.getCacheAttr()).getHeadDim();
      const int heads = static_cast<int>(attend.getHeads() / queryGroups);
      order.splits = static_cast<int64_t>(grid.getRanks());
      order.warps =
          static_cast<int64_t>(grid.getWarps()) / attend_sets(heads) / attend_slices(static_cast<int>(headDim));
      return;
    }
    order.kGroups = {0};
    if (compute.getSplit() == sched::Split::columns)
      order.kGroups.assign(compute.getStarts()->begin(), compute.getStarts()->end());
    order.kWays = turn_steps;
    if (auto hop = compute.getInput().getDefiningOp<sched::HopOp>(); hop && hop.getChunk())
      order.normChunk = static_cast<int64_t>(*hop.getChunk());
  });
  grid.walk([&](sched::CollectOp collect) {
    if (collect.getNorm() == sched::phaseName(phase))
      order.normChunk = static_cast<int64_t>(*collect.getChunk());
  });
  return order;
}

void setOrder(Operation *phase, const SumOrder &order) {
  if (auto project = dyn_cast<step::ProjectOp>(phase)) {
    project.setKGroups(order.kGroups);
    project.setKWays(order.kWays);
    project.setNormChunk(order.normChunk);
  } else if (auto map = dyn_cast<step::MapOp>(phase)) {
    map.setNormChunk(order.normChunk);
  } else if (auto attend = dyn_cast<step::AttendOp>(phase)) {
    attend.setSplits(order.splits);
    attend.setWarps(order.warps);
  }
}

} // namespace cadenza
