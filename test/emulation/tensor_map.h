// What the emulated driver writes into a CUtensorMap.
#pragma once

#include "test/emulation/driver_abi.h"

namespace cadenza::emulation {

struct TensorMap {
  static constexpr uint64_t written = 0x6361642d746d6170u;
  uint64_t mark; // `written`, unless nothing was
  const unsigned char *address;
  uint64_t extents[5]; // innermost first
  uint64_t strides[4]; // bytes, of all but the innermost
  uint16_t box[5];
  uint8_t rank, elementBytes, swizzledRows; // 16: no swizzle

  /// Bytes of a box.
  uint32_t boxBytes() const {
    uint32_t bytes = elementBytes;
    for (int i = 0; i < rank; ++i)
      bytes *= box[i];
    return bytes;
  }
};
static_assert(sizeof(TensorMap) <= sizeof(CUtensorMap));

} // namespace cadenza::emulation
