// Weights of com.microsoft's encodings: numbers of 2, 4 or 8 bits, packed along the last axis from the low bits on,
// with a scale and a zero point a block.
#include "compiler/import/onnx/lower/attention_parts.h"
#include "compiler/import/onnx/lower/lower.h"

namespace cadenza::onnx::lower {
namespace {

/// Bytes [..., n] as numbers [..., n * 8 / bits], still of type u8.
Operand unpack(NodeLowering &node, Operand x, const Shape &shape, int64_t bits) {
  if (bits == 8)
    return x;
  Shape single = shape, wide = shape;
  single.push_back(1);
  wide.back() = wide.back() * (8 / bits);
  std::vector<Operand> parts;
  for (int64_t shift = 0; shift < 8; shift += bits) {
    const Operand moved = node.binary(B::ShiftRight, x, node.scalar(static_cast<double>(shift), ElementType::u8));
    const Operand mask = node.scalar(static_cast<double>((1 << bits) - 1), ElementType::u8);
    parts.push_back(node.nn.reshape(node.binary(B::BitwiseAnd, moved, mask), single));
  }
  return node.nn.reshape(node.nn.concat(parts, -1), wide);
}

/// (q - zero) * scale of bytes [..., blocks, block * bits / 8], as [..., blocks * block]. Scales [..., blocks]; zero
/// points, which may be absent, as numbers [..., blocks].
Operand decode(NodeLowering &node, Operand bytes, const Shape &blocks, int64_t block, int64_t bits, Operand scales,
               Operand zeros, ElementType type) {
  Shape packed = blocks, line = blocks, whole = blocks;
  packed.push_back(block * bits / 8);
  line.push_back(1);
  whole.back() = whole.back() * block;
  const Operand numbers = node.nn.cast(unpack(node, node.nn.reshape(bytes, packed), packed, bits), type);
  const Operand zero =
      zeros.isThere() ? node.nn.reshape(zeros, line) : node.scalar(static_cast<double>(1 << (bits - 1)), type);
  const Operand values = node.binary(B::Mul, node.binary(B::Sub, numbers, zero), node.nn.reshape(scales, line));
  return node.nn.reshape(values, whole);
}

/// Zero points [..., n], packed bytes or numbers of the scales' type, as numbers [..., blocks] of that type.
Operand zeroPoints(NodeLowering &node, Operand x, ElementType from, Shape shape, const Shape &blocks, int64_t bits,
                   ElementType type) {
  if (from == type)
    return node.nn.reshape(x, blocks);
  Operand numbers = unpack(node, x, shape, bits);
  shape.back() = shape.back() * (8 / bits);
  numbers = part(node, numbers, shape, shape.size() - 1, 0, blocks.back());
  return node.nn.cast(numbers, type);
}

} // namespace

void matmulNBits(NodeLowering &node) { // A [..., K], B [N, blocks, bytes], scales, zero points, g_idx, bias
  const int64_t bits = node.integer("bits", 4), block = node.integer("block_size", 32);
  const int64_t n = node.integer("N", 0), k = node.integer("K", 0);
  if (node.has(4) || node.integer("weight_prepacked", 0) != 0)
    return node.unsupported("g_idx or weights that are packed already");
  if ((bits != 2 && bits != 4 && bits != 8) || block < 16 || block > 65536 || n < 1 || k < 1 || k > INT32_MAX ||
      node.type(1) != ElementType::u8 || node.type(2) != node.type(0))
    return node.unsupported("an encoding of " + std::to_string(bits) + " bits in blocks of " + std::to_string(block) +
                            " with scales of type " + std::string(elementTypeName(node.type(2))));
  const ElementType type = node.type(0);
  const int64_t count = (k + block - 1) / block;
  const Shape blocks = {n, count};
  Operand zeros;
  if (node.has(3)) {
    const bool packed = node.type(3) == ElementType::u8;
    const Shape bytes = {n, (count * bits + 7) / 8};
    zeros = zeroPoints(node, packed ? node.nn.reshape(node.in(3), bytes) : node.in(3), node.type(3), bytes, blocks,
                       bits, type);
  }
  Operand weights = decode(node, node.in(1), blocks, block, bits, node.in(2), zeros, type); // [N, count * block]
  if (count * block != k)
    weights = part(node, weights, {n, count * block}, 1, 0, k);
  Operand result = node.nn.matmul(node.in(0), node.nn.transpose(weights, std::vector<int64_t>{1, 0}));
  if (node.has(5))
    result = node.binary(B::Add, result, node.in(5));
  node.set(0, result);
}

void gatherBlockQuantized(NodeLowering &node) { // data [V, bytes], indices, scales [V, blocks], zero points
  const int64_t bits = node.integer("bits", 4), block = node.integer("block_size", 128);
  const int64_t axis = node.axisFrom0(node.integer("quantize_axis", 1), node.rank(0));
  if (node.rank(0) != 2 || node.rank(2) != 2 || (node.has(3) && node.rank(3) != 2) ||
      node.integer("gather_axis", 0) != 0 || axis != 1)
    return node.unsupported("data of other than two axes, gathered along the first and encoded along the second");
  if (node.type(0) != ElementType::u8 || (bits != 4 && bits != 8))
    return node.unsupported("data of type " + std::string(elementTypeName(node.type(0))) + " with " +
                            std::to_string(bits) + " bits");
  const ElementType type = node.type(2);
  const auto rows = [&](size_t i) { return node.nn.gather(node.in(i), node.in(1), 0); };
  const auto shapeOf = [&](const Extent &last) {
    Shape shape = node.shape(1);
    shape.push_back(last);
    return shape;
  };
  const Shape blocks = shapeOf(node.shape(2)[1]);
  if (!(node.shape(2)[1] * block == node.out(0).shape.back()))
    return node.unsupported("a last block that is not full");
  Operand zeros;
  if (node.has(3))
    zeros = zeroPoints(node, rows(3), node.type(3), shapeOf(node.shape(3)[1]), blocks, bits, type);
  node.set(0, decode(node, rows(0), blocks, block, bits, rows(2), zeros, type));
}

} // namespace cadenza::onnx::lower
