#include "compiler/schedule/layer.h"

using namespace mlir;

namespace cadenza {
namespace {

SmallVector<step::FunctionAttrInterface> epilogues(step::ProjectOp project) {
  return llvm::to_vector(project.getEpilogues().getAsRange<step::FunctionAttrInterface>());
}

step::WeightEncodingAttrInterface encodingOf(step::ProjectOp project) {
  SymbolTableCollection symbols;
  return step::SymbolLookup(project, symbols).encoding(project.getMatrixSymbols()[0]);
}

bool isF32(Value value) { return cast<RankedTensorType>(value.getType()).getElementType().isF32(); }

constexpr size_t mostParts = 4; // of a layer

/// Emits what the schedule would need instead of `op`.
LogicalResult needs(Operation *op, const Twine &what) {
  return op->emitOpError() << "does not fit the persistent schedule, which needs " << what;
}

/// What the kernel keeps works on its own rows: single elements.
LogicalResult checkKept(step::ProjectOp project) {
  for (step::FunctionAttrInterface function : keptFunctions(project)) {
    if (function.getNumOperands() > 0)
      return needs(project, "no function that reads another vector here, but has " + function.getFunctionName());
    if (!function.isElementwise())
      return needs(project, "functions of single elements here, but has " + function.getFunctionName());
  }
  return success();
}

/// A function of query, key or value works on one of them, and on heads of `headDim` elements, unless it is the RMS
/// norm of a whole one (`allRows`).
LogicalResult checkHeads(Operation *phase, step::FunctionAttrInterface function, int64_t headDim, bool allRows) {
  if (function.getNumOperands() > 0 || function.getSlots().size() != 1)
    return needs(phase, "functions of query, key or value alone here, but has " + function.getFunctionName());
  if (allRows ? !function.canDeferScale() : headDim % function.getRowGroup() != 0)
    return needs(phase,
                 "functions of heads of " + Twine(headDim) +
                     " elements here, or the RMS norm of all query heads or of all key heads together, but has " +
                     function.getFunctionName() + " of " + Twine(function.getRowGroup()) + " elements");
  return success();
}

int64_t headDimOf(step::AttendOp attend) {
  SymbolTableCollection symbols;
  return static_cast<int64_t>(step::SymbolLookup(attend, symbols).cache(attend.getCacheAttr()).getHeadDim());
}

/// What is left of the slots of a phase after its functions: those of its results, in order.
SmallVector<int64_t> remaining(SmallVector<int64_t> slots, ArrayRef<step::FunctionAttrInterface> functions) {
  for (step::FunctionAttrInterface function : functions)
    for (int64_t consumed : function.getConsumedSlots())
      llvm::erase(slots, consumed);
  return slots;
}

/// See rowMapsOf.
struct RowMaps {
  SmallVector<RowMap> maps;
  llvm::DenseMap<Value, int64_t> slots; // of the product, of what it and the maps leave
};

RowMaps readRowMaps(step::ProjectOp rows, int64_t headDim) {
  RowMaps found;
  SmallVector<int64_t> all = llvm::to_vector(llvm::seq<int64_t>(0, rows.getMatrices().size()));
  for (auto [slot, result] : llvm::zip(remaining(all, epilogues(rows)), rows.getResults()))
    found.slots[result] = slot;
  for (Operation *op = rows->getNextNode(); auto map = dyn_cast_if_present<step::MapOp>(op); op = op->getNextNode()) {
    if (!llvm::all_of(map.getInputs(), [&](Value input) { return found.slots.contains(input) && input.hasOneUse(); }))
      break;
    RowMap next{map, {}};
    SmallVector<int64_t> slots;
    for (Value input : map.getInputs())
      slots.push_back(found.slots.lookup(input));
    SmallVector<step::FunctionAttrInterface> functions;
    for (step::FunctionAttrInterface function : map.getFunctions()) {
      const int64_t elements = nn::rowElements(map.getInputs()[function.getSlots().front()]),
                    group = function.getRowGroup();
      const bool ofAll = function.getReduction(elements) == step::Reduction::Vector && group > headDim;
      functions.push_back(
          function.withSlots(llvm::map_to_vector(function.getSlots(), [&](int64_t slot) { return slots[slot]; })));
      next.functions.push_back({functions.back(), ofAll ? elements : 0});
    }
    for (auto [slot, result] : llvm::zip(remaining(slots, functions), map.getResults()))
      found.slots[result] = slot;
    found.maps.push_back(std::move(next));
  }
  return found;
}

/// Query, key and value of the residual stream `x`: their product, and maps of what it leaves.
LogicalResult checkQueryKeyValue(const LayerPart &part, Value x) {
  step::ProjectOp rows = part.rows;
  step::AttendOp attend = part.attend;
  const int64_t headDim = headDimOf(attend);
  SmallVector<std::pair<Operation *, step::FunctionAttrInterface>> last; // of each phase
  const auto check = [&](Operation *phase, step::FunctionAttrInterface function, bool allRows) -> LogicalResult {
    if (last.empty() || last.back().first != phase)
      last.emplace_back(phase, function);
    last.back().second = function;
    return isKept(function) ? checkHeads(phase, function, headDim, allRows) : success();
  };
  for (step::FunctionAttrInterface function : epilogues(rows))
    if (failed(check(rows, function, /*allRows=*/false)))
      return failure();
  for (const RowMap &map : part.maps)
    for (const RowFunction &function : map.functions)
      if (failed(check(map.map, function.function, function.allRows > 0)))
        return failure();
  const auto appends = [](auto &function) {
    return function.second.writesCache() && function.second.getSlots() == ArrayRef<int64_t>{1, 2};
  };
  const llvm::DenseMap<Value, int64_t> slots = readRowMaps(rows, headDim).slots;
  const auto query = slots.find(attend.getQuery());
  if (rows.getInput() != x || rows.getMatrices().size() != 3 || llvm::none_of(last, appends) || query == slots.end() ||
      query->second != 0 || !llvm::all_of(slots, [](auto &value) { return isF32(value.first); }))
    return needs(rows, "query, key and value of the residual stream in this order, with the KV append as the last "
                       "function of key and value (passes merge-projections, fuse-query-key-value)");
  return success();
}

/// The first product of a part: rows, of the residual stream `x`.
LogicalResult checkRows(const LayerPart &part, Value x) {
  step::ProjectOp rows = part.rows;
  if (!part.attend) {
    const size_t matrices = rows.getMatrices().size();
    if (rows.getInput() != x || matrices > 2 || (matrices == 2 && !rows.getInterleaved()) || rows.getNumResults() != 1)
      return needs(rows, "one matrix of the residual stream, or gate and up interleaved, with one result (passes "
                         "merge-projections, fuse-activation-mul)");
    return checkKept(rows);
  }
  return checkQueryKeyValue(part, x);
}

/// A map that is the norm of `columns`' whole result and its addition to the residual stream `x`.
bool isNorm(step::MapOp map, step::ProjectOp columns, Value x) {
  SmallVector<step::FunctionAttrInterface> functions = map.getFunctions();
  return map.getInputs().size() == 1 && map.getInputs()[0] == columns.getResult(0) && functions.size() == 2 &&
         functions[0].getReduction(nn::rowElements(x)) == step::Reduction::Vector && functions[0].canDeferScale() &&
         functions[1].addsOperand() && map.getSideInputs().size() == 1 && map.getSideInputs()[0] == x &&
         map.getNumResults() == 1 && isF32(map.getResult(0)) && isF32(x);
}

/// The last product of a part: columns, whose sums, or a norm of them, are added to the residual stream `x`.
LogicalResult checkColumns(const LayerPart &part, Value input, Value x) {
  step::ProjectOp columns = part.columns;
  if (columns.getInput() != input || columns.getPrologueAttr() || columns.getMatrices().size() != 1)
    return needs(columns, "the product of one matrix and the result of the phase before it");
  SmallVector<step::FunctionAttrInterface> functions = epilogues(columns);
  if (part.norm) {
    if (part.parallel)
      return needs(part.norm, "no norm of what parallel branches add");
    if (!columns.getSideInputs().empty() || !isF32(columns.getResult(0)))
      return needs(columns, "a result in f32 that nothing else is added to before its norm");
    return checkKept(columns);
  }
  if (functions.empty() || !functions.back().addsOperand() || columns.getSideInputs().size() != 1 ||
      columns.getSideInputs()[0] != x || !isF32(x) || columns.getNumResults() != 1 || !isF32(columns.getResult(0)))
    return needs(columns, "the addition to the residual stream, in f32, as its last function (pass fuse-residual)");
  return checkKept(columns);
}

/// The parts of a layer: each a product, attention or nothing, and a product.
LogicalResult readParts(DecoderPhases &phases) {
  mlir::Block &body = phases.layers.getBody().front();
  if (body.getNumArguments() != 1)
    return needs(phases.layers, "layers that carry one vector, the residual stream");
  Value x = body.getArgument(0);
  Value stream = x; // what the parts since the last one that is not parallel read
  auto op = body.begin();
  while (&*op != body.getTerminator()) {
    LayerPart part;
    part.rows = dyn_cast<step::ProjectOp>(*op);
    if (!part.rows)
      return needs(&*op, "a product over rows here, with which a part of a layer begins: all fusion passes must have "
                         "matched (merged matrices have multiples of 16 rows)");
    ++op;
    auto afterMaps = op;
    while (isa<step::MapOp>(*afterMaps))
      ++afterMaps;
    part.attend = dyn_cast<step::AttendOp>(*afterMaps);
    if (part.attend) {
      part.maps = rowMapsOf(part.rows, headDimOf(part.attend));
      op = std::next(op, part.maps.size());
      if (op != afterMaps)
        return needs(&*op, "functions of nothing but query, key and value before attention");
      ++op;
    }
    part.columns = dyn_cast<step::ProjectOp>(*op);
    // What the part before this one read, too, if it is not what that one has added to.
    part.parallel = !phases.parts.empty() && part.rows.getInput() != x && part.rows.getInput() == stream;
    if (!part.parallel)
      stream = x;
    if (failed(checkRows(part, stream)))
      return failure();
    if (!part.columns)
      return needs(&*op, "a product over columns here, with which a part of a layer ends: all fusion passes must have "
                         "matched");
    ++op;
    if (auto map = dyn_cast<step::MapOp>(*op); map && isNorm(map, part.columns, x)) {
      part.norm = map;
      ++op;
    }
    Value middle = part.attend ? part.attend.getResult() : part.rows.getResult(0);
    if (failed(checkColumns(part, middle, x)))
      return failure();
    x = part.norm ? part.norm.getResult(0) : part.columns.getResult(0);
    phases.parts.push_back(part);
  }
  if (cast<step::YieldOp>(body.getTerminator()).getValues()[0] != x)
    return needs(phases.layers, "the result of a layer's last product to be what the next layer begins with");
  if (phases.parts.size() > mostParts)
    return needs(phases.layers, "layers of at most " + Twine(mostParts) +
                                    " parts, whose code is a part of the kernel each: " + "here are " +
                                    Twine(phases.parts.size()) + " (pass roll-layers)");
  const auto attends = [](const LayerPart &part) { return part.attend != nullptr; };
  if (llvm::none_of(phases.parts, attends) || llvm::all_of(phases.parts, attends))
    return needs(phases.layers, "layers that have attention and a feed-forward");
  return success();
}

} // namespace

SmallVector<RowMap> rowMapsOf(step::ProjectOp rows, int64_t headDim) { return readRowMaps(rows, headDim).maps; }

bool isKept(step::FunctionAttrInterface function) {
  return !function.writesCache() && !function.addsOperand() && !function.selectsToken();
}

SmallVector<step::FunctionAttrInterface> keptFunctions(step::ProjectOp project) {
  return llvm::to_vector(llvm::make_filter_range(epilogues(project), isKept));
}

FailureOr<DecoderPhases> readDecoder(func::FuncOp function) {
  DecoderPhases phases;
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (auto embed = dyn_cast<step::EmbedOp>(op); embed && !phases.embed)
      phases.embed = embed;
    else if (auto layers = dyn_cast<step::LayersOp>(op); layers && phases.embed && !phases.layers)
      phases.layers = layers;
    else if (auto project = dyn_cast<step::ProjectOp>(op); project && phases.layers && !phases.head)
      phases.head = project;
    else
      return needs(&op, "an embedding, the layers as one loop (pass roll-layers) and the head, and nothing between");
  }
  if (!phases.head)
    return needs(function, "an embedding, the layers as one loop (pass roll-layers) and the head");
  if (failed(readParts(phases)))
    return failure();
  SmallVector<step::FunctionAttrInterface> functions = epilogues(phases.head);
  if (phases.head.getInput() != phases.layers.getResult(0) || phases.head.getMatrices().size() != 1 ||
      functions.empty() || !functions.back().selectsToken())
    return needs(phases.head, "the selection as the head's last function (pass fuse-head-select)");
  if (failed(checkKept(phases.head)))
    return failure();
  for (const LayerPart &part : phases.parts)
    for (const LayerPart &other : phases.parts)
      if (static_cast<bool>(part.attend) == static_cast<bool>(other.attend))
        for (auto [project, same] : {std::pair(part.rows, other.rows), std::pair(part.columns, other.columns)})
          if (encodingOf(project) != encodingOf(same))
            return needs(project, "matrices of one kind in one encoding (pass encode-weights): here one is stored as " +
                                      Twine(encodingOf(project).getName()) + ", another as " +
                                      encodingOf(same).getName());
  return phases;
}

