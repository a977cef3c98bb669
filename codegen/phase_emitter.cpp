#include "codegen/phase_emitter.h"

#include "codegen/function_emitter.h"
#include "compiler/schedule/token_geometry.h"

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

/// Names of the fields that sched.launch has as `tiles`.
constexpr llvm::StringLiteral tokenTiles[] = {"tokens", "rows", "depth", "stages", "token_warps", "row_warps"};
constexpr llvm::StringLiteral wgmmaTiles[] = {"rows",   "tokens",  "row_groups", "token_groups",
                                              "stages", "cluster", "turns"};
constexpr llvm::StringLiteral attendTokenTiles[] = {"warps", "row_blocks", "keys", "stages"};

void addTiles(ConfigWriter &config, StringRef type, ArrayRef<llvm::StringLiteral> names, ArrayRef<int64_t> tiles) {
  std::vector<std::pair<StringRef, int64_t>> fields;
  for (auto [name, value] : llvm::zip_equal(names, tiles))
    fields.emplace_back(name, value);
  config.aggregate(type, "tiles", fields);
}

// Scratch of a product of a tile, which its prepare kernel writes.
constexpr llvm::StringLiteral preparedScratch = "prefill.activation", factorScratch = "prefill.factors";

/// The scratch that a product of a tile and its prepare kernel share: the activation, and the factors, if any.
void addPrepared(step::ProjectOp op, std::vector<PhaseArgument> &arguments) {
  const PreparedInput prepared = preparedInput(op);
  arguments.push_back(
      {.kind = ArgumentKind::Scratch, .scratchBytes = prepared.activationBytes(), .scratch = preparedScratch});
  if (prepared.factors)
    arguments.push_back(
        {.kind = ArgumentKind::Scratch, .scratchBytes = prepared.factorBytes(), .scratch = factorScratch});
}

/// What a launch of a tile of tokens has. Its kernel is for tiles of any size: bytes are those of a token.
void setTile(KernelDraft &draft, sched::LaunchOp launch, StringRef instance, bool saysBlocks = true) {
  const auto tokens = static_cast<int64_t>(*launch.getTokens());
  draft.tokens = tokens;
  draft.instance = (instance + "<phase::" + kernelName + ">").str();
  draft.blocks = saysBlocks ? "blocks(" + std::to_string(tokens) + ")" : "";
  draft.record.activationBytes /= static_cast<uint64_t>(tokens);
  draft.shapes = "a token: " + draft.shapes;
}

/// The type of a phase's matrices and how they are stored; the verifier has seen that all have the same.
struct MatrixKind {
  Type element;
  step::WeightEncodingAttrInterface encoding;
};
MatrixKind matrixKindOf(step::ProjectOp op, SymbolTableCollection &symbols) {
  step::SymbolLookup lookup(op, symbols);
  const FlatSymbolRefAttr matrix = op.getMatrixSymbols()[0];
  return {lookup.weightType(matrix).getElementType(), lookup.encoding(matrix)};
}

/// The prologue's type, and what its sums need. Its arguments go to `functions`.
LogicalResult addPrologue(step::ProjectOp op, ConfigWriter &config, FunctionEmitter &functions) {
  step::FunctionAttrInterface prologue = op.getPrologueAttr();
  if (!prologue) {
    config.type("prologue", "PlainPrologue<" + kernelName.str() + ">");
    return success();
  }
  FailureOr<std::string> name = functions.prologue(prologue, config);
  if (failed(name))
    return failure();
  config.type("prologue", camelCase(prologue.getFunctionName()) + "Prologue<" + kernelName.str() + ", " + *name + ">");
  return success();
}

