// A step program as one persistent kernel: groups of ranks, streams, hops, exchanges. See Passes.td.
#include "compiler/ir/sched/Sched.h"
#include "compiler/schedule/layer.h"
#include "compiler/schedule/phase_geometry.h"
#include "passes/Passes.h"
#include "runtime/shared/shares.h"

#include "llvm/ADT/TypeSwitch.h"

namespace cadenza {
#define GEN_PASS_DEF_LOWERTOPERSISTENT
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// Builds the grid of a decoder, op by op as a block runs it.
class GridBuilder {
public:
  GridBuilder(func::FuncOp function, const DecoderPhases &phases, const LayerShape &shape,
              const LayerDivision &division, const PersistentDevice &device)
      : function(function), phases(phases), shape(shape), division(division), device(device),
        builder(OpBuilder::atBlockEnd(function->getBlock())) {}

  /// `continues`: the grid whose division this one is for long contexts, or null.
  sched::GridOp build(StringRef name, ArrayAttr targets, sched::GridOp continues = nullptr) {
    const auto parts = static_cast<int64_t>(phases.parts.size());
    auto grid = sched::GridOp::create(
        builder, function.getLoc(), name, function.getSymName(), targets, division.groups, device.ranks, device.warps,
        device.sharedBytes, division.stages, division.stageBytes, encodingName(shape.encoding), device.clusters,
        static_cast<int64_t>(packetBytes(shape, division, device, parts)),
        ArrayRef<int64_t>{division.inFlight.kvGroupAhead, division.inFlight.othersAhead}, division.memoryBound,
        device.traced, continues ? FlatSymbolRefAttr::get(continues.getSymNameAttr()) : nullptr);
    builder.createBlock(&grid.getBody());
    sched::EmbedOp::create(builder, phases.embed->getLoc(), sched::phaseName(phases.embed));
    auto layers = sched::LayersOp::create(builder, phases.layers->getLoc(), phases.layers.getCount());
    builder.createBlock(&layers.getBody());
    // What parallel parts add to the residual stream is collected after the last one of them.
    SmallVector<std::pair<LayerPart, sched::PartOp>> open;
    for (auto [i, part] : llvm::enumerate(phases.parts)) {
      open.emplace_back(part, addPart(part));
      if (i + 1 < phases.parts.size() && phases.parts[i + 1].parallel)
        continue;
      for (auto &[published, op] : open)
        addCollection(published, op);
      open.clear();
    }
    builder.setInsertionPointAfter(layers);
    Value x = hopResidual(phases.head);
    stream(sched::Source::weights, phases.head, division.inFlight.head);
    Value logits = compute(phases.head, x, sched::Split::blocks, extents(phases.head));
    sched::SelectOp::create(builder, phases.head->getLoc(), logits);
    return grid;
  }

private:
  struct Extents {
    std::optional<int64_t> rows, columns;
  };

  IntegerAttr integer(std::optional<int64_t> value) {
    return value ? builder.getI64IntegerAttr(*value) : IntegerAttr();
  }
  Type vector() { return builder.getType<sched::VectorType>(); }

  Extents extents(step::ProjectOp project) {
    step::SymbolLookup lookup(project, symbols);
    Extents extents{0, nn::rowElements(project.getInput())};
    for (FlatSymbolRefAttr matrix : project.getMatrixSymbols())
      *extents.rows += lookup.weightType(matrix).getDimSize(0);
    return extents;
  }

