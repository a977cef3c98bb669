#include "compiler/schedule/element_places.h"

using namespace mlir;

namespace cadenza {

Value beforeMovement(Value yielded) {
  Value computed = yielded;
  Operation *op = yielded.getDefiningOp();
  while (isa_and_present<nn::TransposeOp, nn::ReshapeOp>(op)) {
    Value operand = op->getOperand(0);
    if (isa<nn::TransposeOp>(op))
      computed = operand;
    op = operand.getDefiningOp();
  }
  return computed;
}

std::optional<std::vector<SmallVector<ProductDimension>>> storedDimensions(ArrayRef<ProductDimension> dimensions,
                                                                           Value computed, Value yielded) {
  std::vector<SmallVector<ProductDimension>> divided(dimensions.size());
  if (computed == yielded) { // stored in the order of places
    for (auto [dimension, parts] : llvm::zip_equal(dimensions, divided)) {
      parts = {dimension};
      parts[0].stored = dimension.place;
    }
    return divided;
  }
  const std::optional<SmallVector<int64_t>> strides = step::placesIn(computed, yielded);
  if (!strides)
    return std::nullopt;
  const ArrayRef<int64_t> shape = cast<ShapedType>(computed.getType()).getShape();
  size_t axis = shape.size();
  for (size_t i = dimensions.size(); i-- > 0;) {
    const ProductDimension &whole = dimensions[i];
    int64_t inner = 1;
    while (inner < whole.extent) {
      if (axis == 0)
        return std::nullopt;
      const int64_t extent = shape[--axis];
      if (whole.extent / inner % extent != 0)
        return std::nullopt;
      if (extent != 1)
        divided[i].insert(divided[i].begin(),
                          {extent, whole.a * inner, whole.b * inner, (*strides)[axis], whole.place * inner});
      inner *= extent;
    }
    if (divided[i].empty())
      divided[i].push_back({1, 0, 0, whole.place, whole.place});
  }
  return divided;
}

bool isMultiplied(Value value) {
  Type type = getElementTypeOrSelf(value);
  return type.isF32() || type.isF16() || type.isBF16();
}

} // namespace cadenza
