#include "compiler/support/block_quantization.h"
#include "runtime/support/checked.h"
#include "runtime/support/float16.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace cadenza {
namespace {

size_t bytesOf(ElementType type) { return elementBits(type) / 8; }

float floatAt(ElementType type, const std::byte *bytes, int64_t index) {
  if (type == ElementType::f32) {
    float value;
    std::memcpy(&value, bytes + 4 * index, sizeof(value));
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, bytes + 2 * index, sizeof(bits));
  return type == ElementType::f16 ? f16ToFloat(bits) : bf16ToFloat(bits);
}

/// Integer `index` of those that are packed in `bytes`.
inline int integerAt(const std::byte *bytes, int64_t bits, int64_t index) {
  const int64_t bit = index * bits;
  return std::to_integer<int>(bytes[bit / 8]) >> (bit % 8) & ((1 << bits) - 1);
}

/// With the bits known to the compiler, so that positions of integers are shifts.
template <int bits>
float *dequantizeBlock(const std::byte *packed, int64_t elements, float zero, float scale, float *out) {
  for (int64_t i = 0; i < elements; ++i)
    *out++ = (static_cast<float>(integerAt(packed, bits, i)) - zero) * scale;
  return out;
}

} // namespace

BlockLayout BlockLayout::of(std::span<const int64_t> packed, ElementType scales, std::optional<ElementType> zeros,
                            int64_t bits, int64_t columns) {
  BlockLayout layout{.columns = columns, .bits = bits, .size = 0, .type = scales, .zeros = zeros};
  if (packed.size() != 3 || bits <= 0 || packed[2] <= 0 || packed[2] > INT32_MAX)
    return layout;
  layout.rows = packed[0];
  layout.size = packed[2] * 8 / bits;
  return layout;
}

bool BlockLayout::isSound() const {
  const auto isScale = [](ElementType t) {
    return t == ElementType::f32 || t == ElementType::f16 || t == ElementType::bf16;
  };
  constexpr int64_t most = int64_t{1} << 32; // of an extent, so that none of the numbers here overflows
  return (bits == 2 || bits == 4 || bits == 8) && size > 0 && size <= most && size * bits % 8 == 0 && rows >= 0 &&
         rows <= most && columns > 0 && columns <= most && isScale(type) &&
         (!zeros || *zeros == type || *zeros == ElementType::u8);
}

int64_t BlockLayout::zeroRowBytes() const {
  if (!zeros)
    return 0;
  return *zeros == ElementType::u8 ? (blocks() * bits + 7) / 8 : blocks() * static_cast<int64_t>(bytesOf(*zeros));
}

Status check(const BlockLayout &layout, const BlockBytes &bytes) {
  if (!layout.isSound())
    return {StatusCode::InvalidInput, "is no matrix of " + std::to_string(layout.columns) + " columns in integers of " +
                                          std::to_string(layout.bits) + " bits, in blocks of " +
                                          std::to_string(layout.size)};
  const auto isLong = [](std::span<const std::byte> bytes, int64_t rows, int64_t rowElements, int64_t elementBytes) {
    return checked::byteSize({{rows, rowElements}}, static_cast<uint64_t>(elementBytes)) == bytes.size();
  };
  const auto scale = static_cast<int64_t>(bytesOf(layout.type));
  if (isLong(bytes.packed, layout.rows, layout.blocks(), layout.blockBytes()) &&
      isLong(bytes.scales, layout.rows, layout.blocks(), scale) &&
      isLong(bytes.zeros, layout.rows, layout.zeroRowBytes(), 1))
    return Status::ok();
  return {StatusCode::InvalidInput,
          "has " + std::to_string(bytes.packed.size()) + " bytes of integers, " + std::to_string(bytes.scales.size()) +
              " of scales and " + std::to_string(bytes.zeros.size()) + " of zero points, which are no " +
              std::to_string(layout.rows) + " rows of " + std::to_string(layout.blocks()) + " blocks"};
}

void dequantizeRows(const BlockLayout &layout, const BlockBytes &bytes, int64_t first, int64_t count, float *out) {
  const int64_t blocks = layout.blocks();
  for (int64_t row = first; row < first + count; ++row) {
    const std::byte *zeros = bytes.zeros.data() + row * layout.zeroRowBytes();
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t index = row * blocks + block;
      const std::byte *packed = bytes.packed.data() + index * layout.blockBytes();
      const float scale = floatAt(layout.type, bytes.scales.data(), index);
      const float zero = !layout.zeros                      ? static_cast<float>(1 << (layout.bits - 1))
                         : *layout.zeros == ElementType::u8 ? static_cast<float>(integerAt(zeros, layout.bits, block))
                                                            : floatAt(*layout.zeros, zeros, block);
      const int64_t elements = std::min(layout.size, layout.columns - block * layout.size);
      out = layout.bits == 2   ? dequantizeBlock<2>(packed, elements, zero, scale, out)
            : layout.bits == 4 ? dequantizeBlock<4>(packed, elements, zero, scale, out)
                               : dequantizeBlock<8>(packed, elements, zero, scale, out);
    }
  }
}

StatusOr<std::vector<std::byte>> dequantized(const BlockLayout &layout, const BlockBytes &bytes) {
  CADENZA_RETURN_IF_ERROR(check(layout, bytes));
  const size_t size = bytesOf(layout.type), columns = layout.columns;
  std::vector<std::byte> result(layout.rows * columns * size);
  std::vector<float> row(columns);
  for (int64_t r = 0; r < layout.rows; ++r) {
    dequantizeRows(layout, bytes, r, 1, row.data());
    std::byte *to = result.data() + r * columns * size;
    for (size_t c = 0; c < columns; ++c, to += size) {
      const uint16_t narrow = layout.type == ElementType::f16 ? floatToF16(row[c]) : floatToBf16(row[c]);
      std::memcpy(to, layout.type == ElementType::f32 ? static_cast<const void *>(&row[c]) : &narrow, size);
    }
  }
  return result;
}

} // namespace cadenza
