// A step program as a kernel a phase: how each phase becomes a grid. See Passes.td.
#include "compiler/ir/sched/Sched.h"
#include "compiler/schedule/launch_geometry.h"
#include "compiler/schedule/order.h"
#include "passes/Passes.h"

#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

namespace cadenza {
#define GEN_PASS_DEF_LOWERTOLAUNCH
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// Device code counts rows, and the elements of a tile of 16 rows, in 32 bits.
constexpr int64_t mostRows = int64_t{1} << 30, mostColumns = mostRows / 16;

LogicalResult checkExtents(Operation *op, ArrayRef<int64_t> extents, int64_t most = mostRows) {
  for (int64_t extent : extents)
    if (extent <= 0 || extent > most)
      return op->emitOpError() << "has an extent of " << extent << ", which device code cannot count";
  return success();
}

/// The geometry, or its error at the phase.
template <typename Geometry> FailureOr<Geometry> orError(StatusOr<Geometry> geometry, Operation *op) {
  if (geometry.isOk())
    return *geometry;
  return op->emitOpError() << geometry.status().message();
}

/// Rows that a block must hold together for all of the functions.
int64_t commonRowGroup(ArrayRef<step::FunctionAttrInterface> functions) {
  int64_t group = 1;
  for (step::FunctionAttrInterface function : functions)
    group = std::lcm(group, std::max<int64_t>(1, function.getRowGroup()));
  return group;
}

/// Builds the launches of a function.
class SequenceBuilder {
public:
  /// In the order of sums that the phases carry, or in that of `grid`.
  explicit SequenceBuilder(func::FuncOp function, sched::GridOp grid = nullptr)
      : function(function), grid(grid), builder(OpBuilder::atBlockEnd(function->getBlock())) {}

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
    if (!isa<step::PhaseOpInterface>(op))
      return;
    LogicalResult added = llvm::TypeSwitch<Operation *, LogicalResult>(op)
                              .Case<step::ProjectOp, step::MapOp, step::AttendOp, step::EmbedOp, step::SelectOp>(
                                  [&](auto phase) { return addPhase(phase); })
                              .Default([](Operation *phase) { return phase->emitOpError() << "has no kernel"; });
    allFit &= succeeded(added);
  }

  sched::LaunchOp launch(Operation *phase, const LaunchGeometry &geometry, uint64_t scratch = 0) {
    return sched::LaunchOp::create(builder, phase->getLoc(), sched::phaseName(phase), geometry.blocks, geometry.threads,
                                   geometry.sharedBytes, geometry.minBlocks, {}, {}, {}, {}, scratch);
  }

  LogicalResult addPhase(step::ProjectOp op) {
    step::SymbolLookup lookup(op, symbols);
    const int64_t columns = nn::rowElements(op.getInput());
    SmallVector<int64_t> rows;
    Type weight;
    for (FlatSymbolRefAttr matrix : op.getMatrixSymbols()) {
      RankedTensorType type = lookup.weightType(matrix);
      rows.push_back(type.getDimSize(0));
      weight = type.getElementType();
    }
    const int64_t total = std::accumulate(rows.begin(), rows.end(), int64_t{0});
    const SumOrder sums = order(op);
    if (failed(checkExtents(op, {total, sums.kWays})) || failed(checkExtents(op, columns, mostColumns)))
      return failure();
    if (!weight.isBF16() && !weight.isF16())
      return op->emitOpError() << "has matrices of " << weight << "; kernels multiply bf16 and f16";
    SmallVector<step::FunctionAttrInterface> epilogues =
        llvm::to_vector(op.getEpilogues().getAsRange<step::FunctionAttrInterface>());
    FailureOr<ProjectGeometry> geometry = orError(
        projectGeometry(rows, op.getInterleaved(), columns, sums.kGroups, sums.kWays, commonRowGroup(epilogues)), op);
    if (failed(geometry))
      return failure();
    const bool selects = llvm::any_of(epilogues, [](auto function) { return function.selectsToken(); });
    sched::LaunchOp added = launch(op, *geometry, selects ? argmaxScratchBytes(geometry->blocks) : 0);
    added.setTilesPerBlock(geometry->tilesPerBlock);
    added.setStepsInFlight(geometry->stepsInFlight);
    return success();
  }

