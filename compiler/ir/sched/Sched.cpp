// Structure and verifiers of the `sched` dialect.
#include "compiler/ir/sched/Sched.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::sched;

#include "compiler/ir/sched/SchedDialect.cpp.inc"
#include "compiler/ir/sched/SchedEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/ir/sched/SchedTypes.cpp.inc"
#define GET_OP_CLASSES
#include "compiler/ir/sched/SchedOps.cpp.inc"

void SchedDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/ir/sched/SchedTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/sched/SchedOps.cpp.inc"
      >();
}

StringRef sched::phaseName(Operation *phase) {
  auto name = phase->getAttrOfType<StringAttr>(phaseAttribute);
  return name ? name.getValue() : "";
}

/// The ops of kind `Op` next to `function` that run it.
template <typename Op> static SmallVector<Op> schedulesOf(func::FuncOp function) {
  SmallVector<Op> found;
  for (Op op : function->getBlock()->getOps<Op>())
    if (op.getEntry() == function.getSymName())
      found.push_back(op);
  return found;
}

SequenceOp sched::sequenceOf(func::FuncOp function, GridOp grid) {
  SequenceOp own;
  for (SequenceOp sequence : schedulesOf<SequenceOp>(function)) {
    if (grid && sequence.getOrder() == grid.getSymName())
      return sequence;
    if (!sequence.getOrder())
      own = sequence;
  }
  return own;
}

SmallVector<GridOp> sched::gridsOf(func::FuncOp function) {
  return llvm::filter_to_vector(schedulesOf<GridOp>(function), [](GridOp grid) { return !grid.getContinues(); });
}

GridOp sched::continuationOf(GridOp grid) {
  for (GridOp other : grid->getBlock()->getOps<GridOp>())
    if (other.getContinues() == grid.getSymName())
      return other;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Schedules and their entries
//===----------------------------------------------------------------------===//

/// Whether `schedule` places the phases of its entry, all of them, in their order.
static LogicalResult checkPhases(Operation *schedule, FlatSymbolRefAttr entry, SymbolTableCollection &symbols) {
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(schedule->getParentOp(), entry);
  if (!function)
    return schedule->emitOpError() << "runs " << entry << ", which is no function";
  SmallVector<std::pair<StringRef, Operation *>> uses;
  schedule->walk([&](Operation *op) {
    if (isa<LaunchOp, EmbedOp, ComputeOp>(op))
      uses.push_back({op->getAttrOfType<StringAttr>(phaseAttribute).getValue(), op});
    if (auto collect = dyn_cast<CollectOp>(op); collect && collect.getNorm())
      uses.push_back({*collect.getNorm(), op});
    if (auto finish = dyn_cast<FinishOp>(op))
      for (auto phase : finish.getPhases().getAsRange<StringAttr>())
        uses.push_back({phase.getValue(), op});
  });
  size_t next = 0;
  Operation *missing = nullptr;
  function.walk<WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
    if (next < uses.size() && uses[next].first == phaseName(phase)) {
      ++next;
      return WalkResult::advance();
    }
    missing = phase;
    return WalkResult::interrupt();
  });
  if (!missing && next == uses.size())
    return success();
  InFlightDiagnostic diagnostic = (next < uses.size() ? uses[next].second : schedule)->emitOpError();
  if (next == uses.size())
    diagnostic << "leaves out phase '" << phaseName(missing) << "' of " << entry;
  else
    diagnostic << "places '" << uses[next].first << "' where " << entry << " has "
               << (missing ? "'" + phaseName(missing).str() + "'" : "no more phases");
  if (missing)
    diagnostic.attachNote(missing->getLoc()) << "the phase";
  return diagnostic;
}

