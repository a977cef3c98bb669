#include "compiler/schedule/attention_geometry.h"

#include <limits>

using namespace mlir;

namespace cadenza {
namespace {

constexpr int multiprocessors = 132; // of the GPU that divisions are chosen for; every GPU can run them

ArrayRef<int64_t> shapeOf(Value value) { return cast<ShapedType>(value.getType()).getShape(); }

/// A view of [batch, head, row, element], or of [head, row, element]; `isTurned`: the last two the other way round.
AttentionPlan::Operand operandOf(Value value, bool isTurned) {
  const step::StridedView view = step::stridedView(value);
  const size_t rank = view.strides.size();
  return {view.source,
          view.offset,
          rank > 3 ? view.strides[rank - 4] : 0,
          view.strides[rank - 3],
          view.strides[rank - (isTurned ? 1 : 2)],
          view.strides[rank - (isTurned ? 2 : 1)]};
}

/// What the device code makes of the plan.
AttendShape shapeOf(const AttentionPlan &plan) {
  const unsigned bits = getElementTypeOrSelf(plan.q.source).getIntOrFloatBitWidth();
  return {.heads = static_cast<int>(plan.batches * plan.heads),
          .queries = static_cast<int>(plan.queries),
          .keys = static_cast<int>(plan.keys),
          .head_dim = static_cast<int>(plan.headDim),
          .element_bytes = static_cast<int>(bits / 8)};
}

/// The number that all elements of `value` are; nothing if it is no constant.
std::optional<double> splatOf(Value value) {
  if (auto expand = value.getDefiningOp<nn::ExpandOp>())
    return splatOf(expand.getInput());
  auto constant = value.getDefiningOp<nn::ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr;
  if (!elements || !elements.isSplat())
    return std::nullopt;
  return isa<FloatType>(elements.getElementType())
             ? elements.getSplatValue<APFloat>().convertToDouble()
             : static_cast<double>(elements.getSplatValue<APInt>().getSExtValue());
}

/// Which keys a mask that is added to scores leaves: up to those of the offset, if it is -inf above a diagonal and 0
/// elsewhere.
std::optional<int64_t> causalOffsetOf(Value mask, int64_t queries, int64_t keys) {
  auto triangle = mask.getDefiningOp<nn::TriluOp>();
  const ArrayRef<int64_t> shape = shapeOf(mask);
  if (!triangle || !triangle.getUpper() || shape.size() < 2 || shape[shape.size() - 2] != queries ||
      shape.back() != keys || splatOf(triangle.getInput()) != -std::numeric_limits<double>::infinity())
    return std::nullopt;
  const std::optional<double> diagonal = splatOf(triangle.getK());
  if (!diagonal || *diagonal < 1) // a query without keys is NaN
    return std::nullopt;
  return static_cast<int64_t>(*diagonal) - 1;
}

/// Takes the mask of a causal attention off the scores, if it is the last that is done with them.
void findCausalMask(AttentionPlan &plan) {
  auto sum = plan.softmaxInput.getDefiningOp<nn::BinaryOp>();
  if (!sum || sum.getFunction() != nn::BinaryFunction::Add)
    return;
  for (auto [scores, mask] : {std::pair{sum.getLhs(), sum.getRhs()}, std::pair{sum.getRhs(), sum.getLhs()}})
    if (const auto offset = causalOffsetOf(mask, plan.queries, plan.keys);
        offset && shapeOf(scores) == shapeOf(plan.products)) {
      plan.causalOffset = offset;
      plan.softmaxInput = scores;
      return;
    }
}

} // namespace

LaunchGeometry AttentionPlan::geometry() const {
  const AttendLaunch launch = attend_launch(tiles, shapeOf(*this));
  LaunchGeometry geometry;
  geometry.blocks = launch.blocks;
  geometry.threads = launch.threads;
  geometry.sharedBytes = launch.shared_bytes;
  return geometry;
}

std::optional<AttentionPlan> attentionOf(step::FusionOp fusion) {
  if (step::fusionKind(fusion) != step::FusionKind::Attention || fusion.getNumResults() != 1)
    return std::nullopt;
  SmallVector<nn::MatMulOp> products(fusion.getBody().getOps<nn::MatMulOp>());
  AttentionPlan plan{};
  plan.products = products[0];
  Value query = products[0].getLhs(), key = products[0].getRhs(), value = products[1].getRhs();
  const Type type = getElementTypeOrSelf(query);
  if (!isMultiplied(query) || getElementTypeOrSelf(value) != type || !isMultiplied(fusion.getResult(0)))
    return std::nullopt;
  const ArrayRef<int64_t> shape = shapeOf(plan.products);
  const size_t rank = shape.size();
  plan.batches = rank > 3 ? shape[rank - 4] : 1;
  plan.heads = shape[rank - 3];
  plan.queries = shape[rank - 2];
  plan.keys = shape[rank - 1];
  plan.headDim = shapeOf(query).back();
  if (shapeOf(query).size() != rank || shapeOf(key).size() != rank || shapeOf(value).size() != rank)
    return std::nullopt;
  plan.softmaxInput = (*fusion.getBody().getOps<nn::SoftmaxOp>().begin()).getInput();
  findCausalMask(plan);
  plan.q = operandOf(query, false);
  plan.k = operandOf(key, true);
  plan.v = operandOf(value, false);
  plan.zeroMaskedRows = llvm::any_of(fusion.getBody().getOps<nn::WhereOp>(), [&](nn::WhereOp choice) {
    auto test = choice.getCondition().getDefiningOp<nn::UnaryOp>();
    return test && test.getFunction() == nn::UnaryFunction::IsNaN && test.getInput().getDefiningOp<nn::SoftmaxOp>();
  });
  std::vector<ProductDimension> dimensions = {
      {plan.batches}, {plan.heads}, {plan.queries}, {shapeOf(products[1]).back()}};
  int64_t place = 1;
  for (ProductDimension &dimension : llvm::reverse(dimensions)) {
    dimension.place = place;
    place *= dimension.extent;
  }
  Value yielded = fusion.getYield().getValues()[0];
  const auto divided = storedDimensions(dimensions, beforeMovement(yielded), yielded);
  if (!divided || llvm::any_of(*divided, [](const auto &parts) { return parts.size() != 1; }))
    return std::nullopt;
  const auto stored = [&](size_t dimension) { return (*divided)[dimension][0].stored; };
  plan.output = {{}, 0, stored(0), stored(1), stored(2), stored(3)};
  plan.tiles = attend_tiles(shapeOf(plan), multiprocessors);
  return plan;
}

} // namespace cadenza
