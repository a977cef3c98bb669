// Codes in super-blocks: GGUF's Q4_K, Q5_K and Q6_K (runtime/shared/encoding.h). A super-block has f16 factors d and
// dmin, its parts of 32 or 16 columns have scales and minima, integers of a few bits. The product of a factor and such
// an integer is exact in fp32, and so are codes as bf16 or f16; sums are rounded, as ever.
#pragma once

#include "encodings.cuh"

namespace cadenza {

// E::pair(..) is `pair_excess` more than the codes: of many tokens, each has a sum of elements.

/// As Int4, but the codes are what they are.
template <class T> struct Q4K : Int4<T> {
  static constexpr Encoding encoding = Encoding::q4_k;
  static constexpr OperandForm form = integer_bits<T>(0, 4);
  static constexpr int pair_excess = -8;
};

/// Codes of 5 or 6 bits, the upper ones of which lie apart.
template <class T, Encoding::Kind kind, bool minima> struct TwoPlanes {
  static constexpr Encoding encoding = {kind, Encoding::usual_group(kind), minima, Encoding::f16};
  static constexpr bool six = kind == Encoding::q6_k, is_bf16 = is_same<T, bf16>;
  static constexpr OperandForm form = integer_bits<T>(six ? 32 : 0);
  static constexpr int pair_excess = 0;
  using Operand = T;
  using Element = uint8_t;
  struct Unit {
    uint32_t low, high;
  };
  CADENZA_DEVICE static Vec16 operand(Unit unit) {
    if constexpr (six)
      return six_bits(unit.low, unit.high);
    const uint32_t high = spread(unit.high);
    return {bits(unit.low, high << 4), bits(unit.low >> 4, shifted<1>(high)), bits(unit.low >> 8, shifted<2>(high)),
            bits(unit.low >> 12, shifted<3>(high))};
  }
  CADENZA_DEVICE static uint32_t pair(const unsigned char *unit, int row, int column) {
    // The part and the pair that have the column (column_in_step).
    const int part = six ? column / 8 % 2 * 2 + column / 2 % 2 : column / 8,
              place = six ? column / 16 + column / 4 % 2 * 2 : column % 8 / 2;
    const uint32_t low = *reinterpret_cast<const uint32_t *>(unit + (row * 4 + part) * 4);
    const unsigned char *behind = unit + 128 + (row * 4 + part) * high_bytes;
    const uint32_t high = six ? *reinterpret_cast<const uint16_t *>(behind) : *behind;
    // The last bits of a 16-bit float that has no fraction, a power of two + n, from which that power, and the 32 of
    // q6_k, are subtracted exactly.
    const uint32_t code = bits(low >> 4 * place, spread(high) >> pair_bits * place << 4);
    return is_bf16 ? arch::fma2<T>(code | 0x43004300u, 0x3f803f80u, six ? 0xc320c320u : 0xc300c300u)
                   : arch::fma2<T>(code | 0x64006400u, 0x3c003c00u, six ? 0xe420e420u : 0xe400e400u);
  }

private:
  static constexpr int high_bytes = six ? 2 : 1, pair_bits = six ? 4 : 1; // from the bits of a pair to the next ones
  /// The upper bits of even columns from bit 0 on, those of odd ones from bit 16 on; others may be anything.
  CADENZA_DEVICE static uint32_t spread(uint32_t high) { return high | high << (six ? 14 : 12); }
  /// operand() of q6_k: codes are put together as bytes, which saves masks.
  CADENZA_DEVICE static Vec16 six_bits(uint32_t low, uint32_t high) {
    // Codes 0, 4, 1, 5, and 2, 6, 3, 7.
    const uint32_t even = six_bits(low & 0x0f0f0f0fu, high << 4, high << 18),
                   odd = six_bits(low >> 4 & 0x0f0f0f0fu, high, high << 14);
    return {arch::permute_bytes<0x4240>(even, 0), arch::permute_bytes<0x4240>(odd, 0),
            arch::permute_bytes<0x4341>(even, 0), arch::permute_bytes<0x4341>(odd, 0)};
  }
  CADENZA_DEVICE static uint32_t six_bits(uint32_t low, uint32_t of_first_bytes, uint32_t of_last_bytes) {
    return arch::mask_or(of_last_bytes, 0x30300000u, arch::mask_or(of_first_bytes, 0x00003030u, low));
  }
  /// spread(..), those of pair i at bits 4 and 20.
  template <int i> CADENZA_DEVICE static uint32_t shifted(uint32_t high) {
    constexpr int left = 4 - pair_bits * i;
    return left >= 0 ? high << (left >= 0 ? left : 0) : high >> (left < 0 ? -left : 0);
  }
  CADENZA_DEVICE static uint32_t bits(uint32_t low, uint32_t high) {
    return arch::mask_or(high, six ? 0x00300030u : 0x00100010u, low & 0x000f000fu);
  }
};
template <class T> using Q5K = TwoPlanes<T, Encoding::q5_k, false>;
template <class T, bool minima = false> using Q6K = TwoPlanes<T, Encoding::q6_k, minima>;

/// What a row has for a step, as it is stored.
template <class E> struct SuperFactors {
  static constexpr EncodingFormat format = FormatOf<E>::format;
  uint32_t super = 0, step = 0; // d, and dmin above it; the step's two bytes
  uint32_t minimum_byte = 0;    // if it lies apart from these

  /// `record`: of the row's tile and super-block, in device memory. `step_of_block`: 0 to 7.
  CADENZA_DEVICE void load(const void *record, int step_of_block, int row) {
    const unsigned char *from = static_cast<const unsigned char *>(record);
    super = arch::load_small<format.scale_bytes>(from + row * format.scale_bytes);
    step = arch::load_small<2>(from + tile_rows * format.scale_bytes + (step_of_block * tile_rows + row) * 2);
    if constexpr (format.step_minimum_bytes > 0)
      minimum_byte = arch::load_small<1>(from + tile_rows * (format.scale_bytes + format.group_steps * 2) +
                                         step_of_block * tile_rows + row);
  }
  /// The same in shared memory, where all are known, if `wanted`.
  CADENZA_DEVICE void load_if(bool wanted, arch::SharedPointer of_super, arch::SharedPointer of_step,
                              [[maybe_unused]] arch::SharedPointer of_minimum) {
    if constexpr (format.step_minimum_bytes > 0)
      arch::load_small_if<1, 0>(wanted, of_minimum, minimum_byte);
    arch::load_small_if<format.scale_bytes, 0>(wanted, of_super, super);
    arch::load_small_if<2, 0>(wanted, of_step, step);
  }

  /// Exact: the scale of the step, and its minimum; of q6_k, the scales of its halves.
  CADENZA_DEVICE float scale() const { return d() * scale_byte(step & 0xff); }
  CADENZA_DEVICE float second_scale() const { return d() * scale_byte(step >> 8); }
  CADENZA_DEVICE float minimum() const {
    return arch::to_float(f16{static_cast<uint16_t>(super >> 16)}) *
           byte_value(format.step_minimum_bytes > 0 ? minimum_byte : step >> 8);
  }
  /// Adds the sum of a step, of operands times the vector; `elements` is that of the vector. may_be_missing: as in
  /// GroupFactors::add.
  template <bool may_be_missing = false> CADENZA_DEVICE float add(float sum, float of_operands, float elements) const {
    const float added = add_half<E::form.excess>(sum, of_operands, elements, 0);
    return may_be_missing && of_operands == 0.0f && elements == 0.0f ? sum : added;
  }
  /// The same of the two halves of a step.
  template <bool may_be_missing = false>
  CADENZA_DEVICE float add_two(float sum, float first, float second, float first_elements,
                               float second_elements) const {
    float added = arch::fma(second_scale(), less_excess<E::form.excess>(second, second_elements),
                            arch::fma(scale(), less_excess<E::form.excess>(first, first_elements), sum));
    if constexpr (format.minima)
      added = arch::fma(-minimum(), first_elements + second_elements, added);
    const bool no_elements = !format.minima || (first_elements == 0.0f && second_elements == 0.0f);
    return may_be_missing && first == 0.0f && second == 0.0f && no_elements ? sum : added;
  }

  /// Adds the sum of 16 columns, half a step.
  template <int excess> CADENZA_DEVICE float add_half(float sum, float of_operands, float elements, int half) const {
    const bool second = FormatOf<E>::two_scales && half == 1;
    const float added = arch::fma(second ? second_scale() : scale(), less_excess<excess>(of_operands, elements), sum);
    return format.minima ? arch::fma(-minimum(), elements, added) : added;
  }

private:
  CADENZA_DEVICE float d() const { return arch::to_float(f16{static_cast<uint16_t>(super)}); }
  /// As the last bits of 2^23, exactly; scales of q6_k are signed.
  CADENZA_DEVICE static float byte_value(uint32_t byte) { return arch::as_float(0x4b000000u | byte) - 8388608.0f; }
  CADENZA_DEVICE static float scale_byte(uint32_t byte) {
    return FormatOf<E>::two_scales ? arch::as_float(0x4b000000u | (byte ^ 0x80u)) - 8388736.0f : byte_value(byte);
  }
};

} // namespace cadenza