LogicalResult SequenceOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (FlatSymbolRefAttr order = getOrderAttr())
    if (auto grid = symbols.lookupNearestSymbolFrom<GridOp>((*this)->getParentOp(), order);
        !grid || grid.getEntry() != getEntry() || grid.getContinues())
      return emitOpError() << "has the order of " << order << ", which is no division of " << getEntryAttr();
  return checkPhases(*this, getEntryAttr(), symbols);
}
LogicalResult GridOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (FlatSymbolRefAttr continues = getContinuesAttr()) {
    auto grid = symbols.lookupNearestSymbolFrom<GridOp>((*this)->getParentOp(), continues);
    if (!grid || grid.getEntry() != getEntry() || grid.getContinues())
      return emitOpError() << "continues " << continues << ", which is no division of " << getEntryAttr();
    if (continuationOf(grid) != *this)
      return emitOpError() << "continues " << continues << ", which another grid continues";
    // Packets last from launch to launch, so kernels of one division must agree about them.
    if (grid.getGroups() != getGroups() || grid.getRanks() != getRanks() || grid.getWarps() != getWarps() ||
        grid.getClusters() != getClusters() || grid.getTraced() != getTraced() || grid.getTargets() != getTargets() ||
        grid.getPackets() > getPackets())
      return emitOpError() << "continues " << continues << ", which is divided otherwise, or has more packets";
  }
  return checkPhases(*this, getEntryAttr(), symbols);
}

static LogicalResult checkPositive(Operation *op, std::initializer_list<std::pair<StringRef, uint64_t>> values) {
  for (auto [name, value] : values)
    if (static_cast<int64_t>(value) <= 0)
      return op->emitOpError() << "needs a positive number of " << name << ", not " << static_cast<int64_t>(value);
  return success();
}

/// Whether the body of `op` has nothing but ops of the kinds given.
template <typename... Ops> static LogicalResult checkBody(Operation *op) {
  for (Operation &inner : op->getRegion(0).front())
    if (!isa<Ops...>(inner)) {
      InFlightDiagnostic diagnostic = op->emitOpError() << "holds an op that does not belong there";
      diagnostic.attachNote(inner.getLoc()) << "this one";
      return diagnostic;
    }
  return success();
}

//===----------------------------------------------------------------------===//
// A kernel a phase
//===----------------------------------------------------------------------===//

LogicalResult SequenceOp::verifyRegions() { return checkBody<LaunchOp, RepeatOp>(*this); }

LogicalResult RepeatOp::verify() {
  if (failed(checkPositive(*this, {{"times", getCount()}})))
    return failure();
  return checkBody<LaunchOp>(*this);
}

LogicalResult LaunchOp::verify() {
  if (failed(checkPositive(*this, {{"blocks", getBlocks()},
                                   {"threads", getThreads()},
                                   {"min_blocks", getMinBlocks()},
                                   {"cluster", getCluster()}})))
    return failure();
  if (getBlocks() % getCluster() != 0)
    return emitOpError() << "has " << getBlocks() << " blocks, which are no whole clusters of " << getCluster();
  if (getThreads() % 32 != 0 || getThreads() > 1024)
    return emitOpError() << "needs whole warps, 32 at most: " << getThreads() << " threads are not";
  if ((getTiles() || getPrepare() || getWgmma()) && !getTokens())
    return emitOpError() << "has tiles or something to prepare, but no tokens";
  if (getWgmma().has_value() != getWgmmaTargets().has_value() || (getWgmma() && getWgmma()->size() != 11))
    return emitOpError() << "has another launch of ten numbers and its targets, or neither";
  if (getPrepare() && getPrepare()->size() != 3)
    return emitOpError() << "prepares with blocks, threads and shared memory, three numbers, not "
                         << getPrepare()->size();
  return success();
}

//===----------------------------------------------------------------------===//
// Whole steps in one kernel
//===----------------------------------------------------------------------===//

LayersOp GridOp::getLayers() { return *getBody().getOps<LayersOp>().begin(); }
EmbedOp GridOp::getEmbed() { return *getBody().getOps<EmbedOp>().begin(); }

ComputeOp GridOp::getSharingCompute() {
  ComputeOp found;
  walk([&](ComputeOp compute) {
    if (compute.getSharing())
      found = compute;
  });
  return found;
}

int64_t GridOp::getAttentionGroups() {
  auto groups = static_cast<int64_t>(getGroups());
  for (PartOp part : getLayers().getBody().getOps<PartOp>())
    groups = std::min(groups, static_cast<int64_t>(part.getGroups()));
  return groups;
}

