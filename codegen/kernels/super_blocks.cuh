// Codes in super-blocks: GGUF's Q4_K, Q5_K and Q6_K (runtime/shared/encoding.h). A super-block has f16 factors d and
// dmin, its parts of 32 or 16 columns have scales and minima, integers of a few bits. The product of a factor and such
// an integer is exact in fp32, and so are codes as bf16 or f16; sums are rounded, as ever.
#pragma once

#include "encodings.cuh"

namespace cadenza {

/// As Int4: codes less 8.
template <class T> struct Q4K : Int4<T> {
  static constexpr Encoding encoding = Encoding::q4_k;
  static constexpr int code_offset = 8; // of a code, to what operand() gives
};

/// Codes of 5 or 6 bits, the upper ones of which lie apart. Both parts become the last bits of a 16-bit float that has
/// no fraction, a power of two + n, from which that power (and, of q6_k, 32) is subtracted exactly.
template <class T, Encoding::Kind kind> struct TwoPlanes {
  static constexpr Encoding encoding = kind;
  static constexpr int code_offset = 0;
  using Operand = T;
  using Element = uint8_t;
  struct Unit {
    uint32_t low, high;
  };
  CADENZA_DEVICE static Vec16 operand(Unit unit) {
    const uint32_t high = spread(unit.high);
    return {pair(unit.low, high << 4), pair(unit.low >> 4, shifted<1>(high)), pair(unit.low >> 8, shifted<2>(high)),
            pair(unit.low >> 12, shifted<3>(high))};
  }
  CADENZA_DEVICE static uint32_t pair(const unsigned char *unit, int row, int column) {
    // The part and the pair that have the column (column_in_step).
    const int part = six ? column / 8 % 2 * 2 + column / 2 % 2 : column / 8,
              place = six ? column / 16 + column / 4 % 2 * 2 : column % 8 / 2;
    const uint32_t low = *reinterpret_cast<const uint32_t *>(unit + (row * 4 + part) * 4);
    const unsigned char *behind = unit + 128 + (row * 4 + part) * high_bytes;
    const uint32_t high = six ? *reinterpret_cast<const uint16_t *>(behind) : *behind;
    return pair(low >> 4 * place, spread(high) << 4 >> high_bytes * place);
  }

private:
  static constexpr bool six = kind == Encoding::q6_k;
  static constexpr int high_bytes = six ? 2 : 1; // bits of a code, too
  /// The upper bits of even columns from bit 0 on, those of odd ones from bit 16 on; others may be anything.
  CADENZA_DEVICE static uint32_t spread(uint32_t high) {
    return six ? arch::permute_bytes<0x4140>(high, 0) : high | high << 12;
  }
  /// spread(..), those of pair i at bits 4 and 20.
  template <int i> CADENZA_DEVICE static uint32_t shifted(uint32_t high) {
    constexpr int left = 4 - high_bytes * i;
    return left >= 0 ? high << (left >= 0 ? left : 0) : high >> (left < 0 ? -left : 0);
  }
  CADENZA_DEVICE static uint32_t pair(uint32_t low, uint32_t high) {
    constexpr bool is_bf16 = is_same<T, bf16>;
    const uint32_t bits = arch::mask_or(high, six ? 0x00300030u : 0x00100010u,
                                        arch::mask_or(low, 0x000f000fu, is_bf16 ? 0x43004300u : 0x64006400u));
    return is_bf16 ? arch::fma2<T>(bits, 0x3f803f80u, six ? 0xc320c320u : 0xc300c300u)
                   : arch::fma2<T>(bits, 0x3c003c00u, six ? 0xe420e420u : 0xe400e400u);
  }
};
template <class T> using Q5K = TwoPlanes<T, Encoding::q5_k>;
template <class T> using Q6K = TwoPlanes<T, Encoding::q6_k>;

/// What a row has for a step, as it is stored.
template <class E> struct SuperFactors {
  static constexpr EncodingFormat format = FormatOf<E>::format;
  uint32_t super = 0, step = 0; // d, and dmin above it; the step's two bytes

  /// `record`: of the row's tile and super-block, in device memory. `step_of_block`: 0 to 7.
  CADENZA_DEVICE void load(const void *record, int step_of_block, int row) {
    const unsigned char *from = static_cast<const unsigned char *>(record);
    super = arch::load_small<format.scale_bytes>(from + row * format.scale_bytes);
    step = arch::load_small<2>(from + tile_rows * format.scale_bytes + (step_of_block * tile_rows + row) * 2);
  }
  /// The same in shared memory, where both are known, if `wanted`.
  CADENZA_DEVICE void load_if(bool wanted, arch::SharedPointer of_super, arch::SharedPointer of_step) {
    arch::load_small_if<format.scale_bytes, 0>(wanted, of_super, super);
    arch::load_small_if<2, 0>(wanted, of_step, step);
  }

  /// Exact: the scale of the step, and its minimum; of q6_k, the scales of its halves.
  CADENZA_DEVICE float scale() const { return d() * byte_value(step & 0xff); }
  CADENZA_DEVICE float second_scale() const { return d() * byte_value(step >> 8); }
  CADENZA_DEVICE float minimum() const {
    return arch::to_float(f16{static_cast<uint16_t>(super >> 16)}) * byte_value(step >> 8);
  }
  /// What the sum of a step's elements is multiplied by.
  CADENZA_DEVICE float shift() const {
    return E::code_offset == 0 ? -minimum() : arch::fma(static_cast<float>(E::code_offset), scale(), -minimum());
  }

  /// Adds the sum of a step, of codes times the vector; `elements` is that of the vector. may_be_missing: as in
  /// GroupFactors::add.
  template <bool may_be_missing = false> CADENZA_DEVICE float add(float sum, float of_codes, float elements) const {
    const float added = arch::fma(shift(), elements, arch::fma(scale(), of_codes, sum));
    return may_be_missing && of_codes == 0.0f && elements == 0.0f ? sum : added;
  }
  /// The same of the sums of the two halves of a step.
  template <bool may_be_missing = false> CADENZA_DEVICE float add_two(float sum, float first, float second) const {
    const float added = arch::fma(second_scale(), second, arch::fma(scale(), first, sum));
    return may_be_missing && first == 0.0f && second == 0.0f ? sum : added;
  }

private:
  CADENZA_DEVICE float d() const { return arch::to_float(f16{static_cast<uint16_t>(super)}); }
  /// As the last bits of 2^23, exactly; of q6_k, a signed byte.
  CADENZA_DEVICE static float byte_value(uint32_t byte) {
    constexpr bool is_signed = FormatOf<E>::two_scales;
    return arch::as_float(0x4b000000u | (is_signed ? byte ^ 0x80u : byte)) - (is_signed ? 8388736.0f : 8388608.0f);
  }
};

} // namespace cadenza
