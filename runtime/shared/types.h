// Types that device code shares between NVRTC, nvcc and g++. NVRTC is run with an empty include path and has no
// standard headers, so the fixed-width integers are declared here; they are the same types as <cstdint>'s on 64-bit
// Linux.
#pragma once

namespace cadenza {

using int8_t = signed char;
using int16_t = short;
using int32_t = int;
using int64_t = long;
using uint8_t = unsigned char;
using uint16_t = unsigned short;
using uint32_t = unsigned int;
using uint64_t = unsigned long;
static_assert(sizeof(uint32_t) == 4 && sizeof(uint64_t) == 8 && sizeof(void *) == 8, "device code expects LP64");

/// 16-bit storage formats. Arithmetic is done in fp32: convert with arch::to_float and arch::from_float<T>.
struct alignas(2) bf16 {
  uint16_t bits; // 1 sign, 8 exponent, 7 mantissa bits: the upper half of an fp32
};
struct alignas(2) f16 {
  uint16_t bits; // IEEE binary16: 1 sign, 5 exponent, 10 mantissa bits
};
static_assert(sizeof(bf16) == 2 && sizeof(f16) == 2, "storage formats are two bytes");

/// The unit of wide memory access: one 128-bit register quadruple, eight 16-bit or four 32-bit elements.
struct alignas(16) Vec16 {
  uint32_t x, y, z, w;
};
/// Half of it.
struct alignas(8) Vec8 {
  uint32_t x, y;
};
static_assert(sizeof(Vec16) == 16 && sizeof(Vec8) == 8, "16-byte and 8-byte accesses");

} // namespace cadenza
