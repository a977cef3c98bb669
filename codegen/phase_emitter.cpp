#include "codegen/phase_emitter.h"

#include "codegen/function_emitter.h"
#include "compiler/schedule/match.h"

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

/// The geometry, or its error at the phase.
template <typename Geometry> FailureOr<Geometry> orError(StatusOr<Geometry> geometry, Operation *op) {
  if (geometry.isOk())
    return *geometry;
  return op->emitOpError() << geometry.status().message();
}

std::string integerList(ArrayRef<int64_t> integers) {
  return llvm::join(llvm::map_range(integers, [](int64_t n) { return std::to_string(n); }), ", ");
}

/// Rows that a block must hold together for all of the functions.
int64_t commonRowGroup(ArrayRef<step::FunctionAttrInterface> functions) {
  int64_t group = 1;
  for (step::FunctionAttrInterface function : functions)
    group = std::lcm(group, std::max<int64_t>(1, function.getRowGroup()));
  return group;
}

void setLaunch(KernelDraft &draft, const LaunchGeometry &geometry, PhaseKind kind) {
  draft.record.phaseKind = phaseKindName(kind);
  draft.record.blocks = static_cast<uint32_t>(geometry.blocks);
  draft.record.threads = static_cast<uint32_t>(geometry.threads);
  draft.record.sharedBytes = static_cast<uint32_t>(geometry.sharedBytes);
  draft.minBlocks = geometry.minBlocks;
}

/// Device code counts rows, and the elements of a tile, in 32 bits.
constexpr int64_t mostRows = int64_t{1} << 30, mostColumns = mostRows / tile_rows;

LogicalResult checkExtents(Operation *op, ArrayRef<int64_t> extents, int64_t most = mostRows) {
  for (int64_t extent : extents)
    if (extent <= 0 || extent > most)
      return op->emitOpError() << "has an extent of " << extent << ", which device code cannot count";
  return success();
}

} // namespace

FailureOr<KernelDraft> emitProject(step::ProjectOp op, SymbolTableCollection &symbols) {
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
  if (failed(checkExtents(op, {total, static_cast<int64_t>(op.getKWays())})) ||
      failed(checkExtents(op, columns, mostColumns)))
    return failure();
  if (!weight.isBF16() && !weight.isF16())
    return op->emitOpError() << "has matrices of " << weight << "; kernels multiply bf16 and f16";

  SmallVector<step::FunctionAttrInterface> epilogues =
      llvm::to_vector(op.getEpilogues().getAsRange<step::FunctionAttrInterface>());
  FailureOr<ProjectGeometry> geometry = orError(
      projectGeometry(rows, op.getInterleaved(), columns, op.getKGroups(), op.getKWays(), commonRowGroup(epilogues)),
      op);
  if (failed(geometry))
    return failure();

  ConfigWriter config(kernelName);
  config.type("weight_type", deviceType(weight));
  config.type("encoding", encoding.getDeviceType(deviceType(weight)));
  config.type("input_type", elementType(op.getInput()));
  config.type("segment_rows", "Rows<" + integerList(rows) + ">");
  config.boolean("interleaved", op.getInterleaved());
  config.integers({{"columns", columns}, {"k_ways", op.getKWays()}});
  if (const auto device = persistentDeviceOf(op->getParentOfType<func::FuncOp>()); device && op.getPrologueAttr())
    config.integers({{"norm_chunk", normChunk(columns, device->ranks)}});
  config.type("k_groups", "Steps<" + integerList(op.getKGroups()) + ">");
  config.integers({{"tiles_per_block", geometry->tilesPerBlock},
                   {"threads", geometry->threads},
                   {"steps_in_flight", geometry->stepsInFlight}});
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
    if (failed(functions.add(function, operands, argmaxScratchBytes(geometry->blocks))))
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
  setLaunch(draft, *geometry, PhaseKind::Project);
  return draft;
}

