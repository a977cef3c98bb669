#include "compiler/schedule/token_geometry.h"

#include "compiler/schedule/phase_geometry.h"
#include "runtime/shared/token_tiles.h"
#include "runtime/shared/token_tiles_attend.h"
#include "runtime/shared/wgmma_tiles.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace cadenza {
namespace {

constexpr int multiprocessors = 132; // of the GPU that divisions are chosen for; every GPU can run them
constexpr int lastThreads = 256;

int tokensOf(Value vectors) { return static_cast<int>(nn::rowCount(vectors)); }

/// Empty: wgmma cannot do the product, or not faster.
std::vector<int64_t> wgmmaLaunch(const TokenShape &shape) {
  const WgmmaTiles tiles = wgmma_tiles(shape, multiprocessors);
  if (tiles.tokens == 0 || !wgmma_pays(tiles, shape, multiprocessors))
    return {};
  return {wgmma_blocks(tiles, shape.tokens, shape.rows, shape.slots, multiprocessors),
          tiles.threads(),
          wgmma_shared_bytes(tiles, shape.slots),
          tiles.cluster,
          tiles.rows,
          tiles.tokens,
          tiles.row_groups,
          tiles.token_groups,
          tiles.stages,
          tiles.cluster,
          tiles.turns};
}

WgmmaTiles wgmmaTiles(ArrayRef<int64_t> launch) {
  const auto field = [&](size_t i) { return static_cast<int>(launch[4 + i]); };
  return {field(0), field(1), field(2), field(3), field(4), field(5), field(6)};
}

/// Of a plan, from what kernels and driver share.
TensorMap planMap(const TensorMapShape &shape, Type element) {
  TensorMap map;
  map.dtype = element.isF16() ? DType::f16 : DType::bf16;
  map.extents.assign(shape.extents, shape.extents + shape.rank);
  map.strides.assign(shape.strides, shape.strides + shape.rank - 1);
  map.box.assign(shape.box, shape.box + shape.rank);
  map.swizzleBytes = shape.swizzle_bytes;
  return map;
}

Type matrixElement(step::ProjectOp op) {
  SymbolTableCollection symbols;
  return step::SymbolLookup(op, symbols).weightType(op.getMatrixSymbols()[0]).getElementType();
}

/// The order of a tile's sums is none that a phase carries; what it carries is what can be launched at all.
FailureOr<TokenGeometry> ofTile(step::ProjectOp op) {
  if (failed(geometryOf(op, SumOrder()))) // of one token: its extents and types
    return failure();
  SymbolTableCollection symbols;
  step::SymbolLookup lookup(op, symbols);
  TokenShape shape{};
  shape.tokens = tokensOf(op.getInput());
  shape.columns = static_cast<int>(nn::rowElements(op.getInput()));
  shape.slots = op.getInterleaved() ? static_cast<int>(op.getMatrices().size()) : 1;
  shape.row_group = 1;
  for (FlatSymbolRefAttr matrix : op.getMatrixSymbols()) {
    if (shape.rows > 0 && !op.getInterleaved())
      shape.segment_divisor = std::gcd(shape.segment_divisor, shape.rows);
    shape.rows += static_cast<int>(lookup.weightType(matrix).getDimSize(0));
    const EncodingFormat format = lookup.encoding(matrix).getFormat();
    shape.unit_bytes = format.unit_bytes;
    shape.grouped = format.grouped();
  }
  for (auto function : op.getEpilogues().getAsRange<step::FunctionAttrInterface>())
    shape.row_group = std::lcm(shape.row_group, static_cast<int>(std::max<int64_t>(1, function.getRowGroup())));
  const TokenTiles tiles = token_tiles(shape, multiprocessors);
  if (tiles.tokens == 0)
    return op->emitOpError() << "works on groups of " << shape.row_group
                             << " rows, for which the tiles of a product of tokens have no room";
  const TokenLaunch launch = token_launch(tiles, shape);
  TokenGeometry geometry{{launch.blocks, launch.threads, 1, launch.shared_bytes}, {}, 0, {}};
  geometry.tiles = {tiles.tokens, tiles.rows, tiles.depth, tiles.stages, tiles.token_warps, tiles.row_warps};
  if (preparedInput(op).needed) {
    const int sums = op.getPrologueAttr() ? static_cast<int>(op.getPrologueAttr().getChunkSums()) : 1;
    geometry.prepare =
        LaunchGeometry{shape.tokens, prepare_threads(shape.columns), 1, prepare_shared_bytes(shape.columns, sums)};
  }
  geometry.wgmma = wgmmaLaunch(shape);
  return geometry;
}

FailureOr<TokenGeometry> ofTile(step::AttendOp op) {
  if (failed(geometryOf(op, SumOrder())))
    return failure();
  if (const auto scale = static_cast<float>(op.getScale().convertToDouble()); !(scale > 0) || !std::isfinite(scale))
    return op->emitOpError() << "has a scale of " << op.getScale().convertToDouble()
                             << "; attention of a tile of tokens needs one above 0";
  SymbolTableCollection symbols;
  nn::CacheOp cache = step::SymbolLookup(op, symbols).cache(op.getCacheAttr());
  const AttendTokenShape shape{tokensOf(op.getQuery()), static_cast<int>(op.getHeads()),
                               static_cast<int>(cache.getKvHeads()), static_cast<int>(cache.getHeadDim())};
  const AttendTokenTiles tiles = attend_token_tiles(shape, multiprocessors);
  const AttendTokenLaunch launch = attend_token_launch(tiles, shape);
  TokenGeometry geometry{{launch.blocks, launch.threads, 1, launch.shared_bytes}, {}, 0, {}};
  geometry.tiles = {tiles.warps, tiles.row_blocks, tiles.keys, tiles.stages};
  return geometry;
}

FailureOr<TokenGeometry> ofTile(step::MapOp op, int tokens) {
  FailureOr<MapGeometry> ofOne = geometryOf(op);
  if (failed(ofOne))
    return failure();
  TokenGeometry geometry{*ofOne, {}, ofOne->blockRows, {}};
  geometry.blocks *= tokens;
  return geometry;
}

FailureOr<TokenGeometry> ofTile(step::EmbedOp op, int tokens) {
  FailureOr<LaunchGeometry> ofOne = geometryOf(op);
  if (failed(ofOne))
    return failure();
  TokenGeometry geometry{*ofOne, {}, 0, {}};
  geometry.blocks = tokens;
  return geometry;
}

} // namespace