/// How its sums are made.
void addNormChunk(step::ProjectOp op, ConfigWriter &config, int64_t chunk) {
  step::FunctionAttrInterface prologue = op.getPrologueAttr();
  if (!prologue)
    return;
  config.integers({{"norm_chunk", chunk}});
  if (prologue.getChunkSums() > 1)
    config.integers({{"norm_sums", prologue.getChunkSums()}});
}

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
                                   SymbolTableCollection &symbols, bool wgmma) {
  step::SymbolLookup lookup(op, symbols);
  const int64_t columns = elements(op.getInput());
  const bool ofTile = launch.getTokens().has_value();
  SmallVector<int64_t> rows;
  for (FlatSymbolRefAttr matrix : op.getMatrixSymbols())
    rows.push_back(lookup.weightType(matrix).getDimSize(0));
  const auto [weight, encoding] = matrixKindOf(op, symbols);
  const int64_t total = std::accumulate(rows.begin(), rows.end(), int64_t{0});
  SmallVector<step::FunctionAttrInterface> epilogues =
      llvm::to_vector(op.getEpilogues().getAsRange<step::FunctionAttrInterface>());
  ConfigWriter config(kernelName);
  config.type("weight_type", deviceType(weight));
  config.type("encoding", encoding.getDeviceType(deviceType(weight)));
  config.type("input_type", elementType(op.getInput()));
  config.type("segment_rows", "Rows<" + integerList(rows) + ">");
  config.boolean("interleaved", op.getInterleaved());
  if (ofTile)
    config.integers({{"columns", columns}});
  else
    config.integers({{"columns", columns}, {"k_ways", order.kWays}});
  addNormChunk(op, config, order.normChunk);
  FunctionEmitter functions(op, symbols);
  if (ofTile) {
    config.integers({{"threads", prepareThreads(columns)}}); // of the prologue
    if (wgmma)
      addTiles(config, "WgmmaTiles", wgmmaTiles, launch.getWgmma()->drop_front(4));
    else
      addTiles(config, "TokenTiles", tokenTiles, *launch.getTiles());
    if (launch.getPrepare())
      addPrepared(op, functions.arguments);
    else
      functions.arguments.push_back({.kind = ArgumentKind::Edge, .edge = op.getInput()});
    functions.arguments.push_back({.kind = ArgumentKind::Weight, .matrix = true});
    if (wgmma) {
      functions.arguments.front().map = activationsMap(op, *launch.getWgmma());
      functions.arguments.back().map = weightsMap(op, *launch.getWgmma());
    }
    functions.arguments.push_back({.kind = ArgumentKind::State});
    if (wgmma)
      functions.arguments.push_back(
          {.kind = ArgumentKind::Number, .number = static_cast<uint32_t>(*launch.getTokens())});
    FunctionEmitter ofPrepare(op, symbols);
    if (failed(addPrologue(op, config, ofPrepare)))
      return failure();
  } else {
    config.type("k_groups", "Steps<" + integerList(order.kGroups) + ">");
    config.integers({{"tiles_per_block", *launch.getTilesPerBlock()},
                     {"threads", threads(launch)},
                     {"steps_in_flight", *launch.getStepsInFlight()}});
    functions.arguments = {{.kind = ArgumentKind::Edge, .edge = op.getInput()},
                           {.kind = ArgumentKind::Weight, .matrix = true}};
    if (failed(addPrologue(op, config, functions)))
      return failure();
  }
  KernelDraft draft;
  if (step::FunctionAttrInterface prologue = op.getPrologueAttr(); prologue && !ofTile)
    draft.record.fusedOps.push_back(prologue.getFunctionName().str());
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
                 std::to_string(columns) + " " + deviceType(weight).str() + " as " + encoding.getName() + " -> " +
                 shapes(op->getResults());
  setLaunch(draft, launch, PhaseKind::Project);
  if (ofTile)
    setTile(draft, launch, wgmma ? "ProjectTokensWgmma" : "ProjectTokens", /*saysBlocks=*/!wgmma);
  if (wgmma) {
    const ArrayRef<int64_t> other = *launch.getWgmma();
    draft.record.blocks = static_cast<uint32_t>(other[0]);
    draft.record.threads = static_cast<uint32_t>(other[1]);
    draft.record.sharedBytes = static_cast<uint32_t>(other[2]);
    draft.record.cluster = static_cast<uint32_t>(other[3]);
  }
  return draft;
}

FailureOr<KernelDraft> emitPrepare(step::ProjectOp op, sched::LaunchOp launch, SymbolTableCollection &symbols) {
  const int64_t columns = elements(op.getInput());
  const MatrixKind matrix = matrixKindOf(op, symbols);
  const ArrayRef<int64_t> prepare = *launch.getPrepare();
  ConfigWriter config(kernelName);
  config.type("weight_type", deviceType(matrix.element));
  config.type("input_type", elementType(op.getInput()));
  config.integers({{"columns", columns}});
  addNormChunk(op, config, orderOf(op).normChunk);
  config.integers({{"threads", prepare[1]}});
  FunctionEmitter functions(op, symbols);
  functions.arguments = {{.kind = ArgumentKind::Edge, .edge = op.getInput()}};
  addPrepared(op, functions.arguments);
  functions.arguments.push_back({.kind = ArgumentKind::State});
  if (failed(addPrologue(op, config, functions)))
    return failure();

  KernelDraft draft;
  draft.config = config.text();
  draft.arguments = std::move(functions.arguments);
  draft.record.phaseKind = "prepare";
  draft.record.blocks = static_cast<uint32_t>(prepare[0]);
  draft.record.threads = static_cast<uint32_t>(prepare[1]);
  draft.record.sharedBytes = static_cast<uint32_t>(prepare[2]);
  if (step::FunctionAttrInterface prologue = op.getPrologueAttr())
    draft.record.fusedOps.push_back(prologue.getFunctionName().str());
  draft.record.weightBytes = functions.weightBytes;
  draft.record.activationBytes = vectorBytes(op.getInput()) + preparedInput(op).activationBytes();
  draft.shapes = shape(op.getInput()) + " -> " + std::to_string(columns) + " " + deviceType(matrix.element).str();
  setTile(draft, launch, "PrepareTokens");
  return draft;
}

FailureOr<KernelDraft> emitLast(step::LastOp op, sched::LaunchOp launch) {
  ConfigWriter config(kernelName);
  config.type("type", elementType(op.getInput()));
  config.integers({{"columns", elements(op.getInput())}, {"threads", threads(launch)}});
  KernelDraft draft;
  draft.config = config.text();
  draft.arguments = {{.kind = ArgumentKind::Edge, .edge = op.getInput()},
                     {.kind = ArgumentKind::Edge, .edge = op.getResult()},
                     {.kind = ArgumentKind::State}};
  draft.record.fusedOps = {"last"};
  draft.record.activationBytes = 2 * vectorBytes(op.getInput());
  draft.shapes = shape(op.getInput()) + " -> " + shape(op.getResult());
  setLaunch(draft, launch, PhaseKind::Last);
  setTile(draft, launch, "LastToken");
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
  if (launch.getTokens())
    functions.arguments.push_back({.kind = ArgumentKind::State});
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
  if (launch.getTokens())
    setTile(draft, launch, "MapTokens");
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
  if (launch.getTokens())
    addTiles(config, "AttendTokenTiles", attendTokenTiles, *launch.getTiles());
  else
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
  if (launch.getTokens())
    setTile(draft, launch, "AttendTokens", /*saysBlocks=*/false);
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
  if (launch.getTokens())
    setTile(draft, launch, "EmbedTokens");
  return draft;
}

} // namespace cadenza
