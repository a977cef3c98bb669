#include "codegen/phase_emitter.h"

#include "codegen/function_emitter.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace cadenza {
namespace {

int64_t elements(Value vector) { return nn::rowElements(vector); }
StringRef elementType(Value vector) { return deviceType(cast<RankedTensorType>(vector.getType()).getElementType()); }

/// "1024 f32", for headings.
std::string shape(Value vector) {
  if (!isa<FloatType>(cast<RankedTensorType>(vector.getType()).getElementType()))
    return "token";
  std::string type = elementType(vector).str();
  return std::to_string(elements(vector)) + " " + (type == "float" ? "f32" : type);
}
template <typename Range> std::string shapes(const Range &vectors) {
  return llvm::join(llvm::map_range(vectors, shape), " + ");
}

std::string integerList(ArrayRef<int64_t> integers) {
  return llvm::join(llvm::map_range(integers, [](int64_t n) { return std::to_string(n); }), ", ");
}

int64_t threads(sched::LaunchOp launch) { return static_cast<int64_t>(launch.getThreads()); }

} // namespace

void setLaunch(KernelDraft &draft, sched::LaunchOp launch, PhaseKind kind) {
  draft.record.phaseKind = phaseKindName(kind);
  draft.record.blocks = static_cast<uint32_t>(launch.getBlocks());
  draft.record.threads = static_cast<uint32_t>(launch.getThreads());
  draft.record.sharedBytes = static_cast<uint32_t>(launch.getShared());
  draft.record.cluster = static_cast<uint32_t>(launch.getCluster());
  draft.minBlocks = launch.getMinBlocks();
}

FailureOr<KernelDraft> emitProject(step::ProjectOp op, sched::LaunchOp launch, const SumOrder &order,
                                   SymbolTableCollection &symbols) {
  step::SymbolLookup lookup(op, symbols);
  const int64_t columns = elements(op.getInput());
  SmallVector<int64_t> rows;
  Type weight;
  step::WeightEncodingAttrInterface encoding; // the verifier has seen that all have the same
  for (FlatSymbolRefAttr matrix : op.getMatrixSymbols()) {
    RankedTensorType type = lookup.weightType(matrix);
    rows.push_back(type.getDimSize(0));
    weight = type.getElementType();
    encoding = lookup.encoding(matrix);
  }
  const int64_t total = std::accumulate(rows.begin(), rows.end(), int64_t{0});
  SmallVector<step::FunctionAttrInterface> epilogues =
      llvm::to_vector(op.getEpilogues().getAsRange<step::FunctionAttrInterface>());
  ConfigWriter config(kernelName);
  config.type("weight_type", deviceType(weight));
  config.type("encoding", encoding.getDeviceType(deviceType(weight)));
  config.type("input_type", elementType(op.getInput()));
  config.type("segment_rows", "Rows<" + integerList(rows) + ">");
  config.boolean("interleaved", op.getInterleaved());
  config.integers({{"columns", columns}, {"k_ways", order.kWays}});
  if (step::FunctionAttrInterface prologue = op.getPrologueAttr()) {
    config.integers({{"norm_chunk", order.normChunk}});
    if (prologue.getChunkSums() > 1)
      config.integers({{"norm_sums", prologue.getChunkSums()}});
  }
  config.type("k_groups", "Steps<" + integerList(order.kGroups) + ">");
  config.integers({{"tiles_per_block", *launch.getTilesPerBlock()},
                   {"threads", threads(launch)},
                   {"steps_in_flight", *launch.getStepsInFlight()}});
  FunctionEmitter functions(op, symbols);
  functions.arguments = {{.kind = ArgumentKind::Edge, .edge = op.getInput()},
                         {.kind = ArgumentKind::Weight, .matrix = true}};
  KernelDraft draft;
  if (step::FunctionAttrInterface prologue = op.getPrologueAttr()) {
    FailureOr<std::string> name = functions.prologue(prologue, config);
    if (failed(name))
      return failure();
    config.type("prologue",
                camelCase(prologue.getFunctionName()) + "Prologue<" + kernelName.str() + ", " + *name + ">");
    draft.record.fusedOps.push_back(prologue.getFunctionName().str());
  } else {
    config.type("prologue", "PlainPrologue<" + kernelName.str() + ">");
  }
  ValueRange operands = op.getSideInputs();
  for (step::FunctionAttrInterface function : epilogues)
    if (failed(functions.add(function, operands, launch.getScratch())))
      return failure();
  if (failed(functions.addStores(static_cast<int64_t>(rows.size()), op->getResults())))
    return failure();
  functions.write(config);

  draft.config = config.text();
  draft.instance = "Project<phase::" + kernelName.str() + ">";
  draft.arguments = std::move(functions.arguments);
  draft.record.fusedOps.insert(draft.record.fusedOps.end(), rows.size(), "linear");
  llvm::append_range(draft.record.fusedOps, functions.names);
  draft.record.weightBytes =
      encoding.getStoredBytes(RankedTensorType::get({total, columns}, weight)) + functions.weightBytes;
  draft.record.activationBytes = vectorBytes(op.getInput()) + functions.activationBytes;
  draft.cacheBytesWritten = functions.cacheBytes;
  draft.shapes = shape(op.getInput()) + " -> [" +
                 llvm::join(llvm::map_range(rows, [](int64_t n) { return std::to_string(n); }), " + ") + "] x " +
                 std::to_string(columns) + " " + deviceType(weight).str() + " as " + encoding.getFormat().name +
                 " -> " + shapes(op->getResults());
  setLaunch(draft, launch, PhaseKind::Project);
  return draft;
}

