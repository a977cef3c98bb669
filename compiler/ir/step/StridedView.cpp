#include "compiler/ir/step/StridedView.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::step;

namespace {

using Extents = ArrayRef<int64_t>;
using Strides = SmallVector<int64_t>;

Extents shapeOf(Value value) { return cast<ShapedType>(value.getType()).getShape(); }

/// Of a tensor that lies row-major. An axis of extent 1 has stride 0.
Strides rowMajor(Extents shape) {
  Strides strides(shape.size());
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0; stride *= shape[axis])
    strides[axis] = shape[axis] == 1 ? 0 : stride;
  return strides;
}

/// The strides of elements at `strides` of shape `from` as ones of shape `to`; nothing if there are none. As
/// torch.Tensor.view: runs of axes that lie in each other without gaps are one axis, which is cut anew.
std::optional<Strides> reshaped(Extents from, Extents strides, Extents to) {
  SmallVector<std::pair<int64_t, int64_t>> runs; // extent and stride, the last axis first
  for (size_t axis = from.size(); axis-- > 0;) {
    if (from[axis] == 1)
      continue;
    if (!runs.empty() && strides[axis] == runs.back().first * runs.back().second)
      runs.back().first *= from[axis];
    else
      runs.emplace_back(from[axis], strides[axis]);
  }
  Strides result(to.size());
  auto *run = runs.begin();
  for (size_t axis = to.size(); axis-- > 0;) {
    if (to[axis] == 1)
      continue;
    if (run == runs.end() || run->first % to[axis] != 0)
      return std::nullopt;
    result[axis] = run->second;
    run->first /= to[axis];
    run->second *= to[axis];
    if (run->first == 1)
      ++run;
  }
  return result;
}

/// `view` of the operand of `op` as a view of its result; nothing if `op` makes no view.
std::optional<StridedView> moved(Operation *op, StridedView view) {
  const Extents from = shapeOf(op->getOperand(0)), to = shapeOf(op->getResult(0));
  if (isa<nn::ReshapeOp>(op)) {
    std::optional<Strides> strides = reshaped(from, view.strides, to);
    if (!strides)
      return std::nullopt;
    view.strides = std::move(*strides);
    return view;
  }
  if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
    view.strides = llvm::map_to_vector(transpose.getPermutation(), [&](int64_t axis) { return view.strides[axis]; });
    return view;
  }
  if (isa<nn::ExpandOp>(op)) {
    Strides strides(to.size());
    for (size_t axis = 0, added = to.size() - from.size(); axis < from.size(); ++axis)
      strides[added + axis] = from[axis] == 1 ? 0 : view.strides[axis];
    view.strides = std::move(strides);
    return view;
  }
  auto slice = dyn_cast<nn::SliceOp>(op);
  if (!slice || op->getNumOperands() != 1)
    return std::nullopt;
  for (auto [axis, start, step] : llvm::enumerate(slice.getStaticStarts(), slice.getStepsOrOnes())) {
    view.offset += start * view.strides[axis];
    view.strides[axis] = to[axis] == 1 ? 0 : view.strides[axis] * step;
  }
  return view;
}

/// The view that movement makes of its source, or of `stop` if that is on the way.
StridedView viewFrom(Value value, Value stop) {
  Operation *op = value.getDefiningOp();
  if (value != stop && op && isa<nn::ReshapeOp, nn::TransposeOp, nn::ExpandOp, nn::SliceOp>(op))
    if (std::optional<StridedView> view = moved(op, viewFrom(op->getOperand(0), stop)))
      return *view;
  return {value, 0, rowMajor(shapeOf(value))};
}

} // namespace

StridedView step::stridedView(Value value) { return viewFrom(value, Value()); }

std::optional<SmallVector<int64_t>> step::placesIn(Value from, Value to) {
  while (to != from && to.getDefiningOp<nn::ReshapeOp>()) // which leaves elements where they are
    to = to.getDefiningOp()->getOperand(0);
  const StridedView view = viewFrom(to, from);
  const Extents shape = shapeOf(to);
  if (view.source != from || view.offset != 0 || llvm::product_of(shape) != llvm::product_of(shapeOf(from)))
    return std::nullopt;
  // Each axis of `to`, by descending stride in `from`, is a run of the elements of `from`: together they are all of
  // them. What lies in `from` next to each other as those axes say is then cut into the axes of `from`.
  SmallVector<size_t> order;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (shape[axis] != 1)
      order.push_back(axis);
  llvm::stable_sort(order, [&](size_t a, size_t b) { return view.strides[a] > view.strides[b]; });
  int64_t next = 1;
  for (size_t axis : llvm::reverse(order)) {
    if (view.strides[axis] != next)
      return std::nullopt;
    next *= shape[axis];
  }
  const Strides own = rowMajor(shape);
  const auto extents = llvm::map_to_vector(order, [&](size_t axis) { return shape[axis]; });
  const auto strides = llvm::map_to_vector(order, [&](size_t axis) { return own[axis]; });
  return reshaped(extents, strides, shapeOf(from));
}