LogicalResult GridOp::verify() {
  if (failed(checkPositive(*this, {{"groups", getGroups()},
                                   {"ranks", getRanks()},
                                   {"warps", getWarps()},
                                   {"packets", getPackets()},
                                   {"stage", getStage()}})))
    return failure();
  if (!step::findEncoding(getEncoding()))
    return emitOpError() << "has weights in an encoding '" << getEncoding() << "', which does not exist";
  if (!getSymName().starts_with((getEntry() + ".").str()))
    return emitOpError() << "is named after its entry: @" << getEntry() << ".NAME";
  if (getAhead().size() != 2)
    return emitOpError() << "says in two numbers what its producers have in flight ahead, not in " << getAhead().size();
  return success();
}

LogicalResult GridOp::verifyRegions() {
  if (failed(checkBody<EmbedOp, LayersOp, HopOp, StreamOp, ComputeOp, SelectOp>(*this)))
    return failure();
  mlir::Block &body = getBody().front();
  auto op = body.begin();
  const bool begins = op != body.end() && isa<EmbedOp>(*op);
  if (begins)
    ++op;
  if (!begins || op == body.end() || !isa<LayersOp>(*op))
    return emitOpError() << "begins with the embedding and the layers";
  for (Operation &later : llvm::make_range(++op, body.end()))
    if (isa<EmbedOp, LayersOp>(later) || isa<SelectOp>(later) != (&later == &body.back()))
      return later.emitOpError() << "does not belong into the head, which ends with the selection";
  if (!isa<SelectOp>(body.back()))
    return emitOpError() << "ends with the selection";
  if (getContinues().has_value() != static_cast<bool>(getSharingCompute()))
    return emitOpError() << "continues another grid if groups share a context in it, and only then";
  return success();
}

LogicalResult LayersOp::verify() { return checkPositive(*this, {{"layers", getCount()}}); }

LogicalResult LayersOp::verifyRegions() {
  SmallVector<PartOp> open; // whose sums have not been collected
  bool collects = false;    // once begun, all of them
  for (Operation &op : getBody().front()) {
    auto part = dyn_cast<PartOp>(op);
    auto collect = dyn_cast<CollectOp>(op);
    const bool fits = part      ? !collects || open.empty()
                      : collect ? !open.empty() && collect.getSums() == open.front().getSums()
                                : false;
    if (!fits)
      return op.emitOpError() << "does not follow here: a layer is parts, one or several in parallel, with the "
                                 "collection of their sums after them";
    collects = !part;
    if (part)
      open.push_back(part);
    else
      open.erase(open.begin());
  }
  if (!open.empty() || getBody().front().empty())
    return emitOpError() << "ends with a collection";
  return success();
}

SmallVector<ComputeOp> PartOp::getComputations() { return llvm::to_vector(getBody().getOps<ComputeOp>()); }

bool PartOp::attends() {
  return llvm::any_of(getComputations(), [](ComputeOp op) { return op.getSplit() == Split::context; });
}

StreamOp PartOp::streamOf(StringRef phase) {
  for (StreamOp stream : getBody().getOps<StreamOp>())
    if (stream.getPhase() == phase)
      return stream;
  return nullptr;
}

LogicalResult PartOp::verifyRegions() {
  auto grid = (*this)->getParentOfType<GridOp>();
  if (getGroups() == 0 || getGroups() > grid.getGroups())
    return emitOpError() << "takes " << getGroups() << " of " << grid.getGroups() << " groups";
  if (failed(checkBody<HopOp, FinishOp, StreamOp, ComputeOp, PublishOp>(*this)))
    return failure();
  SmallVector<ComputeOp> computations = getComputations();
  const auto isRows = [](ComputeOp op) {
    return op.getSplit() == Split::query_groups || op.getSplit() == Split::units;
  };
  if (computations.size() < 2 || !isRows(computations.front()) || computations.back().getSplit() != Split::columns)
    return emitOpError() << "begins with a product over rows and ends with one over columns";
  if (cast<PublishOp>(getBody().front().back()).getSums() != computations.back().getVector())
    return emitOpError() << "publishes something else than its last product";
  return success();
}

LogicalResult CollectOp::verify() {
  if (!getSums().getDefiningOp<PartOp>())
    return emitOpError() << "collects what no part has published";
  if (getNorm().has_value() != getChunk().has_value())
    return emitOpError() << "has a norm and the chunk of its sums, or neither";
  return success();
}