FailureOr<KernelDraft> emitMap(step::MapOp op, sched::LaunchOp launch, const SumOrder &order,
                               SymbolTableCollection &symbols) {
  const int64_t rows = elements(op.getInputs().front());
  std::vector<std::string> types;
  uint64_t inputBytes = 0;
  for (Value input : op.getInputs()) {
    types.push_back(elementType(input).str());
    inputBytes += vectorBytes(input);
  }
  SmallVector<step::FunctionAttrInterface> epilogues = op.getFunctions();
  const auto slots = static_cast<int64_t>(types.size());

  ConfigWriter config(kernelName);
  config.type("inputs", "Inputs<" + llvm::join(types, ", ") + ">");
  config.integers({{"rows", rows}, {"block_rows", *launch.getBlockRows()}, {"threads", threads(launch)}});
  FunctionEmitter functions(op, symbols);
  for (Value input : op.getInputs())
    functions.arguments.push_back({.kind = ArgumentKind::Edge, .edge = input});
  functions.normChunk = order.normChunk;
  ValueRange operands = op.getSideInputs();
  for (step::FunctionAttrInterface function : epilogues)
    if (failed(functions.add(function, operands, launch.getScratch())))
      return failure();
  if (failed(functions.addStores(slots, op->getResults())))
    return failure();
  functions.write(config);

  KernelDraft draft;
  draft.config = config.text();
  draft.instance = "Map<phase::" + kernelName.str() + ">";
  draft.arguments = std::move(functions.arguments);
  draft.record.fusedOps = functions.names;
  draft.record.weightBytes = functions.weightBytes;
  draft.record.activationBytes = inputBytes + functions.activationBytes;
  draft.cacheBytesWritten = functions.cacheBytes;
  draft.shapes = shapes(op.getInputs()) + " -> " + (op->getResults().empty() ? "cache" : shapes(op->getResults()));
  setLaunch(draft, launch, PhaseKind::Map);
  return draft;
}

FailureOr<KernelDraft> emitSelect(step::SelectOp op, sched::LaunchOp launch, SymbolTableCollection &symbols) {
  const int64_t rows = elements(op.getLogits());
  ConfigWriter config(kernelName);
  config.type("inputs", "Inputs<" + elementType(op.getLogits()).str() + ">");
  config.integers({{"rows", rows}, {"block_rows", *launch.getBlockRows()}, {"threads", threads(launch)}});
  FunctionEmitter functions(op, symbols);
  functions.arguments = {{.kind = ArgumentKind::Edge, .edge = op.getLogits()}};
  ValueRange operands;
  for (step::FunctionAttrInterface function : op.getFunctions())
    if (failed(functions.add(function, operands, launch.getScratch())))
      return failure();
  functions.write(config);

  KernelDraft draft;
  draft.config = config.text();
  draft.instance = "Select<phase::" + kernelName.str() + ">";
  draft.arguments = {{.kind = ArgumentKind::Edge, .edge = op.getLogits()},
                     {.kind = ArgumentKind::State},
                     {.kind = ArgumentKind::Tokens},
                     {.kind = ArgumentKind::Logits},
                     {.kind = ArgumentKind::Scratch, .scratchBytes = launch.getScratch()}};
  draft.record.fusedOps = {"argmax"};
  draft.record.activationBytes = vectorBytes(op.getLogits());
  draft.shapes = shape(op.getLogits()) + " -> token";
  setLaunch(draft, launch, PhaseKind::Select);
  return draft;
}