  sched::PartOp addPart(const LayerPart &part) {
    step::ProjectOp rows = part.rows, columns = part.columns;
    step::AttendOp attend = part.attend;
    const std::vector<int64_t> &starts = attend ? division.headStarts : division.unitStarts;
    auto op = sched::PartOp::create(builder, rows->getLoc(), vector(), static_cast<int64_t>(starts.size()));
    builder.createBlock(&op.getBody());
    const InFlight &inFlight = division.inFlight;
    const int64_t bytes = attend ? inFlight.attention : inFlight.kvGroup;
    std::optional<int64_t> others;
    if (!attend)
      others = inFlight.others;
    Value value = hopResidual(rows);
    stream(sched::Source::weights, rows, bytes, others);
    if (attend) {
      value = compute(rows, value, sched::Split::query_groups, extents(rows), shape.queryGroups(), starts);
      if (shape.subgroups > 1)
        value.getDefiningOp<sched::ComputeOp>().setEach(shape.headRows());
      value = finish(part, hop(sched::Hop::rows, rows, value));
      stream(sched::Source::context, attend, bytes, std::nullopt, inFlight.context);
      value = compute(attend, value, sched::Split::context, {});
      if (division.shareFrom > 0) {
        value.getDefiningOp<sched::ComputeOp>().setSharing(shape.subgroups);
        value.getDefiningOp<sched::ComputeOp>().setFrom(division.shareFrom);
      }
      value = hop(sched::Hop::parts, attend, value);
    } else {
      value = compute(rows, value, sched::Split::units, extents(rows), shape.units, starts);
      value = hop(sched::Hop::units, rows, value);
    }
    stream(sched::Source::weights, columns, bytes, others);
    value = compute(columns, value, sched::Split::columns, extents(columns), std::nullopt, columnStarts(part));
    sched::PublishOp::create(builder, columns->getLoc(), value);
    builder.setInsertionPointAfter(op);
    return op;
  }
  /// What maps make of the rows of query, key and value.
  Value finish(const LayerPart &part, Value rows) {
    SmallVector<StringRef> names;
    SmallVector<int64_t> norms;
    for (const RowMap &map : part.maps) {
      names.push_back(sched::phaseName(map.map));
      for (const RowFunction &function : map.functions)
        if (function.allRows > 0)
          norms.push_back(function.function.getSlots().front());
    }
    if (names.empty())
      return rows;
    step::MapOp first = part.maps.front().map;
    return sched::FinishOp::create(builder, first->getLoc(), vector(), builder.getStrArrayAttr(names), rows, norms,
                                   norms.empty() ? IntegerAttr() : integer(headNormChunk(shape.headDim)),
                                   shape.subgroups);
  }
  void addCollection(const LayerPart &part, sched::PartOp op) {
    step::MapOp norm = part.norm;
    step::ProjectOp columns = part.columns;
    sched::CollectOp::create(builder, norm ? norm->getLoc() : columns->getLoc(), op.getSums(),
                             norm ? builder.getStringAttr(sched::phaseName(norm)) : StringAttr(),
                             norm ? integer(normChunk(shape.hidden, device.ranks)) : IntegerAttr());
  }

  /// Where the columns of each group start, in steps: those of its query groups, or of its units.
  std::vector<int64_t> columnStarts(const LayerPart &part) const {
    if (!part.attend)
      return division.unitStarts;
    std::vector<int64_t> starts = division.headStarts;
    for (int64_t &start : starts)
      start *= shape.queryRows() / step_columns;
    return starts;
  }

  /// The residual stream as `reader` sees it, after the sums of squares if its norm is not deferred.
  Value hopResidual(step::ProjectOp reader) {
    step::FunctionAttrInterface norm = reader.getPrologueAttr();
    const IntegerAttr chunk = norm ? integer(normChunk(shape.hidden, device.ranks)) : IntegerAttr();
    Value squares;
    if (norm && !norm.defersScale())
      squares = sched::HopOp::create(builder, reader->getLoc(), vector(), sched::Hop::squares, Value(), chunk);
    return sched::HopOp::create(builder, reader->getLoc(), vector(), sched::Hop::residual, squares, chunk);
  }
  Value hop(sched::Hop kind, Operation *phase, Value value) {
    return sched::HopOp::create(builder, phase->getLoc(), vector(), kind, value, IntegerAttr());
  }
  void stream(sched::Source source, Operation *phase, int64_t inFlight, std::optional<int64_t> others = std::nullopt,
              std::optional<int64_t> longContext = std::nullopt) {
    sched::StreamOp::create(builder, phase->getLoc(), source, sched::phaseName(phase), inFlight, integer(others),
                            integer(longContext));
  }
  Value compute(Operation *phase, Value input, sched::Split split, Extents extents,
                std::optional<int64_t> of = std::nullopt, ArrayRef<int64_t> starts = {}) {
    return sched::ComputeOp::create(builder, phase->getLoc(), vector(), sched::phaseName(phase), input, split,
                                    integer(extents.rows), integer(extents.columns), integer(of),
                                    /*each=*/IntegerAttr(),
                                    starts.empty() ? DenseI64ArrayAttr() : builder.getDenseI64ArrayAttr(starts),
                                    /*sharing=*/IntegerAttr(), /*from=*/IntegerAttr());
  }

  func::FuncOp function;
  DecoderPhases phases;
  const LayerShape &shape;
  const LayerDivision &division;
  const PersistentDevice &device;
  OpBuilder builder;
  SymbolTableCollection symbols;
};

struct LowerToPersistentPass : cadenza::impl::LowerToPersistentBase<LowerToPersistentPass> {
  using LowerToPersistentBase::LowerToPersistentBase;

  void runOnOperation() final {
    // What does not fit is said as a remark, if the schedule is only one that would be good to have.
    std::optional<std::pair<Location, std::string>> reason;
    {
      std::optional<ScopedDiagnosticHandler> remarks;
      if (optional)
        remarks.emplace(&getContext(), [&](Diagnostic &diagnostic) {
          if (!reason)
            reason.emplace(diagnostic.getLocation(), diagnostic.str());
          return success();
        });
      if (succeeded(lowerSteps()))
        return;
    }
    if (!optional)
      return signalPassFailure();
    InFlightDiagnostic remark = emitRemark(reason->first) << reason->second;
    remark.attachNote() << llvm::join(targets, ",");
    remark.attachNote() << Twine(groups.getValue()) + "x" + Twine(ranks.getValue());
  }

private:
  LogicalResult lowerSteps() {
    const auto isStep = [](func::FuncOp function) { return !nn::isEntry(function) || nn::isDecodeEntry(function); };
    SmallVector<func::FuncOp> steps =
        llvm::to_vector(llvm::make_filter_range(getOperation().getOps<func::FuncOp>(), isStep));
    if (steps.empty())
      return getOperation().emitError() << "has no decode entry, the only one that the persistent schedule can run";
    for (func::FuncOp step : steps) // grids are added to the module meanwhile
      if (failed(lower(step)))
        return failure();
    return success();
  }