LogicalResult HopOp::verify() {
  auto input = getInput() ? getInput().getDefiningOp() : nullptr;
  switch (getKind()) {
  case Hop::squares:
    if (input)
      return emitOpError() << "of sums of squares has no operand: it sends what a rank has";
    break;
  case Hop::residual:
    if (auto hop = dyn_cast_if_present<HopOp>(input); getInput() && (!hop || hop.getKind() != Hop::squares))
      return emitOpError() << "of the residual stream has sums of squares as its operand, or none";
    break;
  case Hop::rows:
  case Hop::parts:
  case Hop::units:
    if (!isa_and_nonnull<ComputeOp>(input))
      return emitOpError() << "sends what a computation has made, and has no other operand";
    if (getChunk())
      return emitOpError() << "has no sums of squares, and so no chunk";
    break;
  }
  return success();
}

LogicalResult FinishOp::verify() {
  auto hop = getRows().getDefiningOp<HopOp>();
  if (!hop || hop.getKind() != Hop::rows)
    return emitOpError() << "works on the rows of query, key and value, once they have hopped";
  if (getPhases().empty())
    return emitOpError() << "names no phase";
  if (getNorms().empty() == getChunk().has_value())
    return emitOpError() << "has norms and the chunk of their sums, or neither";
  for (auto [i, segment] : llvm::enumerate(getNorms()))
    if (segment < 0 || segment > 1 || llvm::is_contained(getNorms().take_front(i), segment))
      return emitOpError() << "has a norm of the query (0) or of the key (1), once each, not of " << segment;
  return checkPositive(*this, {{"sharing groups", getSharing()}});
}

LogicalResult ComputeOp::verify() {
  const Split split = getSplit();
  if ((split == Split::context) == (getRows().has_value() && getColumns().has_value()))
    return emitOpError() << (split == Split::context ? "attends: it has no rows and columns" : "needs rows x columns");
  if (getSharing().has_value() != getFrom().has_value() ||
      (getSharing() && (split != Split::context || *getSharing() < 2 || *getFrom() == 0)))
    return emitOpError() << "says how many groups share a context, and from how many positions on, if some do, and "
                            "only then";
  if (auto part = dyn_cast<PartOp>((*this)->getParentOp());
      part && getSharing() && part.getGroups() % *getSharing() != 0)
    return emitOpError() << "shares a context among " << *getSharing() << " groups, which do not divide the "
                         << part.getGroups() << " groups of the part";
  const bool ofRows = split == Split::query_groups || split == Split::units;
  if (ofRows != getOf().has_value())
    return emitOpError() << "says how many query groups or units there are if they divide it, and only then";
  if (getEach() && (split != Split::query_groups || *getEach() * *getOf() <= *getRows()))
    return emitOpError() << "says how many rows each query group has if that makes more than there are, and only then";
  if (ofRows && (*getOf() == 0 || (!getEach() && *getRows() % *getOf() != 0)))
    return emitOpError() << "has " << *getRows() << " rows, which " << *getOf()
                         << " query groups or units do not divide";
  const bool divides = split == Split::query_groups || split == Split::units || split == Split::columns;
  if (divides != getStarts().has_value())
    return emitOpError() << "has a start for each group if groups divide it, and only then";
  if (!divides)
    return success();
  auto part = dyn_cast<PartOp>((*this)->getParentOp());
  const ArrayRef<int64_t> starts = *getStarts();
  if (!part || starts.size() != part.getGroups())
    return emitOpError() << "has " << starts.size() << " starts for "
                         << (part ? std::to_string(part.getGroups()) : std::string("no")) << " groups";
  const int64_t end = split == Split::query_groups ? *getOf()
                      : split == Split::units      ? steps_of<int64_t>(*getOf())
                                                   : steps_of<int64_t>(*getColumns());
  int64_t before = -1;
  for (int64_t start : starts) {
    if (start <= before || start >= end || (before < 0 && start != 0))
      return emitOpError() << "has starts that do not ascend from 0 to less than " << end;
    before = start;
  }
  return success();
}