FailureOr<KernelDraft> emitMap(step::MapOp op, SymbolTableCollection &symbols) {
  if (op.getInputs().empty())
    return op->emitOpError() << "has no inputs, so there is nothing to launch";
  const int64_t rows = elements(op.getInputs().front());
  std::vector<std::string> types;
  uint64_t inputBytes = 0;
  for (Value input : op.getInputs()) {
    if (elements(input) != rows)
      return op->emitOpError() << "has inputs of " << rows << " and " << elements(input)
                               << " elements; kernels take equal ones";
    types.push_back(elementType(input).str());
    inputBytes += vectorBytes(input);
  }
  if (failed(checkExtents(op, rows)))
    return failure();
  SmallVector<step::FunctionAttrInterface> epilogues = op.getFunctions();
  const auto slots = static_cast<int64_t>(types.size());
  FailureOr<MapGeometry> geometry = orError(mapGeometry(rows, slots, commonRowGroup(epilogues)), op);
  if (failed(geometry))
    return failure();

  ConfigWriter config(kernelName);
  config.type("inputs", "Inputs<" + llvm::join(types, ", ") + ">");
  config.integers({{"rows", rows}, {"block_rows", geometry->blockRows}, {"threads", geometry->threads}});
  FunctionEmitter functions(op, symbols);
  for (Value input : op.getInputs())
    functions.arguments.push_back({.kind = ArgumentKind::Edge, .edge = input});
  ValueRange operands = op.getSideInputs();
  for (step::FunctionAttrInterface function : epilogues)
    if (failed(functions.add(function, operands, argmaxScratchBytes(geometry->blocks))))
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
  setLaunch(draft, *geometry, PhaseKind::Map);
  return draft;
}

FailureOr<KernelDraft> emitSelect(step::SelectOp op, SymbolTableCollection &symbols) {
  const int64_t rows = elements(op.getLogits());
  if (failed(checkExtents(op, rows)))
    return failure();
  FailureOr<MapGeometry> geometry = orError(mapGeometry(rows, 1, 1, /*blockRows=*/2048), op);
  if (failed(geometry))
    return failure();
  ConfigWriter config(kernelName);
  config.type("inputs", "Inputs<" + elementType(op.getLogits()).str() + ">");
  config.integers({{"rows", rows}, {"block_rows", geometry->blockRows}, {"threads", geometry->threads}});
  FunctionEmitter functions(op, symbols);
  functions.arguments = {{.kind = ArgumentKind::Edge, .edge = op.getLogits()}};
  ValueRange operands;
  for (step::FunctionAttrInterface function : op.getFunctions())
    if (failed(functions.add(function, operands, argmaxScratchBytes(geometry->blocks))))
      return failure();
  functions.write(config);

  KernelDraft draft;
  draft.config = config.text();
  draft.instance = "Select<phase::" + kernelName.str() + ">";
  draft.arguments = std::move(functions.arguments);
  draft.record.fusedOps = functions.names;
  draft.record.activationBytes = vectorBytes(op.getLogits());
  draft.shapes = shape(op.getLogits()) + " -> token";
  setLaunch(draft, *geometry, PhaseKind::Select);
  return draft;
}

