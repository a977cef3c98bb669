#include "compiler/schedule/fusion_geometry.h"

#include "compiler/schedule/attention_geometry.h"
#include "compiler/schedule/product_geometry.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace cadenza {
namespace {

constexpr int64_t blockThreads = 256, warpThreads = 32;
/// As many threads as make good use of a large GPU: packs must not leave fewer.
constexpr int64_t enoughThreads = 1 << 16;
constexpr int64_t packBytes = 16; // of one access

ArrayRef<int64_t> shapeOf(Value value) { return cast<ShapedType>(value.getType()).getShape(); }
int64_t elementsOf(Value value) { return cast<ShapedType>(value.getType()).getNumElements(); }
int64_t elementBytes(Value value) {
  return std::max<int64_t>(1, cast<ShapedType>(value.getType()).getElementTypeBitWidth() / 8);
}

/// The axes that a reduction reduces; none if the op is no reduction.
std::optional<SmallVector<bool>> reducedAxes(Operation &op) {
  if (!isReduction(op))
    return std::nullopt;
  const auto rank = static_cast<int64_t>(shapeOf(op.getOperand(0)).size());
  SmallVector<bool> reduced(rank);
  const auto mark = [&](int64_t axis, bool andAfter = false) {
    axis = axis < 0 ? axis + rank : axis;
    for (int64_t i = axis; i < (andAfter ? rank : std::min(axis + 1, rank)); ++i)
      reduced[i] = true;
  };
  llvm::TypeSwitch<Operation *>(&op)
      .Case<nn::LayerNormalizationOp, nn::RMSNormalizationOp>(
          [&](auto norm) { mark(static_cast<int64_t>(norm.getAxis()), /*andAfter=*/true); })
      .Case([&](nn::ReduceOp reduce) { llvm::for_each(reduce.getAxes(), [&](int64_t axis) { mark(axis); }); })
      .Case<nn::SoftmaxOp, nn::LogSoftmaxOp, nn::ArgReduceOp>(
          [&](auto along) { mark(static_cast<int64_t>(along.getAxis())); });
  return reduced;
}

RowSpace rowSpaceOf(Operation &op, const SmallVector<bool> &reduced) {
  RowSpace space{llvm::to_vector(shapeOf(op.getOperand(0))), reduced};
  for (auto [extent, isReduced] : llvm::zip_equal(space.shape, reduced))
    (isReduced ? space.columns : space.rows) *= extent;
  return space;
}

/// Threads that share a row, and elements of it that they take together.
void shareRows(const RowSpace &rows, int64_t pack, FusionGeometry &geometry) {
  if (!rows.isContiguous() && rows.columns <= 4096) { // neighbouring rows, which lie next to each other, in one warp
    geometry.lanes = 1;
    return;
  }
  while (pack > 1 && (!rows.isContiguous() || rows.columns % pack != 0))
    pack /= 2;
  geometry.pack = pack;
  const int64_t packs = rows.columns / pack;
  // Few rows take as long as one of them: if a lane has at most two packs, all loads are on their way at once.
  if (packs <= 4 && rows.rows >= enoughThreads / warpThreads)
    geometry.lanes = 1;
  else if (packs <= 2 * warpThreads || rows.rows * warpThreads >= enoughThreads)
    geometry.lanes = warpThreads;
  else
    geometry.lanes = std::min(blockThreads, static_cast<int64_t>(llvm::alignTo(packs, warpThreads)));
  if (geometry.lanes == 1)
    geometry.pack = 1;
}

/// Whether elements of a fusion are computed apart from their neighbours, in branches or loops of their own.
bool hasBranches(step::FusionOp fusion) {
  return llvm::any_of(fusion.getOps(), [](Operation &op) {
    return isa<nn::ConcatOp, nn::PadOp, nn::TriluOp, nn::ScatterElementsOp, nn::ScatterNDOp, nn::TensorScatterOp,
               nn::MatMulOp, nn::CumSumOp, nn::TopKOp>(op);
  });
}

} // namespace

bool RowSpace::isContiguous() const {
  bool isAfter = false;
  for (auto [extent, reduced] : llvm::zip_equal(shape, isReduced)) {
    if (isAfter && !reduced && extent != 1)
      return false;
    isAfter |= reduced && extent != 1;
  }
  return true;
}

bool isReduction(Operation &op) {
  return isa<nn::ReduceOp, nn::ArgReduceOp, nn::SoftmaxOp, nn::LogSoftmaxOp, nn::LayerNormalizationOp,
             nn::RMSNormalizationOp>(op);
}

std::optional<RowSpace> rowSpaceOf(step::FusionOp fusion) {
  std::optional<RowSpace> space;
  for (Operation &op : fusion.getOps()) {
    const std::optional<SmallVector<bool>> reduced = reducedAxes(op);
    if (!reduced)
      continue;
    RowSpace own = rowSpaceOf(op, *reduced);
    const bool isSame = space && own.rows == space->rows && own.columns == space->columns &&
                        ((own.isContiguous() && space->isContiguous()) ||
                         (own.shape == space->shape && own.isReduced == space->isReduced));
    if (space && !isSame)
      return std::nullopt;
    space = std::move(own);
  }
  return space;
}

FailureOr<FusionGeometry> geometryOf(step::FusionOp fusion, bool clusters) {
  constexpr int64_t mostBlocks = (int64_t{1} << 31) - 1; // of a grid
  FusionGeometry geometry;
  if (const std::vector<ProductPlan> products = productsOf(fusion, clusters); !products.empty()) {
    static_cast<LaunchGeometry &>(geometry) = geometryOf(products);
    return geometry;
  }
  if (const std::optional<AttentionPlan> attention = attentionOf(fusion)) {
    static_cast<LaunchGeometry &>(geometry) = attention->geometry();
    return geometry;
  }
  int64_t elements = 0, smallest = packBytes; // of results; bytes of an element
  for (Value result : fusion.getResults()) {
    elements = std::max(elements, elementsOf(result));
    smallest = std::min(smallest, elementBytes(result));
  }
  int64_t pack = hasBranches(fusion) ? 1 : packBytes / smallest;
  const bool reduces = llvm::any_of(fusion.getOps(), isReduction);
  const std::optional<RowSpace> rows = rowSpaceOf(fusion);
  if (reduces && !rows)
    return fusion.emitOpError() << "reduces different rows, which one kernel cannot; --target=cpu runs it";
  int64_t threads = 0;
  if (rows) {
    shareRows(*rows, std::min<int64_t>(pack, 8), geometry);
    threads = rows->rows * geometry.lanes;
  } else {
    for (Value result : fusion.getResults())
      while (pack > 1 && (elementsOf(result) % pack != 0 || elements / pack < enoughThreads))
        pack /= 2;
    geometry.pack = pack;
    threads = elements / pack;
  }
  // A team of several warps is a block.
  geometry.threads = static_cast<int>(geometry.lanes > warpThreads ? geometry.lanes : blockThreads);
  const auto blocks = static_cast<int64_t>(llvm::divideCeil(threads, geometry.threads));
  if (blocks > mostBlocks)
    return fusion.emitOpError() << "needs " << blocks << " blocks, more than a grid can have";
  geometry.blocks = static_cast<int>(blocks);
  if (geometry.lanes > warpThreads)
    geometry.sharedBytes = static_cast<int>(geometry.lanes / warpThreads * 16); // Team::largest_part
  return geometry;
}

} // namespace cadenza