FailureOr<KernelDraft> emitAttend(step::AttendOp op, sched::LaunchOp launch, const SumOrder &order,
                                  SymbolTableCollection &symbols) {
  nn::CacheOp cache = step::SymbolLookup(op, symbols).cache(op.getCacheAttr());
  const auto heads = static_cast<int64_t>(op.getHeads()), kvHeads = static_cast<int64_t>(cache.getKvHeads());
  const auto headDim = static_cast<int64_t>(cache.getHeadDim()), splits = order.splits;
  const float scale = static_cast<float>(op.getScale().convertToDouble());
  if (!std::isfinite(scale))
    return op->emitOpError() << "has a scale that is not finite";
  ConfigWriter config(kernelName);
  config.type("query_type", elementType(op.getQuery()));
  config.type("output_type", elementType(op.getResult()));
  config.type("cache_type", deviceType(cache.getType()));
  config.integers({{"heads", heads}, {"kv_heads", kvHeads}, {"head_dim", headDim}});
  config.number("scale", scale);
  if (op.getCap())
    config.number("cap", static_cast<float>(op.getCap()->convertToDouble()));
  config.integers({{"splits", splits}, {"split_multiple", *launch.getSplitMultiple()}, {"threads", threads(launch)}});
  if (op.getWindow())
    config.boolean("windowed", true);
  if (step::SymbolLookup(op, symbols).isRing(op.getCacheAttr()))
    config.boolean("ring_cache", true);
  if (launch.getSubgroups())
    config.integers({{"subgroups", *launch.getSubgroups()}});

  KernelDraft draft;
  draft.config = config.text();
  draft.instance = "Attend<phase::" + kernelName.str() + ">";
  draft.arguments = {{.kind = ArgumentKind::Edge, .edge = op.getQuery()},
                     {.kind = ArgumentKind::Edge, .edge = op.getResult()},
                     {.kind = ArgumentKind::CacheKey, .symbol = op.getCacheAttr()},
                     {.kind = ArgumentKind::CacheValue, .symbol = op.getCacheAttr()},
                     {.kind = ArgumentKind::State},
                     {.kind = ArgumentKind::CachePositions, .symbol = op.getCacheAttr()}};
  if (FlatSymbolRefAttr window = op.getWindowAttr())
    draft.arguments.push_back({.kind = ArgumentKind::Scalar, .symbol = window});
  if (launch.getScratch() > 0)
    draft.arguments.push_back({.kind = ArgumentKind::Scratch, .scratchBytes = launch.getScratch()});
  draft.record.fusedOps = {"attention"};
  draft.record.activationBytes = vectorBytes(op.getQuery()) + vectorBytes(op.getResult());
  draft.cacheBytesReadAPosition = cachedPositionBytes(cache);
  draft.shapes = shape(op.getQuery()) + ", " + std::to_string(heads) + " heads on " + std::to_string(kvHeads) +
                 " KV heads of " + std::to_string(headDim) + (op.getCap() ? ", capped" : "") +
                 (op.getWindow() ? ", in a window" : "") + " -> " + shape(op.getResult());
  setLaunch(draft, launch, PhaseKind::Attend);
  return draft;
}

FailureOr<KernelDraft> emitEmbed(step::EmbedOp op, sched::LaunchOp launch, SymbolTableCollection &symbols) {
  RankedTensorType matrix = step::SymbolLookup(op, symbols).weightType(op.getMatrixAttr());
  const int64_t columns = matrix.getDimSize(1);
  const float scale = static_cast<float>(op.getScale().convertToDouble());
  if (!std::isfinite(scale))
    return op->emitOpError() << "has a scale that is not finite";
  ConfigWriter config(kernelName);
  config.type("weight_type", deviceType(matrix.getElementType()));
  RankedTensorType positions;
  if (FlatSymbolRefAttr symbol = op.getPositionsAttr()) {
    positions = step::SymbolLookup(op, symbols).weightType(symbol);
    config.type("positions_type", deviceType(positions.getElementType()));
  }
  config.type("output_type", elementType(op.getResult()));
  config.integers({{"columns", columns}, {"threads", threads(launch)}});
  config.number("scale", scale);

  KernelDraft draft;
  draft.config = config.text();
  draft.instance = "Embed<phase::" + kernelName.str() + ">";
  draft.arguments = {{.kind = ArgumentKind::Weight, .matrix = true},
                     {.kind = ArgumentKind::Edge, .edge = op.getResult()},
                     {.kind = ArgumentKind::State},
                     {.kind = ArgumentKind::Tokens}};
  if (positions)
    draft.arguments.push_back({.kind = ArgumentKind::Weight, .positions = true});
  draft.record.fusedOps = {"embedding"};
  draft.record.weightBytes = (positions ? 2 : 1) * dense_bytes(format_of(Encoding::tiles16), int64_t{1}, columns);
  draft.record.activationBytes = vectorBytes(op.getResult());
  draft.shapes = std::string(positions ? "token and position" : "token") + " -> " + shape(op.getResult());
  setLaunch(draft, launch, PhaseKind::Embed);
  return draft;
}

} // namespace cadenza