FailureOr<LayerShape> shapeOf(DecoderPhases phases) {
  SymbolTableCollection symbols;
  LayerShape shape;
  shape.hidden = nn::rowElements(phases.layers.getResult(0));
  for (LayerPart part : phases.parts) {
    (part.attend ? shape.encoding : shape.unitEncoding) = encodingOf(part.rows).getEncoding();
    (part.attend ? shape.outputEncoding : shape.downEncoding) = encodingOf(part.columns).getEncoding();
  }
  shape.headEncoding = encodingOf(phases.head).getEncoding();
  const auto addSums = [&](step::ProjectOp project) {
    if (step::FunctionAttrInterface norm = project.getPrologueAttr())
      shape.normSums = std::max<int64_t>(shape.normSums, norm.getChunkSums());
  };
  addSums(phases.head);
  for (LayerPart part : phases.parts) {
    addSums(part.rows);
    if (part.norm)
      shape.partNorms = static_cast<int64_t>(phases.parts.size());
  }
  for (const LayerPart &part : phases.parts) {
    LayerShape next = shape;
    step::AttendOp attend = part.attend;
    step::ProjectOp rows = part.rows;
    if (attend) {
      nn::CacheOp cache = step::SymbolLookup(attend, symbols).cache(attend.getCacheAttr());
      next.heads = static_cast<int64_t>(attend.getHeads());
      next.kvHeads = static_cast<int64_t>(cache.getKvHeads());
      next.headDim = static_cast<int64_t>(cache.getHeadDim());
    } else {
      next.units = nn::rowElements(rows.getResult(0));
      next.unitRows = static_cast<int64_t>(rows.getMatrices().size());
    }
    const bool first = attend ? shape.heads == 0 : shape.units == 0;
    if (!first && (next.heads != shape.heads || next.kvHeads != shape.kvHeads || next.headDim != shape.headDim ||
                   next.units != shape.units || next.unitRows != shape.unitRows))
      return needs(rows, "parts of one kind to have the same dimensions");
    int64_t elements = 0;
    for (const RowMap &map : part.maps)
      for (const RowFunction &function : map.functions)
        elements += function.allRows;
    next.normedRows = std::max(shape.normedRows, elements);
    shape = next;
  }
  return shape;
}

