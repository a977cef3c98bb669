#include "compiler/import/onnx/shapes/infer.h"

#include <string>

namespace cadenza::onnx::infer {
namespace {

/// Attribute output_dtype, of which 0 means `otherwise`.
ElementType outputType(NodeInference &node, ElementType otherwise) {
  if (node.integer("output_dtype", 0) == 0)
    return otherwise;
  const auto written = node.elementType("output_dtype");
  return written ? *written : otherwise;
}

} // namespace

void quantizeLinear(NodeInference &node) { // x, scale, zero point
  const ElementType type = outputType(node, node.has(2) ? node.type(2) : ElementType::u8);
  if (node.has(2) && type != node.type(2))
    return node.invalid("output_dtype is " + std::string(elementTypeName(type)) + ", the zero point is " +
                        std::string(elementTypeName(node.type(2))));
  node.set(0, type, node.shape(0));
}

void dequantizeLinear(NodeInference &node) { // x, scale, zero point
  // One scale, one for each element of an axis, or (as many axes as x) one for each block of an axis.
  const bool blocked = node.integer("block_size", 0) > 0;
  const bool single = !blocked && (node.rank(1) == 0 || (node.rank(1) == 1 && node.shape(1)[0].is(1)));
  if (!node.sameType(0, 2) || (blocked && !node.hasRank(1, node.rank(0))) || (!blocked && !node.hasRank(1, 0, 1)) ||
      (!single && !node.axis(node.integer("axis", 1), node.rank(0))))
    return;
  node.set(0, outputType(node, node.type(1)), node.shape(0));
}

void dynamicQuantizeLinear(NodeInference &node) {
  node.set(0, ElementType::u8, node.shape(0));
  node.set(1, ElementType::f32, {});
  node.set(2, ElementType::u8, {});
}

void gatherBlockQuantized(NodeInference &node) { // data, indices, scales, zero points
  const auto axis = node.axis(node.integer("gather_axis", 0), node.rank(0));
  if (!axis)
    return;
  Shape data = node.shape(0);
  if (node.type(0) == ElementType::u8) { // packed along the last axis
    const int64_t bits = node.integer("bits", 4);
    if (bits != 2 && bits != 4 && bits != 8)
      return node.invalid("attribute 'bits' is " + std::to_string(bits));
    data.back() = data.back() * (8 / bits);
  }
  Shape shape(data.begin(), data.begin() + static_cast<ptrdiff_t>(*axis));
  shape.insert(shape.end(), node.shape(1).begin(), node.shape(1).end());
  shape.insert(shape.end(), data.begin() + static_cast<ptrdiff_t>(*axis) + 1, data.end());
  node.set(0, node.type(2), std::move(shape));
}

} // namespace cadenza::onnx::infer
