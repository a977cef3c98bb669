// Matrices in com.microsoft's encodings: integers of a few bits, packed along the last axis from the low bits on, with
// a scale and a zero point a block.
#include "compiler/import/onnx/lower/lower.h"
#include "compiler/support/block_quantization.h"

namespace cadenza::onnx::lower {
namespace {

/// Where a node has its matrix: bytes, scales and zero points (which may be absent) are inputs.
struct Encoded {
  size_t bytes, scales, zeros;
};

/// The matrix, of a layout whose `type` and `zeros` follow from the node. Nothing if there is no such encoding.
std::optional<Operand> decode(NodeLowering &node, const Encoded &in, BlockLayout layout) {
  layout.type = node.type(in.scales);
  if (node.has(in.zeros))
    layout.zeros = node.type(in.zeros);
  if (node.type(in.bytes) != ElementType::u8 || layout.size < 16 || !layout.isSound()) {
    const std::string zeros = node.has(in.zeros) ? " and zero points of " : "";
    node.unsupported("a matrix of " + std::to_string(layout.bits) + " bits in blocks of " +
                     std::to_string(layout.size) + ", in elements of type " +
                     std::string(elementTypeName(node.type(in.bytes))) + " with scales of " +
                     std::string(elementTypeName(layout.type)) + zeros +
                     (zeros.empty() ? "" : std::string(elementTypeName(*layout.zeros))) + ",");
    return std::nullopt;
  }
  // Exporters leave out axes: scales are [rows, blocks] or [rows * blocks].
  const Shape perBlock = {layout.rows, layout.blocks()};
  const Operand packed = node.nn.reshape(node.in(in.bytes), {layout.rows, layout.blocks(), layout.blockBytes()});
  const Operand scales = node.nn.reshape(node.in(in.scales), perBlock);
  Operand zeros = node.inOrNone(in.zeros);
  if (zeros.isThere())
    zeros =
        node.nn.reshape(zeros, layout.zeros == ElementType::u8 ? Shape{layout.rows, layout.zeroRowBytes()} : perBlock);
  return node.nn.dequantize(packed, scales, zeros, layout.bits, layout.columns);
}

} // namespace

void matmulNBits(NodeLowering &node) { // A [..., K], B [N, blocks, bytes], scales, zero points, g_idx, bias
  if (node.has(4))
    return node.unsupported("input g_idx (columns in another order than blocks)");
  if (node.integer("weight_prepacked", 0) != 0)
    return node.unsupported("attribute weight_prepacked (an order of one machine's)");
  if (node.type(2) != node.type(0))
    return node.unsupported("scales of another type than the activations, " +
                            std::string(elementTypeName(node.type(2))));
  // accuracy_level says how exact the product has to be at least: that of activations in their own type is.
  const auto weights = decode(node, {1, 2, 3},
                              {.rows = node.integer("N", 0),
                               .columns = node.integer("K", 0),
                               .bits = node.integer("bits", 4),
                               .size = node.integer("block_size", 32)});
  if (!weights)
    return;
  Operand result = node.nn.matmul(node.in(0), node.nn.transpose(*weights, std::vector<int64_t>{1, 0}));
  if (node.has(5))
    result = node.binary(B::Add, result, node.in(5));
  node.set(0, result);
}

void gatherBlockQuantized(NodeLowering &node) { // data [V, bytes], indices, scales [V, blocks], zero points
  const int64_t axis = node.axisFrom0(node.integer("quantize_axis", 1), node.rank(0));
  if (node.rank(0) != 2 || node.integer("gather_axis", 0) != 0 || axis != 1)
    return node.unsupported("data of other than two axes, gathered along the first and encoded along the second");
  const auto rows = node.shape(0)[0].number(), columns = node.out(0).shape.back().number();
  const BlockLayout layout{.rows = rows.value_or(-1),
                           .columns = columns.value_or(0),
                           .bits = node.integer("bits", 4),
                           .size = node.integer("block_size", 128)};
  if (layout.columns % std::max<int64_t>(1, layout.size) != 0)
    return node.unsupported("a last block that is not full");
  if (const auto matrix = decode(node, {0, 2, 3}, layout))
    node.set(0, node.nn.gather(*matrix, node.in(1), 0));
}

} // namespace cadenza::onnx::lower