FailureOr<KernelDraft> emitAttend(step::AttendOp op, SymbolTableCollection &symbols) {
  nn::CacheOp cache = step::SymbolLookup(op, symbols).cache(op.getCacheAttr());
  const auto heads = static_cast<int64_t>(op.getHeads()), kvHeads = static_cast<int64_t>(cache.getKvHeads());
  const auto headDim = static_cast<int64_t>(cache.getHeadDim()), splits = static_cast<int64_t>(op.getSplits());
  const float scale = static_cast<float>(op.getScale().convertToDouble());
  if (failed(checkExtents(op, {heads * headDim, splits})))
    return failure();
  if (cache.getType().getIntOrFloatBitWidth() != 16)
    return op->emitOpError() << "reads keys and values as " << cache.getType() << "; kernels need 16 bits";
  if (!std::isfinite(scale))
    return op->emitOpError() << "has a scale that is not finite";
  FailureOr<AttendGeometry> geometry = orError(attendGeometry(heads, kvHeads, headDim, splits, op.getWarps()), op);
  if (failed(geometry))
    return failure();
  ConfigWriter config(kernelName);
  config.type("query_type", elementType(op.getQuery()));
  config.type("output_type", elementType(op.getResult()));
  config.type("cache_type", deviceType(cache.getType()));
  config.integers({{"heads", heads}, {"kv_heads", kvHeads}, {"head_dim", headDim}});
  config.number("scale", scale);
  config.integers({{"splits", splits}, {"split_multiple", geometry->splitMultiple}, {"threads", geometry->threads}});
  if (op.getWindow())
    config.boolean("windowed", true);

  KernelDraft draft;
  draft.config = config.text();
  draft.instance = "Attend<phase::" + kernelName.str() + ">";
  draft.arguments = {{.kind = ArgumentKind::Edge, .edge = op.getQuery()},
                     {.kind = ArgumentKind::Edge, .edge = op.getResult()},
                     {.kind = ArgumentKind::CacheKey, .symbol = op.getCacheAttr()},
                     {.kind = ArgumentKind::CacheValue, .symbol = op.getCacheAttr()},
                     {.kind = ArgumentKind::State},
                     {.kind = ArgumentKind::Context}};
  if (FlatSymbolRefAttr window = op.getWindowAttr())
    draft.arguments.push_back({.kind = ArgumentKind::Scalar, .symbol = window});
  if (geometry->scratchBytes > 0)
    draft.arguments.push_back({.kind = ArgumentKind::Scratch, .scratchBytes = geometry->scratchBytes});
  draft.record.fusedOps = {"attention"};
  draft.record.activationBytes = vectorBytes(op.getQuery()) + vectorBytes(op.getResult());
  draft.cacheBytesReadAPosition = cachedPositionBytes(cache);
  draft.shapes = shape(op.getQuery()) + ", " + std::to_string(heads) + " heads on " + std::to_string(kvHeads) +
                 " KV heads of " + std::to_string(headDim) + (op.getWindow() ? ", in a window" : "") + " -> " +
                 shape(op.getResult());
  setLaunch(draft, *geometry, PhaseKind::Attend);
  return draft;
}

FailureOr<KernelDraft> emitEmbed(step::EmbedOp op, SymbolTableCollection &symbols) {
  RankedTensorType matrix = step::SymbolLookup(op, symbols).weightType(op.getMatrixAttr());
  const int64_t columns = matrix.getDimSize(1);
  const float scale = static_cast<float>(op.getScale().convertToDouble());
  if (failed(checkExtents(op, matrix.getDimSize(0))) || failed(checkExtents(op, columns, mostColumns)))
    return failure();
  if (!matrix.getElementType().isBF16() && !matrix.getElementType().isF16())
    return op->emitOpError() << "has a table of " << matrix.getElementType() << "; kernels read bf16 and f16";
  if (!std::isfinite(scale))
    return op->emitOpError() << "has a scale that is not finite";
  ConfigWriter config(kernelName);
  config.type("weight_type", deviceType(matrix.getElementType()));
  config.type("output_type", elementType(op.getResult()));
  const LaunchGeometry geometry = embedGeometry(columns);
  config.integers({{"columns", columns}, {"threads", geometry.threads}});
  config.number("scale", scale);

  KernelDraft draft;
  draft.config = config.text();
  draft.instance = "Embed<phase::" + kernelName.str() + ">";
  draft.arguments = {{.kind = ArgumentKind::Weight, .matrix = true},
                     {.kind = ArgumentKind::Edge, .edge = op.getResult()},
                     {.kind = ArgumentKind::State},
                     {.kind = ArgumentKind::Tokens}};
  draft.record.fusedOps = {"embedding"};
  draft.record.weightBytes = dense_bytes(format_of(Encoding::tiles16), int64_t{1}, columns); // one row
  draft.record.activationBytes = vectorBytes(op.getResult());
  draft.shapes = "token -> " + shape(op.getResult());
  setLaunch(draft, geometry, PhaseKind::Embed);
  return draft;
}

} // namespace cadenza
