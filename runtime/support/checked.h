// The one place where sizes, offsets and counts that come from a file are computed with. Loaders that patched overflow
// site by site were bypassed again within a year; here every operation says whether it fitted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace cadenza::checked {

/// a + b, or nothing on overflow.
inline std::optional<uint64_t> add(uint64_t a, uint64_t b) {
  uint64_t result;
  if (__builtin_add_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// a * b, or nothing on overflow.
inline std::optional<uint64_t> multiply(uint64_t a, uint64_t b) {
  uint64_t result;
  if (__builtin_mul_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// The product of all extents of a shape times `elementSize` bytes; nothing on overflow or a negative extent.
inline std::optional<uint64_t> byteSize(std::span<const int64_t> shape, uint64_t elementSize) {
  uint64_t total = elementSize;
  for (int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(total, static_cast<uint64_t>(extent), &total))
      return std::nullopt;
  }
  return total;
}

/// Whether [offset, offset + length) lies inside [0, size), without computing a sum that could wrap.
inline bool inBounds(uint64_t offset, uint64_t length, uint64_t size) {
  return length <= size && offset <= size - length;
}

/// value rounded up to a multiple of `alignment` (a power of two), or nothing on overflow.
inline std::optional<uint64_t> alignUp(uint64_t value, uint64_t alignment) {
  auto sum = add(value, alignment - 1);
  if (!sum)
    return std::nullopt;
  return *sum & ~(alignment - 1);
}

} // namespace cadenza::checked
