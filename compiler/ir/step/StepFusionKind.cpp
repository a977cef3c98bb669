// Which kind of kernel computes a fusion.
#include "compiler/ir/step/StridedView.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::step;

namespace {

using Shape = ArrayRef<int64_t>;

Shape shapeOf(Value value) { return cast<ShapedType>(value.getType()).getShape(); }
int64_t elementsOf(Shape shape) { return llvm::product_of(shape); }

bool isSource(Operation &op) { return isa<nn::GetWeightOp, nn::ConstantOp>(op); }
bool isElementwise(Operation &op) { return isa<nn::UnaryOp, nn::BinaryOp, nn::WhereOp, nn::CastOp>(op); }
bool isMovement(Operation &op) {
  return isa<nn::ReshapeOp, nn::TransposeOp, nn::SliceOp, nn::ConcatOp, nn::ExpandOp, nn::PadOp, nn::TriluOp,
             nn::RangeOp, nn::GatherOp, nn::GatherElementsOp, nn::GatherNDOp>(op);
}
bool isMap(Operation &op) { return isSource(op) || isElementwise(op) || isMovement(op); }

/// The first axis that an op reduces, which it does from there on: all further axes are reduced, or of extent 1.
/// Nothing if it is no such op.
std::optional<int64_t> firstReducedAxis(Operation &op) {
  const auto rank = op.getNumOperands() == 0 ? int64_t{0} : static_cast<int64_t>(shapeOf(op.getOperand(0)).size());
  const auto from0 = [&](int64_t axis) { return axis < 0 ? axis + rank : axis; };
  SmallVector<bool> reduced(rank);
  if (auto norm = dyn_cast<nn::LayerNormalizationOp>(op))
    return from0(static_cast<int64_t>(norm.getAxis()));
  if (auto norm = dyn_cast<nn::RMSNormalizationOp>(op))
    return from0(static_cast<int64_t>(norm.getAxis()));
  if (auto softmax = dyn_cast<nn::SoftmaxOp>(op))
    reduced[from0(static_cast<int64_t>(softmax.getAxis()))] = true;
  else if (auto softmax = dyn_cast<nn::LogSoftmaxOp>(op))
    reduced[from0(static_cast<int64_t>(softmax.getAxis()))] = true;
  else if (auto arg = dyn_cast<nn::ArgReduceOp>(op); arg && rank != 0)
    reduced[from0(static_cast<int64_t>(arg.getAxis()))] = true;
  else if (auto reduce = dyn_cast<nn::ReduceOp>(op))
    for (int64_t axis : reduce.getAxes())
      reduced[from0(axis)] = true;
  const auto first = static_cast<int64_t>(llvm::find(reduced, true) - reduced.begin());
  if (first == rank)
    return std::nullopt;
  const Shape shape = shapeOf(op.getOperand(0));
  for (int64_t axis = first; axis < rank; ++axis)
    if (!reduced[axis] && shape[axis] != 1)
      return std::nullopt;
  return first;
}

/// Rows of `extent` elements: values of `rows` * `extent` elements, or of one element a row.
struct Rows {
  int64_t rows, extent;

  bool has(Shape shape) const { return elementsOf(shape) == rows * extent || elementsOf(shape) == rows; }