  LogicalResult addPhase(step::MapOp op) {
    if (op.getInputs().empty())
      return op->emitOpError() << "has no inputs, so there is nothing to launch";
    const int64_t rows = nn::rowElements(op.getInputs().front());
    for (Value input : op.getInputs())
      if (nn::rowElements(input) != rows)
        return op->emitOpError() << "has inputs of " << rows << " and " << nn::rowElements(input)
                                 << " elements; kernels take equal ones";
    if (failed(checkExtents(op, rows)))
      return failure();
    return addMap(op, mapGeometry(rows, static_cast<int64_t>(op.getInputs().size()), commonRowGroup(op.getFunctions())),
                  llvm::any_of(op.getFunctions(), [](auto function) { return function.selectsToken(); }));
  }

  LogicalResult addPhase(step::SelectOp op) {
    const int64_t rows = nn::rowElements(op.getLogits());
    if (failed(checkExtents(op, rows)))
      return failure();
    return addMap(op, mapGeometry(rows, 1, 1, /*blockRows=*/2048), /*selects=*/true);
  }

  LogicalResult addMap(Operation *op, const StatusOr<MapGeometry> &chosen, bool selects) {
    FailureOr<MapGeometry> geometry = orError(chosen, op);
    if (failed(geometry))
      return failure();
    launch(op, *geometry, selects ? argmaxScratchBytes(geometry->blocks) : 0).setBlockRows(geometry->blockRows);
    return success();
  }

  LogicalResult addPhase(step::AttendOp op) {
    nn::CacheOp cache = step::SymbolLookup(op, symbols).cache(op.getCacheAttr());
    const auto heads = static_cast<int64_t>(op.getHeads()), kvHeads = static_cast<int64_t>(cache.getKvHeads());
    const auto headDim = static_cast<int64_t>(cache.getHeadDim());
    const SumOrder sums = order(op);
    if (failed(checkExtents(op, {heads * headDim, sums.splits})))
      return failure();
    if (cache.getType().getIntOrFloatBitWidth() != 16)
      return op->emitOpError() << "reads keys and values as " << cache.getType() << "; kernels need 16 bits";
    FailureOr<AttendGeometry> geometry = orError(attendGeometry(heads, kvHeads, headDim, sums.splits, sums.warps), op);
    if (failed(geometry))
      return failure();
    launch(op, *geometry, geometry->scratchBytes).setSplitMultiple(geometry->splitMultiple);
    return success();
  }

  LogicalResult addPhase(step::EmbedOp op) {
    RankedTensorType matrix = step::SymbolLookup(op, symbols).weightType(op.getMatrixAttr());
    const int64_t columns = matrix.getDimSize(1);
    if (failed(checkExtents(op, matrix.getDimSize(0))) || failed(checkExtents(op, columns, mostColumns)))
      return failure();
    if (!matrix.getElementType().isBF16() && !matrix.getElementType().isF16())
      return op->emitOpError() << "has a table of " << matrix.getElementType() << "; kernels read bf16 and f16";
    launch(op, embedGeometry(columns));
    return success();
  }

  func::FuncOp function;
  sched::GridOp grid; // or null
  OpBuilder builder;
  SymbolTableCollection symbols;
  bool allFit = true;
};

struct LowerToLaunchPass : cadenza::impl::LowerToLaunchBase<LowerToLaunchPass> {
  void runOnOperation() final {
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (failed(lower(function)))
        signalPassFailure();
  }

private:
  static LogicalResult lower(func::FuncOp function) {
    if (failed(SequenceBuilder(function).build()))
      return failure();
    for (sched::GridOp grid : sched::gridsOf(function)) {
      const WalkResult same = function.walk([&](step::PhaseOpInterface phase) {
        return orderOf(phase) == orderOf(phase, grid) ? WalkResult::advance() : WalkResult::interrupt();
      });
      if (same.wasInterrupted() && failed(SequenceBuilder(function, grid).build()))
        return failure();
    }
    return success();
  }
};

} // namespace
