// A step program as a kernel a phase: how each phase becomes a grid. See Passes.td.
#include "compiler/ir/sched/Sched.h"
#include "compiler/schedule/fusion_geometry.h"
#include "compiler/schedule/phase_geometry.h"
#include "compiler/schedule/token_geometry.h"
#include "passes/Passes.h"

#include "llvm/ADT/TypeSwitch.h"

namespace cadenza {
#define GEN_PASS_DEF_LOWERTOLAUNCH
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// Builds the launches of a function.
class SequenceBuilder {
public:
  /// In the order of sums that the phases carry, or in that of `grid`.
  SequenceBuilder(func::FuncOp function, bool clusters, ArrayRef<StringRef> wgmmaTargets, sched::GridOp grid = nullptr)
      : function(function), clusters(clusters), wgmmaTargets(wgmmaTargets), grid(grid),
        builder(OpBuilder::atBlockEnd(function->getBlock())), onTile(nn::isPrefillEntry(function)) {}

  /// Every phase that fails has its error.
  LogicalResult build() {
    const std::string name =
        function.getSymName().str() + ".launch" + (grid ? "." + grid.getDivisionName().str() : std::string());
    auto sequence = sched::SequenceOp::create(
        builder, function.getLoc(), builder.getStringAttr(name), FlatSymbolRefAttr::get(function.getSymNameAttr()),
        builder.getStrArrayAttr({"launch", "graph"}), grid ? FlatSymbolRefAttr::get(grid.getSymNameAttr()) : nullptr);
    builder.createBlock(&sequence.getBody());
    for (Operation &op : function.getBody().front()) {
      auto layers = dyn_cast<step::LayersOp>(op);
      if (!layers) {
        add(&op);
        continue;
      }
      auto repeat = sched::RepeatOp::create(builder, layers->getLoc(), layers.getCount());
      builder.createBlock(&repeat.getBody());
      for (Operation &phase : layers.getBody().front())
        add(&phase);
      builder.setInsertionPointAfter(repeat);
    }
    return success(allFit);
  }

private:
  SumOrder order(Operation *phase) { return grid ? orderOf(phase, grid) : orderOf(phase); }

  void add(Operation *op) {
    auto phase = dyn_cast<step::PhaseOpInterface>(op);
    if (!phase)
      return;
    if (onTile || isTileOfGraph(phase)) {
      allFit &= succeeded(addOnTile(phase));
      onTile &= !isa<step::LastOp>(op);
      return;
    }
    LogicalResult added =
        llvm::TypeSwitch<Operation *, LogicalResult>(op)
            .Case<step::ProjectOp, step::MapOp, step::AttendOp, step::EmbedOp, step::SelectOp, step::FusionOp>(
                [&](auto phase) { return addPhase(phase); })
            .Default([](Operation *phase) { return phase->emitOpError() << "has no kernel"; });
    allFit &= succeeded(added);
  }

  sched::LaunchOp launch(Operation *phase, const LaunchGeometry &geometry, uint64_t scratch = 0) {
    return sched::LaunchOp::create(builder, phase->getLoc(), sched::phaseName(phase), geometry.blocks, geometry.threads,
                                   geometry.sharedBytes, geometry.minBlocks, geometry.cluster, {}, {}, {}, {}, {}, {},
                                   {}, {}, {}, {}, {}, {}, scratch);
  }

  LogicalResult addPhase(step::ProjectOp op) {
    FailureOr<ProjectGeometry> geometry = geometryOf(op, order(op));
    if (failed(geometry))
      return failure();
    const bool selects = llvm::any_of(op.getEpilogues().getAsRange<step::FunctionAttrInterface>(),
                                      [](auto function) { return function.selectsToken(); });
    sched::LaunchOp added = launch(op, *geometry, selects ? argmaxScratchBytes(geometry->blocks) : 0);
    added.setTilesPerBlock(geometry->tilesPerBlock);
    added.setStepsInFlight(geometry->stepsInFlight);
    return success();
  }