  /// Whether an element of `result` needs of `operand`, which broadcasts to it, elements of its own row only.
  bool staysInRow(Shape operand, Shape result) const {
    if (elementsOf(operand) == elementsOf(result))
      return true;
    if (elementsOf(result) != rows * extent || elementsOf(operand) != rows)
      return false;
    // Axes of the rows have the result's extents, axes of a row's elements 1.
    const size_t added = result.size() - operand.size();
    int64_t before = 1;
    for (auto [axis, size] : llvm::enumerate(result)) {
      if ((axis < added ? 1 : operand[axis - added]) != (before < rows ? size : 1))
        return false;
      before *= size;
    }
    return true;
  }
};

/// The rows that the reductions of `fusion` work on, if all are of the same.
std::optional<Rows> rowsOf(FusionOp fusion) {
  std::optional<Rows> rows;
  for (Operation &op : fusion.getOps()) {
    if (isMap(op))
      continue;
    const std::optional<int64_t> axis = firstReducedAxis(op);
    if (!axis)
      return std::nullopt;
    const Shape shape = shapeOf(op.getOperand(0));
    const Rows own{elementsOf(shape.take_front(*axis)), elementsOf(shape.drop_front(*axis))};
    if (rows && (rows->rows != own.rows || rows->extent != own.extent))
      return std::nullopt;
    rows = own;
  }
  return rows;
}

/// Whether a kernel of rows can have the ops of `fusion` together: elements that lie in a row, and, where ops follow a
/// reduction, reductions of the last axis alone, of more than one row where their results are values of their own.
bool areOfOneKernel(FusionOp fusion, const Rows &rows) {
  const auto follows = [](Operation &op) {
    return llvm::any_of(op.getOperands(), [](Value value) {
      Operation *before = value.getDefiningOp();
      return before && !isMap(*before);
    });
  };
  const bool anyFollows = llvm::any_of(fusion.getOps(), follows);
  return llvm::none_of(fusion.getOps(), [&](Operation &op) {
    const bool isValue = isa<nn::ReduceOp, nn::ArgReduceOp>(op);
    const bool isLastAxis = isMap(op) || shapeOf(op.getOperand(0)).back() == rows.extent;
    return isa<nn::GatherElementsOp>(op) || (anyFollows && ((isValue && rows.rows == 1) || !isLastAxis));
  });
}

/// Whether what is made of a row's reduction stays in that row.
bool isRows(FusionOp fusion) {
  const std::optional<Rows> rows = rowsOf(fusion);
  if (!rows || !areOfOneKernel(fusion, *rows))
    return false;
  llvm::SmallPtrSet<Value, 16> reduced; // and what follows from it
  for (Operation &op : fusion.getOps()) {
    const bool follows = llvm::any_of(op.getOperands(), [&](Value value) { return reduced.contains(value); });
    if (isMap(op) && !follows)
      continue;
    for (Value result : op.getResults()) {
      if (!rows->has(shapeOf(result)))
        return false;
      reduced.insert(result);
    }
    if (!follows)
      continue;
    if (!isMap(op)) { // reduces rows, by scale and bias of its own
      if (llvm::any_of(op.getOperands().drop_front(), [&](Value value) { return reduced.contains(value); }))
        return false;
    } else if (isElementwise(op) || isa<nn::ExpandOp>(op)) {
      for (Value operand : op.getOperands())
        if (reduced.contains(operand) && !rows->staysInRow(shapeOf(operand), shapeOf(op.getResult(0))))
          return false;
    } else if (!isa<nn::ReshapeOp>(op)) { // which leaves elements where they are, row after row
      return false;
    }
  }
  return true;
}

/// Whether `value` is a view, that runs forwards, of what lies in memory: an input of the fusion or a weight.
bool isView(Value value) {
  const StridedView view = stridedView(value);
  Operation *source = view.source.getDefiningOp();
  return (!source || isa<nn::GetWeightOp>(source)) &&
         llvm::all_of(view.strides, [](int64_t stride) { return stride >= 0; });
}
bool takesViews(nn::MatMulOp product) { return isView(product.getLhs()) && isView(product.getRhs()); }

using Values = llvm::SmallPtrSet<Value, 16>;
bool takesAny(Operation &op, const Values &values) {
  return llvm::any_of(op.getOperands(), [&](Value value) { return values.contains(value); });
}

/// The elementwise ops on `from`, adds to `made` what they make, and to `stored` what is only moved then. Whether that
/// is all that is done with `from` before `end`, a matmul or null, takes it; each of which keeps one value an element.
bool followElements(FusionOp fusion, Value from, Values &made, Values &stored, ArrayRef<Operation *> ends = {}) {
  made.insert(from);
  const Shape shape = shapeOf(from);
  for (Operation &op : fusion.getOps()) {
    if (&op == from.getDefiningOp() || llvm::is_contained(ends, &op) || !(takesAny(op, made) || takesAny(op, stored)))
      continue;
    const Value result = op.getResult(0);
    const bool keepsPlaces = llvm::all_of(op.getOperands(), [&](Value operand) {
      return !made.contains(operand) || elementsOf(shapeOf(operand)) == elementsOf(shape);
    });
    if (!keepsPlaces || elementsOf(shapeOf(result)) != elementsOf(shape))
      return false;
    if (!takesAny(op, stored) && (isElementwise(op) || isa<nn::ReshapeOp>(op)))
      made.insert(result);
    else if (isa<nn::ReshapeOp, nn::TransposeOp>(op))
      stored.insert(result);
    else
      return false;
  }
  return true;
}

/// Whether `value` is of `made`, or moved from such by strides.
bool keepsPlaces(Value value, const Values &made, const Values &stored) {
  Value from = value;
  while (stored.contains(from))
    from = from.getDefiningOp()->getOperand(0);
  return made.contains(value) || (stored.contains(value) && placesIn(from, value).has_value());
}
bool yieldsPlaces(FusionOp fusion, const Values &made, const Values &stored) {
  return llvm::all_of(fusion.getYield().getValues(), [&](Value value) { return keepsPlaces(value, made, stored); });
}

bool isProduct(FusionOp fusion) {
  SmallVector<nn::MatMulOp> products(fusion.getBody().getOps<nn::MatMulOp>());
  if (products.empty() ||
      !llvm::all_of(fusion.getOps(), [](Operation &op) { return isMap(op) || isa<nn::MatMulOp>(op); }))
    return false;
  const StridedView lhs = stridedView(products[0].getLhs());
  const Shape shape = shapeOf(products[0].getLhs());
  llvm::SmallPtrSet<Value, 8> yielded;
  Values all;
  for (nn::MatMulOp product : products) {
    const StridedView own = stridedView(product.getLhs());
    if (!takesViews(product) || own.source != lhs.source || own.offset != lhs.offset || own.strides != lhs.strides ||
        shapeOf(product.getLhs()) != shape)
      return false;
    Values made, stored;
    if (!followElements(fusion, product, made, stored))
      return false;
    for (Value value : llvm::concat<const Value>(made, stored))
      if (!all.insert(value).second) // of another product
        return false;
    for (Value value : fusion.getYield().getValues())
      if (keepsPlaces(value, made, stored))
        yielded.insert(value);
  }
  return llvm::all_of(fusion.getYield().getValues(), [&](Value value) { return yielded.contains(value); });
}

/// Whether `op` is part of replacing NaN by 0, as exporters do with rows that a mask hides whole: is_nan of `weights`,
/// or the choice between 0 and them.
bool guardsAgainstNaN(Operation &op, Value weights) {
  if (auto test = dyn_cast<nn::UnaryOp>(op))
    return test.getFunction() == nn::UnaryFunction::IsNaN && test.getInput() == weights;
  auto choice = dyn_cast<nn::WhereOp>(op);
  auto test = choice ? choice.getCondition().getDefiningOp<nn::UnaryOp>() : nullptr;
  auto zero = choice ? choice.getOnTrue().getDefiningOp<nn::ConstantOp>() : nullptr;
  auto value = zero ? dyn_cast<DenseElementsAttr>(zero.getValue()) : nullptr;
  return test && guardsAgainstNaN(*test, weights) && choice.getOnFalse() == weights && value && value.isSplat() &&
         isa<FloatType>(value.getElementType()) && value.getSplatValue<APFloat>().isZero();
}

constexpr int64_t maximumHeadDim = 256; // of codegen/kernels/attend_sequence.cuh

bool isAttention(FusionOp fusion) {
  SmallVector<nn::MatMulOp> products(fusion.getBody().getOps<nn::MatMulOp>());
  SmallVector<nn::SoftmaxOp> softmaxes(fusion.getBody().getOps<nn::SoftmaxOp>());
  if (products.size() != 2 || softmaxes.size() != 1)
    return false;
  nn::MatMulOp scores = products[0], sum = products[1];
  nn::SoftmaxOp softmax = softmaxes[0];
  const Shape shape = shapeOf(scores);
  const auto rank = static_cast<int64_t>(shape.size());
  const int64_t headDim = shapeOf(scores.getLhs()).back();
  if (rank < 3 || rank > 4 || !takesViews(scores) || !isView(sum.getRhs()) || headDim % 8 != 0 ||
      headDim > maximumHeadDim || shapeOf(sum.getRhs()).back() != headDim ||
      (static_cast<int64_t>(softmax.getAxis()) + rank) % rank != rank - 1 || shapeOf(softmax) != shape)
    return false;
  for (Operation &op : fusion.getOps())
    if (!isMap(op) && !isa<nn::MatMulOp, nn::SoftmaxOp>(op))
      return false;
  Values before, nowhere;
  if (!followElements(fusion, scores, before, nowhere, {softmax}) || !nowhere.empty() ||
      !before.contains(softmax.getInput()))
    return false;
  Values weights{softmax.getResult()};
  for (Operation &op : fusion.getOps()) {
    if (&op == sum.getOperation() || !takesAny(op, weights))
      continue;
    if (!isa<nn::CastOp>(op) && !guardsAgainstNaN(op, softmax))
      return false;
    weights.insert(op.getResult(0));
  }
  Values made, stored;
  return weights.contains(sum.getLhs()) && !weights.contains(sum.getRhs()) &&
         followElements(fusion, sum, made, stored) &&
         llvm::all_of(
             made,
             [&](Value value) { return value == sum.getResult() || isa<nn::ReshapeOp>(value.getDefiningOp()); }) &&
         yieldsPlaces(fusion, made, stored);
}

} // namespace

FusionKind cadenza::step::fusionKind(FusionOp fusion) {
  if (llvm::all_of(fusion.getOps(), isMap))
    return FusionKind::Map;
  if (isRows(fusion))
    return FusionKind::Rows;
  if (isProduct(fusion))
    return FusionKind::Product;
  return isAttention(fusion) ? FusionKind::Attention : FusionKind::Single;
}
