#include "compiler/import/onnx/lower/dequantize.h"

namespace cadenza::onnx {
namespace {

Operand scalar(Emitter &nn, ElementType type, int64_t value) {
  return nn.constant(nn::tensorOf(type, {}, std::span<const int64_t>(&value, 1)));
}

/// Bytes of `shape` as integers of `bits` bits, still of type u8: as many times more along the last axis.
Operand unpack(Emitter &nn, Operand x, const Shape &shape, int64_t bits) {
  if (bits == 8)
    return x;
  Shape single = shape, wide = shape;
  single.push_back(1);
  wide.back() = wide.back() * (8 / bits);
  std::vector<Operand> parts;
  for (int64_t shift = 0; shift < 8; shift += bits) {
    const Operand moved = nn.binary(nn::BinaryFunction::ShiftRight, x, scalar(nn, ElementType::u8, shift));
    const Operand mask = scalar(nn, ElementType::u8, (1 << bits) - 1);
    parts.push_back(nn.reshape(nn.binary(nn::BinaryFunction::BitwiseAnd, moved, mask), single));
  }
  return nn.reshape(nn.concat(parts, static_cast<int64_t>(shape.size())), wide);
}

/// The first `columns` of a matrix of `of` columns.
Operand firstColumns(Emitter &nn, Operand x, int64_t rows, int64_t of, int64_t columns) {
  return columns == of ? x : nn.slice(x, {0, 0}, {rows, columns}, std::vector<int64_t>{1, 1});
}

/// One a block, [rows, blocks, 1], in the type of the scales; or one for all.
Operand zeroPoints(Emitter &nn, const BlockLayout &layout, Operand zeros) {
  if (!layout.zeros)
    return scalar(nn, layout.type, int64_t{1} << (layout.bits - 1));
  if (*layout.zeros == ElementType::u8) {
    const int64_t bytes = layout.zeroRowBytes();
    zeros = unpack(nn, zeros, {layout.rows, bytes}, layout.bits);
    zeros = firstColumns(nn, zeros, layout.rows, bytes * 8 / layout.bits, layout.blocks());
    zeros = nn.cast(zeros, layout.type);
  }
  return nn.reshape(zeros, {layout.rows, layout.blocks(), 1});
}

} // namespace

Operand dequantizeByOps(Emitter &nn, const BlockLayout &layout, Operand packed, Operand scales, Operand zeros) {
  const Shape bytes = {layout.rows, layout.blocks(), layout.blockBytes()};
  const Operand integers = nn.cast(unpack(nn, packed, bytes, layout.bits), layout.type);
  const Operand moved = nn.binary(nn::BinaryFunction::Sub, integers, zeroPoints(nn, layout, zeros));
  const Operand factors = nn.reshape(scales, {layout.rows, layout.blocks(), 1});
  const int64_t columns = layout.blocks() * layout.size;
  const Operand whole = nn.reshape(nn.binary(nn::BinaryFunction::Mul, moved, factors), {layout.rows, columns});
  return firstColumns(nn, whole, layout.rows, columns, layout.columns);
}

} // namespace cadenza::onnx
