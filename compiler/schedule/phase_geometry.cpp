#include "compiler/schedule/phase_geometry.h"

#include <numeric>

using namespace mlir;

namespace cadenza {
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

} // namespace

FailureOr<ProjectGeometry> geometryOf(step::ProjectOp op, const SumOrder &order) {
  SymbolTableCollection symbols;
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
  if (failed(checkExtents(op, {total, order.kWays})) || failed(checkExtents(op, columns, mostColumns)))
    return failure();
  if (!weight.isBF16() && !weight.isF16())
    return op->emitOpError() << "has matrices of " << weight << "; kernels multiply bf16 and f16";
  SmallVector<step::FunctionAttrInterface> epilogues =
      llvm::to_vector(op.getEpilogues().getAsRange<step::FunctionAttrInterface>());
  const int64_t normSums = op.getPrologueAttr() ? op.getPrologueAttr().getChunkSums() : 1;
  FailureOr<ProjectGeometry> geometry = orError(projectGeometry(rows, op.getInterleaved(), columns, order.kGroups,
                                                                order.kWays, commonRowGroup(epilogues), normSums),
                                                op);
  // Scales of groups take registers.
  if (succeeded(geometry) && lookup.encoding(op.getMatrixSymbols()[0]).getFormat().grouped())
    geometry->minBlocks = std::max(1, geometry->minBlocks / 2);
  return geometry;
}

FailureOr<AttendGeometry> geometryOf(step::AttendOp op, const SumOrder &order) {
  SymbolTableCollection symbols;
  nn::CacheOp cache = step::SymbolLookup(op, symbols).cache(op.getCacheAttr());
  const auto heads = static_cast<int64_t>(op.getHeads()), kvHeads = static_cast<int64_t>(cache.getKvHeads());
  const auto headDim = static_cast<int64_t>(cache.getHeadDim());
  if (failed(checkExtents(op, {heads * headDim, order.splits})))
    return failure();
  if (cache.getType().getIntOrFloatBitWidth() != 16)
    return op->emitOpError() << "reads keys and values as " << cache.getType() << "; kernels need 16 bits";
  return orError(attendGeometry(heads, kvHeads, headDim, order.splits, order.warps), op);
}

FailureOr<MapGeometry> geometryOf(step::MapOp op) {
  if (op.getInputs().empty())
    return op->emitOpError() << "has no inputs, so there is nothing to launch";
  const int64_t rows = nn::rowElements(op.getInputs().front());
  for (Value input : op.getInputs())
    if (nn::rowElements(input) != rows)
      return op->emitOpError() << "has inputs of " << rows << " and " << nn::rowElements(input)
                               << " elements; kernels take equal ones";
  if (failed(checkExtents(op, rows)))
    return failure();
  return orError(mapGeometry(rows, static_cast<int64_t>(op.getInputs().size()), commonRowGroup(op.getFunctions())), op);
}

FailureOr<MapGeometry> geometryOf(step::SelectOp op) {
  const int64_t rows = nn::rowElements(op.getLogits());
  if (failed(checkExtents(op, rows)))
    return failure();
  return orError(mapGeometry(rows, 1, 1, /*blockRows=*/2048), op);
}

FailureOr<LaunchGeometry> geometryOf(step::EmbedOp op) {
  SymbolTableCollection symbols;
  const int64_t columns = nn::rowElements(op.getResult());
  for (FlatSymbolRefAttr symbol : {op.getMatrixAttr(), op.getPositionsAttr()}) {
    if (!symbol)
      continue;
    RankedTensorType matrix = step::SymbolLookup(op, symbols).weightType(symbol);
    if (failed(checkExtents(op, matrix.getDimSize(0))) || failed(checkExtents(op, columns, mostColumns)))
      return failure();
    if (!matrix.getElementType().isBF16() && !matrix.getElementType().isF16())
      return op->emitOpError() << "has a table of " << matrix.getElementType() << "; kernels read bf16 and f16";
  }
  return embedGeometry(columns);
}

} // namespace cadenza
