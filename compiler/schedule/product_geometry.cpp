#include "compiler/schedule/product_geometry.h"

using namespace mlir;

namespace cadenza {
namespace {

/// Of the GPU that divisions are chosen for.
constexpr int multiprocessors = 132;

ArrayRef<int64_t> shapeOf(Value value) { return cast<ShapedType>(value.getType()).getShape(); }
int64_t elementsOf(Value value) { return cast<ShapedType>(value.getType()).getNumElements(); }

/// The matmul that `value` follows from, if it is one, and `product` if it is given.
bool followsFrom(Value value, nn::MatMulOp product) {
  Operation *op = value.getDefiningOp();
  return op && (op == product.getOperation() ||
                llvm::any_of(op->getOperands(), [&](Value operand) { return followsFrom(operand, product); }));
}

/// A batch that only continues the rows becomes rows, and batches of one element go.
void foldBatches(ProductPlan &plan) {
  llvm::erase_if(plan.batch, [](const ProductDimension &dimension) { return dimension.extent == 1; });
  ProductDimension &rows = plan.rows;
  while (!plan.batch.empty()) {
    const ProductDimension last = plan.batch.back();
    const bool continues = last.b == 0 && last.a == rows.extent * rows.a && last.stored == rows.extent * rows.stored &&
                           last.place == rows.extent * rows.place;
    if (!continues && rows.extent != 1)
      return;
    if (!continues && last.b != 0)
      return;
    rows = rows.extent == 1 ? last : ProductDimension{rows.extent * last.extent, rows.a, 0, rows.stored, rows.place};
    plan.batch.pop_back();
  }
}

int64_t elementBytesOf(const ProductPlan &plan) {
  return getElementTypeOrSelf(plan.a.source).getIntOrFloatBitWidth() / 8;
}

std::optional<ProductPlan> planOf(step::FusionOp fusion, nn::MatMulOp op) {
  ProductPlan plan{};
  plan.product = op;
  unsigned results = 0;
  for (auto [number, value] : llvm::enumerate(fusion.getYield().getValues()))
    if (followsFrom(value, op)) {
      plan.result = number;
      ++results;
    }
  Value lhs = op.getLhs(), rhs = op.getRhs();
  if (results != 1 || !isMultiplied(lhs) || !isMultiplied(fusion.getResult(plan.result)) ||
      elementsOf(fusion.getResult(plan.result)) != elementsOf(op) || elementsOf(op) >= int64_t{1} << 31)
    return std::nullopt;
  plan.a = step::stridedView(lhs);
  plan.b = step::stridedView(rhs);
  const ArrayRef<int64_t> a = shapeOf(lhs), b = shapeOf(rhs), made = shapeOf(op);
  const size_t matrixAxes = (a.size() > 1 ? 1 : 0) + (b.size() > 1 ? 1 : 0);
  // Batches, rows and columns of the result.
  std::vector<ProductDimension> dimensions;
  for (int64_t extent : made.drop_back(matrixAxes))
    dimensions.push_back({extent});
  const size_t batches = dimensions.size();
  const auto broadcast = [&](const step::StridedView &view, int64_t ProductDimension::*stride) {
    const size_t own = view.strides.size() > 2 ? view.strides.size() - 2 : 0;
    for (size_t i = 0; i < own; ++i)
      dimensions[batches - own + i].*stride = view.strides[i];
  };
  broadcast(plan.a, &ProductDimension::a);
  broadcast(plan.b, &ProductDimension::b);
  plan.depth = a.back();
  plan.aDepth = plan.a.strides.back();
  plan.bDepth = b.size() > 1 ? plan.b.strides[b.size() - 2] : plan.b.strides.back();
  dimensions.push_back(a.size() > 1 ? ProductDimension{a[a.size() - 2], plan.a.strides[a.size() - 2]}
                                    : ProductDimension{1});
  dimensions.push_back(b.size() > 1 ? ProductDimension{b.back(), 0, plan.b.strides.back()} : ProductDimension{1});
  int64_t place = 1;
  for (ProductDimension &dimension : llvm::reverse(dimensions)) {
    dimension.place = place;
    place *= dimension.extent;
  }
  Value yielded = fusion.getYield().getValues()[plan.result];
  plan.computed = beforeMovement(yielded);
  const auto divided = storedDimensions(dimensions, plan.computed, yielded);
  if (!divided)
    return std::nullopt;
  plan.columns = divided->back().back();
  plan.rows = (*divided)[batches].back();
  for (size_t i = 0; i < batches; ++i)
    plan.batch.append((*divided)[i]);
  plan.batch.append((*divided)[batches].begin(), (*divided)[batches].end() - 1);
  plan.batch.append(divided->back().begin(), divided->back().end() - 1);
  foldBatches(plan);
  return plan;
}

/// What the device code makes of the plan, of `count` such products.
MatmulShape shapeOf(const ProductPlan &plan, int64_t count = 1) {
  return {.batch = static_cast<int>(plan.batches() * count),
          .rows = static_cast<int>(plan.rows.extent),
          .columns = static_cast<int>(plan.columns.extent),
          .depth = static_cast<int>(plan.depth),
          .element_bytes = static_cast<int>(elementBytesOf(plan)),
          .a_along_k = a_is_along_k(plan.rows.a, plan.aDepth),
          .b_along_k = b_is_along_k(plan.bDepth, plan.columns.b)};
}

} // namespace

int64_t ProductPlan::batches() const {
  int64_t count = 1;
  for (const ProductDimension &dimension : batch)
    count *= dimension.extent;
  return count;
}

LaunchGeometry ProductPlan::geometry() const {
  const MatmulLaunch launch = matmul_launch(tiles, shapeOf(*this));
  LaunchGeometry geometry;
  geometry.blocks = launch.blocks;
  geometry.threads = launch.threads;
  geometry.sharedBytes = launch.shared_bytes;
  geometry.cluster = launch.cluster;
  return geometry;
}

std::vector<ProductPlan> productsOf(step::FusionOp fusion, bool clusters) {
  std::vector<ProductPlan> plans;
  if (step::fusionKind(fusion) != step::FusionKind::Product)
    return plans;
  for (nn::MatMulOp op : fusion.getBody().getOps<nn::MatMulOp>()) {
    std::optional<ProductPlan> plan = planOf(fusion, op);
    if (!plan)
      return {};
    plans.push_back(std::move(*plan));
  }
  if (plans.size() != fusion.getNumResults())
    return {};
  const MatmulTiles tiles =
      matmul_tiles(shapeOf(plans.front(), static_cast<int64_t>(plans.size())), multiprocessors, clusters);
  for (ProductPlan &plan : plans)
    plan.tiles = tiles;
  return plans;
}

LaunchGeometry geometryOf(ArrayRef<ProductPlan> products) {
  LaunchGeometry geometry = products.front().geometry();
  for (const ProductPlan &plan : products.drop_front()) {
    const LaunchGeometry own = plan.geometry();
    geometry.blocks += own.blocks;
    geometry.sharedBytes = std::max(geometry.sharedBytes, own.sharedBytes);
  }
  return geometry;
}

} // namespace cadenza