  LogicalResult lower(func::FuncOp function) {
    FailureOr<DecoderPhases> phases = readDecoder(function);
    if (failed(phases))
      return failure();
    FailureOr<LayerShape> shape = shapeOf(*phases);
    if (failed(shape))
      return failure();
    shape->tableWords = tableWords(*phases, ranks);
    const PersistentDevice device = chooseClusters(
        *shape, {groups, ranks, warps, sharedBytes, clusters, traced, {}, subgroups, shareFrom, groupsWithoutClusters});
    shape->longest = longestContext(*phases, context);
    StatusOr<LayerDivision> division = divide(*shape, device);
    const auto refuse = [&](const Status &status) -> LogicalResult {
      return optional ? emitError(UnknownLoc::get(&getContext())) << "it " << status.message()
                      : function.emitError() << "the persistent schedule " << status.message()
                                             << "; --schedule=launch has no such limit";
    };
    if (!division.isOk())
      return refuse(division.status());
    shape->subgroups = division->subgroups;
    const StatusOr<std::optional<LayerDivision>> shared = shareContext(*shape, *division, device);
    if (!shared.isOk())
      return refuse(shared.status());
    Builder builder(&getContext());
    SmallVector<StringRef> names(targets.begin(), targets.end());

    // Devices for which there are not units enough may share a division.
    SmallVector<sched::GridOp> others = sched::gridsOf(function);
    std::string name = (function.getSymName() + "." + Twine(division->groups) + "x" + Twine(device.ranks)).str();
    for (sched::GridOp other : others) {
      if (static_cast<int64_t>(other.getGroups()) != division->groups ||
          static_cast<int64_t>(other.getRanks()) != device.ranks)
        continue;
      if (static_cast<int64_t>(other.getWarps()) == device.warps &&
          static_cast<int64_t>(other.getShared()) == device.sharedBytes && other.getClusters() == device.clusters) {
        SmallVector<Attribute> all(other.getTargets().begin(), other.getTargets().end());
        for (StringRef target : names)
          if (Attribute attribute = builder.getStringAttr(target); !llvm::is_contained(all, attribute))
            all.push_back(attribute);
        other.setTargetsAttr(builder.getArrayAttr(all));
        if (sched::GridOp continuation = sched::continuationOf(other))
          continuation.setTargetsAttr(other.getTargetsAttr());
        return success();
      }
      if (!names.empty()) // divided alike, for other blocks
        name =
            (function.getSymName() + "." + Twine(division->groups) + "x" + Twine(device.ranks) + "-" + names[0]).str();
    }
    sched::GridOp grid =
        GridBuilder(function, *phases, *shape, *division, device).build(name, builder.getStrArrayAttr(names));
    if (failed(checkLaunches(function, grid))) {
      grid->erase();
      return failure();
    }
    if (*shared)
      GridBuilder(function, *phases, *shape, **shared, device).build(name + ".long", grid.getTargetsAttr(), grid);
    if (others.empty()) {
      function.walk([&](step::PhaseOpInterface phase) { setOrder(phase, orderOf(phase, grid)); });
      for (func::FuncOp prefill : function->getParentOfType<ModuleOp>().getOps<func::FuncOp>())
        if (nn::isPrefillEntry(prefill))
          setHeadOrder(prefill, grid);
    }
    return success();
  }

  /// The head of a prefill, what follows its step.last, has the phases of the step's, and so the kernels.
  static void setHeadOrder(func::FuncOp prefill, sched::GridOp grid) {
    bool inHead = false;
    for (Operation &op : prefill.getBody().front()) {
      if (inHead && isa<step::PhaseOpInterface>(op))
        setOrder(&op, orderOf(&op, grid));
      inHead |= isa<step::LastOp>(op);
    }
  }

  /// Whether a kernel a phase can sum in the order of the division, as the other schedules of the plan will.
  static LogicalResult checkLaunches(func::FuncOp function, sched::GridOp grid) {
    const WalkResult walked = function.walk([&](Operation *op) {
      const bool fits = llvm::TypeSwitch<Operation *, bool>(op)
                            .Case<step::ProjectOp, step::AttendOp>(
                                [&](auto phase) { return succeeded(geometryOf(phase, orderOf(phase, grid))); })
                            .Default(true);
      return fits ? WalkResult::advance() : WalkResult::interrupt();
    });
    return failure(walked.wasInterrupted());
  }
};

} // namespace
