// Matrices that are held in integers of a few bits, in blocks along their rows with a scale and a zero point each: the
// encoding of ONNX Runtime's MatMulNBits, and what a weight with nn.blocks is (compiler/ir/nn/Blocks.h).
#pragma once

#include "runtime/shared/element_type.h"
#include "runtime/support/status.h"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace cadenza {

struct BlockLayout {
  int64_t rows = 0, columns = 0;
  int64_t bits = 4;  // of an integer: 2, 4 or 8, without a sign, packed from the low bits on
  int64_t size = 32; // of a block, whole bytes; the last one of a row may have integers beyond the row's end
  ElementType type = ElementType::f32; // of scales and values: f32, f16 or bf16
  /// Of zero points: `type`, or u8 for integers as the matrix's own are, whose rows begin with a byte each. Nothing:
  /// they are 2^(bits - 1).
  std::optional<ElementType> zeros = std::nullopt;

  /// That of integers of shape [rows, blocks, bytes of a block]; no sound one if there is none.
  static BlockLayout of(std::span<const int64_t> packed, ElementType scales, std::optional<ElementType> zeros,
                        int64_t bits, int64_t columns);
  /// Whether bits, size, extents and types are such.
  bool isSound() const;
  int64_t blocks() const { return (columns + size - 1) / size; } // of a row
  int64_t blockBytes() const { return size * bits / 8; }
  int64_t zeroRowBytes() const;
};

/// The bytes of a matrix; not aligned.
struct BlockBytes {
  std::span<const std::byte> packed, scales, zeros;
};

/// Ok if the layout is sound and there are as many bytes as it says; else InvalidInput.
Status check(const BlockLayout &layout, const BlockBytes &bytes);

/// Rows [first, first + count) of a matrix that `check` has seen, as (integer - zero) * scale in f32, row-major, to
/// `out`.
void dequantizeRows(const BlockLayout &layout, const BlockBytes &bytes, int64_t first, int64_t count, float *out);

/// All of them, rounded to the layout's type. InvalidInput as `check` says it.
StatusOr<std::vector<std::byte>> dequantized(const BlockLayout &layout, const BlockBytes &bytes);

} // namespace cadenza