int64_t longestContext(DecoderPhases phases, int64_t context) {
  const int64_t all = context > 0 ? context : INT64_MAX;
  int64_t longest = 0;
  for (auto cache : phases.layers->getParentOfType<ModuleOp>().getOps<nn::CacheOp>())
    longest = std::max(longest, step::positionsOf(cache) > 0 ? std::min(step::positionsOf(cache), all) : all);
  return longest;
}

int64_t tableWords(DecoderPhases phases, int64_t ranks) {
  SymbolTableCollection symbols;
  const auto symbolWords = [&](Operation *op, step::FunctionAttrInterface function) {
    int64_t words = 0;
    bool caches = false;
    for (FlatSymbolRefAttr symbol : function.getSymbols()) {
      const bool cache = static_cast<bool>(step::SymbolLookup(op, symbols).cache(symbol));
      caches |= cache;
      words += cache ? 2 : 1; // keys and values
    }
    return words + (caches ? 1 : 0); // the positions of the caches
  };
  const auto phase = [&](step::PhaseOpInterface op, int64_t inputs) {
    int64_t words = inputs;
    bool selects = false;
    for (step::FunctionAttrInterface function : op.getFunctions()) {
      words += function.getNumOperands() + symbolWords(op, function) + (function.usesPosition() ? 1 : 0) +
               (function.selectsToken() ? 3 : 0); // tokens, logits, scratch
      selects |= function.selectsToken();
    }
    return words + (selects ? 0 : static_cast<int64_t>(op->getNumResults()));
  };
  const auto project = [&](step::ProjectOp op) { return phase(op, 2); }; // input, matrix
  const auto mapped = [&](step::MapOp op) { return phase(op, static_cast<int64_t>(op.getInputs().size())); };
  int64_t layer = 0;
  for (LayerPart part : phases.parts) {
    layer += project(part.rows) + project(part.columns);
    for (const RowMap &map : part.maps)
      layer += mapped(map.map);
    if (part.norm)
      layer += mapped(part.norm);
    if (part.attend) // query, result, keys, values, state, positions
      layer += 6 + (part.attend.getWindowAttr() ? 1 : 0) + (ranks > 1 ? 1 : 0);
  }
  const int64_t embed = 4 + (phases.embed.getPositionsAttr() ? 1 : 0); // matrix, result, state, tokens, positions
  return embed + layer * static_cast<int64_t>(phases.layers.getCount()) + project(phases.head);
}

} // namespace cadenza