int64_t tokenMultiple() { return token_multiple; }
int64_t prepareThreads(int64_t columns) { return prepare_threads(static_cast<int>(columns)); }

uint64_t PreparedInput::activationBytes() const {
  return static_cast<uint64_t>(prepared_bytes(static_cast<int>(tokens), static_cast<int>(columns)));
}
uint64_t PreparedInput::factorBytes() const { return static_cast<uint64_t>(factor_bytes(static_cast<int>(tokens))); }

PreparedInput preparedInput(step::ProjectOp op) {
  SymbolTableCollection symbols;
  const Type matrix = step::SymbolLookup(op, symbols).weightType(op.getMatrixSymbols()[0]).getElementType();
  const Type input = cast<RankedTensorType>(op.getInput().getType()).getElementType();
  step::FunctionAttrInterface prologue = op.getPrologueAttr();
  PreparedInput prepared{nn::rowCount(op.getInput()), nn::rowElements(op.getInput())};
  prepared.needed = needs_prepare(prologue != nullptr, input == matrix, static_cast<int>(prepared.columns));
  prepared.factors = prologue && prologue.defersScale();
  return prepared;
}

TensorMap weightsMap(step::ProjectOp op, ArrayRef<int64_t> wgmma) {
  SymbolTableCollection symbols;
  step::SymbolLookup lookup(op, symbols);
  uint64_t rows = 0;
  for (FlatSymbolRefAttr matrix : op.getMatrixSymbols())
    rows += static_cast<uint64_t>(lookup.weightType(matrix).getDimSize(0));
  const auto columns = static_cast<uint64_t>(nn::rowElements(op.getInput()));
  return planMap(weights_map(wgmmaTiles(wgmma), rows, columns), matrixElement(op));
}

TensorMap activationsMap(step::ProjectOp op, ArrayRef<int64_t> wgmma) {
  const PreparedInput prepared = preparedInput(op);
  const auto columns = static_cast<int>(prepared.columns);
  const int stride = prepared.needed ? padded_columns(columns) : token_stride(columns, 2);
  return planMap(activations_map(wgmmaTiles(wgmma), static_cast<uint64_t>(prepared.tokens),
                                 static_cast<uint64_t>(columns), static_cast<uint64_t>(stride)),
                 matrixElement(op));
}

FailureOr<TokenGeometry> tokenGeometryOf(step::PhaseOpInterface phase) {
  Operation *op = phase;
  if (auto project = dyn_cast<step::ProjectOp>(op))
    return ofTile(project);
  if (auto attend = dyn_cast<step::AttendOp>(op))
    return ofTile(attend);
  if (auto map = dyn_cast<step::MapOp>(op))
    return ofTile(map, tokensOf(map.getInputs().front()));
  if (auto embed = dyn_cast<step::EmbedOp>(op))
    return ofTile(embed, tokensOf(embed.getResult()));
  if (auto last = dyn_cast<step::LastOp>(op))
    return TokenGeometry{{tokensOf(last.getInput()) / token_multiple, lastThreads, 1, 0}, {}, 0, {}};
  return op->emitOpError() << "has no kernel for a tile of tokens";
}

} // namespace cadenza