  LogicalResult addPhase(step::MapOp op) {
    return addMap(op, geometryOf(op),
                  llvm::any_of(op.getFunctions(), [](auto function) { return function.selectsToken(); }));
  }

  LogicalResult addPhase(step::SelectOp op) { return addMap(op, geometryOf(op), /*selects=*/true); }

  LogicalResult addMap(Operation *op, const FailureOr<MapGeometry> &geometry, bool selects) {
    if (failed(geometry))
      return failure();
    launch(op, *geometry, selects ? argmaxScratchBytes(geometry->blocks) : 0).setBlockRows(geometry->blockRows);
    return success();
  }

  LogicalResult addPhase(step::AttendOp op) {
    FailureOr<AttendGeometry> geometry = geometryOf(op, order(op));
    if (failed(geometry))
      return failure();
    sched::LaunchOp added = launch(op, *geometry, geometry->scratchBytes);
    added.setSplitMultiple(geometry->splitMultiple);
    if (geometry->subgroups > 1)
      added.setSubgroups(geometry->subgroups);
    return success();
  }

  LogicalResult addPhase(step::EmbedOp op) {
    FailureOr<LaunchGeometry> geometry = geometryOf(op);
    if (failed(geometry))
      return failure();
    launch(op, *geometry);
    return success();
  }

  /// A phase that works on a tile of tokens.
  LogicalResult addOnTile(step::PhaseOpInterface phase) {
    FailureOr<TokenGeometry> geometry = tokenGeometryOf(phase);
    if (failed(geometry))
      return failure();
    sched::LaunchOp added = launch(phase, *geometry);
    added.setTokens(nn::rowCount(isa<step::EmbedOp>(phase) ? phase->getResult(0) : phase->getOperand(0)));
    if (!geometry->tiles.empty())
      added.setTiles(geometry->tiles);
    if (geometry->blockRows > 0)
      added.setBlockRows(geometry->blockRows);
    if (!geometry->wgmma.empty() && !wgmmaTargets.empty()) {
      added.setWgmma(geometry->wgmma);
      added.setWgmmaTargetsAttr(builder.getStrArrayAttr(wgmmaTargets));
    }
    if (const auto &prepare = geometry->prepare)
      added.setPrepare(ArrayRef<int64_t>{prepare->blocks, prepare->threads, prepare->sharedBytes});
    return success();
  }

  LogicalResult addPhase(step::FusionOp op) {
    FailureOr<FusionGeometry> geometry = geometryOf(op, clusters);
    if (failed(geometry))
      return failure();
    sched::LaunchOp added = launch(op, *geometry);
    added.setPack(geometry->pack);
    if (geometry->lanes > 0)
      added.setLanes(geometry->lanes);
    return success();
  }

  func::FuncOp function;
  bool clusters;
  ArrayRef<StringRef> wgmmaTargets;
  sched::GridOp grid; // or null
  OpBuilder builder;
  bool onTile; // whether the phases that come are of a tile: in a prefill, up to the last one
  bool allFit = true;
};

struct LowerToLaunchPass : cadenza::impl::LowerToLaunchBase<LowerToLaunchPass> {
  using LowerToLaunchBase::LowerToLaunchBase;

  void runOnOperation() final {
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (failed(lower(function)))
        signalPassFailure();
  }

private:
  LogicalResult lower(func::FuncOp function) {
    const SmallVector<StringRef> targets(wgmma.begin(), wgmma.end());
    if (failed(SequenceBuilder(function, clusters, targets).build()))
      return failure();
    for (sched::GridOp grid : sched::gridsOf(function)) {
      const WalkResult same = function.walk([&](step::PhaseOpInterface phase) {
        return orderOf(phase) == orderOf(phase, grid) ? WalkResult::advance() : WalkResult::interrupt();
      });
      if (same.wasInterrupted() && failed(SequenceBuilder(function, clusters, targets, grid).build()))
        return failure();
    }
    return success();
  }
};

} // namespace
