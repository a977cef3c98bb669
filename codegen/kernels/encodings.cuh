// Weight encodings on the device, found by their names in shared/encoding.h. Contract of E<T>, where T is the type of
// the vector and of the product:
//   E::encoding    its entry of the table
//   E::Element     one stored weight; the addresses of matrices are pointers to it
//   E::Unit        a lane's part of a unit, of unit_bytes / 32 bytes, that arch.cuh can load
//   E::operand(unit)   the same eight weights, or codes, as T: a lane's operand A of unit_product.cuh
//   E::pair(unit, row, columns)   of a unit in shared memory: the weights of two columns of a row, of which the first
//                 is even, as T exactly, the first one in the low half
//   E::form        what operand(..) makes of a code (OperandForm)
// All products of codes with the vector are multiplied and summed as they are stored. What a row's scale does to the
// complete sum is RowScales below, for every encoding that has one; what a group's does to a step's is in groups.cuh,
// for Grouped<codes, ...>, and in super_blocks.cuh.
//
// **Codes as subnormal numbers.** A conversion of each code would be a third of the instructions of a product. But the
// tensor cores take subnormal numbers as they take others. The bits of an unsigned integer u, read as a 16-bit float,
// are a subnormal number, or one of the smallest exponent, which follow without a gap: u times the smallest number,
// exactly, up to 8 bits of a bf16 and 11 of an f16. What that leaves to do:
//   - a power of two, by which the sum of a row is multiplied at its end
//   - of bf16, products would be subnormal in fp32, and lose bits: the vector is multiplied by 2^64 in registers, once
//     for all rows of a unit, which is exact for elements of 2^-126 to 2^63
//   - the excess of u over a signed code goes by the sum of the vector's elements: one mma of ones for the four steps
//     of a turn. The sum of products before that is a few times as large, and so is its error, some 2^-22
#pragma once

#include "shared/encoding.h"
#include "tile.cuh"
#include "unit_product.cuh"

namespace cadenza {

/// What operand(..) makes of a weight or a code, c: operand * 2^vector_log2 * 2^scale_log2 = c + excess, in the even
/// pairs of a unit; in the odd ones (unit_product.cuh) the operand is 2^odd_log2 times as large. The vector is to be
/// multiplied by 2^vector_log2 (vector_for), and the complete sum by 2^scale_log2 (sum_of_codes).
struct OperandForm {
  int scale_log2 = 0, vector_log2 = 0, odd_log2 = 0, excess = 0;
};
/// Of unsigned integers as bits of T.
template <class T> CADENZA_DEVICE constexpr OperandForm integer_bits(int excess, int odd_log2 = 0) {
  return is_same<T, bf16> ? OperandForm{133 - 64, 64, odd_log2, excess} : OperandForm{24, 0, odd_log2, excess};
}

/// 2^n, of a normal number.
CADENZA_DEVICE constexpr float power_of_two(int n) {
  float x = 1.0f;
  for (int i = 0; i < (n < 0 ? -n : n); ++i)
    x *= n < 0 ? 0.5f : 2.0f;
  return x;
}

/// Two neighbours of a unit whose elements are T, or codes of a byte, in the order of rows and columns.
template <class Pair> CADENZA_DEVICE Pair pair_of(const unsigned char *unit, int row, int column) {
  return *reinterpret_cast<const Pair *>(unit + (row * step_columns + column) * (sizeof(Pair) / 2));
}

/// 16-bit weights, nothing to decode.
template <class T> struct Tiles16 {
  static constexpr Encoding encoding = Encoding::tiles16;
  using Operand = T;
  using Element = T;
  using Unit = Vec16;
  static constexpr OperandForm form = {};
  CADENZA_DEVICE static Vec16 operand(Unit unit) { return unit; }
  CADENZA_DEVICE static uint32_t pair(const unsigned char *unit, int row, int column) {
    return pair_of<uint32_t>(unit, row, column);
  }
};

/// 8-bit integers, which are exact as bf16 and as f16. Conversions are slow (a sixteenth of the rate of other
/// operations): codes become bits of floats.
template <class T> struct Int8 {
  static constexpr Encoding encoding = Encoding::int8;
  using Operand = T;
  using Element = int8_t;
  using Unit = Vec8;
  static constexpr OperandForm form = integer_bits<T>(128);
  CADENZA_DEVICE static Vec16 operand(Unit unit) {
    const uint32_t first = unit.x ^ 0x80808080u, second = unit.y ^ 0x80808080u;
    return {arch::permute_bytes<0x4140>(first, 0), arch::permute_bytes<0x4342>(first, 0),
            arch::permute_bytes<0x4140>(second, 0), arch::permute_bytes<0x4342>(second, 0)};
  }

  CADENZA_DEVICE static uint32_t pair(const unsigned char *unit, int row, int column) {
    const uint32_t bytes = pair_of<uint16_t>(unit, row, column);
    if constexpr (is_same<T, bf16>) { // 128 + the last 7 bits, less 128, or, if the sign is set, 256
      const uint32_t codes = arch::permute_bytes<0x4140>(bytes, 0);
      return arch::fma2<T>(arch::mask_or(codes, 0x007f007fu, 0x43004300u), 0x3f803f80u,
                           arch::mask_or(codes, 0x00800080u, 0xc300c300u));
    } else { // 1024 + n + 128, less 1152
      return arch::fma2<T>(arch::permute_bytes<0x4140>(bytes ^ 0x80808080u, 0x64646464u), 0x3c003c00u, 0xe480e480u);
    }
  }
};

/// 4-bit integers + 8, always of groups.
template <class T> struct Int4 {
  static constexpr Encoding encoding = Encoding::int4;
  using Operand = T;
  using Element = uint8_t;
  using Unit = uint32_t;
  static constexpr OperandForm form = integer_bits<T>(8, 4); // 16 n in odd pairs saves shifts
  CADENZA_DEVICE static Vec16 operand(Unit unit) {
    return {unit & 0x000f000fu, unit & 0x00f000f0u, unit >> 8 & 0x000f000fu, unit >> 8 & 0x00f000f0u};
  }
  /// As the last bits of a 16-bit float that has no fraction, n becomes a power of two + n, from which the power and 8
  /// are subtracted exactly.
  CADENZA_DEVICE static uint32_t pair(const unsigned char *unit, int row, int column) {
    const uint32_t part = *reinterpret_cast<const uint32_t *>(unit + row * 16 + column / 8 * 4) >> column % 8 * 2;
    return is_same<T, bf16>
               ? arch::fma2<T>(arch::mask_or(part, 0x000f000fu, 0x43004300u), 0x3f803f80u, 0xc308c308u)  // * 1 - 136
               : arch::fma2<T>(arch::mask_or(part, 0x000f000fu, 0x64006400u), 0x3c003c00u, 0xe408e408u); // * 1 - 1032
  }
};

/// 8-bit floats (e4m3). Their exponent and mantissa are bits of a 16-bit float whose exponents are larger: exact but
/// for a power of two, of subnormal numbers, too.
template <class T> struct Fp8 {
  static constexpr Encoding encoding = Encoding::fp8;
  using Operand = T;
  using Element = uint8_t;
  using Unit = Vec8;
  static constexpr bool is_bf16 = is_same<T, bf16>;
  static constexpr OperandForm form = is_bf16 ? OperandForm{120 - 64, 64, 0, 0} : OperandForm{8, 0, 0, 0};
  CADENZA_DEVICE static Vec16 operand(Unit unit) {
    return {bits<0x1404>(unit.x), bits<0x3424>(unit.x), bits<0x1404>(unit.y), bits<0x3424>(unit.y)};
  }
  CADENZA_DEVICE static uint32_t pair(const unsigned char *unit, int row, int column) {
    const uint32_t power = is_bf16 ? 0x7b807b80u : 0x5c005c00u; // 2^120, 2^8
    return arch::fma2<T>(bits<0x1404>(pair_of<uint16_t>(unit, row, column)), power, 0x80008000u);
  }

private:
  /// selector: of two bytes, each with zeros below it.
  template <uint32_t selector> CADENZA_DEVICE static uint32_t bits(uint32_t bytes) {
    const uint32_t apart = arch::permute_bytes<selector>(bytes, 0);
    const uint32_t signs = apart & 0x80008000u;
    return is_bf16 ? arch::mask_or(apart >> 4, 0x07f007f0u, signs) : arch::mask_or(apart >> 1, 0x3f803f80u, signs);
  }
};

/// Codes whose groups of columns have a scale, and perhaps a zero (groups.cuh).
template <class Codes, int group, class Scale, bool zeros = false> struct Grouped : Codes {
  static constexpr Encoding encoding = {Codes::encoding.kind, group, zeros,
                                        is_same<Scale, float>  ? Encoding::f32
                                        : is_same<Scale, bf16> ? Encoding::bf16
                                                               : Encoding::f16};
  using GroupScale = Scale;
};

/// What follows from the table for an encoding E.
template <class E> struct FormatOf {
  static constexpr EncodingFormat format = format_of(E::encoding);
  static constexpr int unit_bytes = format.unit_bytes, tile_step_bytes = format.tile_step_bytes();
  static constexpr int element_bytes = static_cast<int>(sizeof(typename E::Element));
  static constexpr int unit_elements = unit_bytes / element_bytes, tile_step_elements = 2 * unit_elements;
  static constexpr int lane_bytes = format.part_bytes(), lane_elements = lane_bytes / element_bytes;
  static constexpr bool scales_rows = format.row_scale_bytes > 0, grouped = format.grouped();
  static constexpr bool super_blocks = has_super_blocks(E::encoding), two_scales = E::encoding.kind == Encoding::q6_k;
  /// From one tile of so many steps to the next.
  CADENZA_DEVICE static constexpr int tile_elements(int steps) { return tile_bytes(format, steps) / element_bytes; }
  static_assert(format.high_bytes > 0 || lane_bytes == sizeof(typename E::Unit), "a unit is 32 lanes' parts");
};

/// Whether a sum takes the sum of the vector's elements, too.
template <class E>
constexpr bool needs_elements =
    E::form.excess != 0 || FormatOf<E>::format.zeros || (FormatOf<E>::super_blocks && FormatOf<E>::format.minima);

/// The vector as E's operands want it.
template <class E> CADENZA_DEVICE UnitVector vector_for(UnitVector vector) {
  if constexpr (E::form.vector_log2 != 0) {
    static_assert(is_same<typename E::Operand, bf16> && E::form.vector_log2 == 64);
    constexpr uint32_t factor = 0x5f805f80u, zero = 0x80008000u; // 2^64, -0
    return {arch::fma2<bf16>(vector.low, factor, zero), arch::fma2<bf16>(vector.high, factor, zero)};
  }
  return vector;
}

/// What of the sums of even and odd pairs is the sum of a row: still of operands, not of codes.
template <class E> CADENZA_DEVICE float row_of(float even, float odd) {
  constexpr float part = power_of_two(-E::form.odd_log2);
  return E::form.odd_log2 != 0 ? arch::fma(odd, part, even) : even + odd;
}
/// Of the products of the four steps of turns: in lane 4g+i, the sum of row g of step i. step: i.
template <class E> CADENZA_DEVICE float own_row(const UnitProduct<typename E::Operand> (&steps)[4], int step) {
  float rows[4];
#pragma unroll
  for (int i = 0; i < 4; ++i)
    rows[i] = row_of<E>(steps[i].sums[0], steps[i].sums[3]);
  const float low = step % 2 ? rows[1] : rows[0], high = step % 2 ? rows[3] : rows[2];
  return step / 2 ? high : low;
}
/// A sum of operands without their excess over the codes; `elements` is that of the vector.
template <int excess> CADENZA_DEVICE float less_excess(float sum, float elements) {
  if constexpr (excess != 0)
    return arch::fma(static_cast<float>(-excess), elements, sum);
  return sum;
}
/// A complete sum of operands, as one of codes.
template <class E> CADENZA_DEVICE float sum_of_codes(float sum) {
  constexpr float scale = power_of_two(E::form.scale_log2);
  return E::form.scale_log2 != 0 ? sum * scale : sum;
}

/// From where a lane's part of a unit begins to its upper bits, which lie behind all parts.
template <class E> CADENZA_DEVICE int high_distance() {
  constexpr EncodingFormat format = FormatOf<E>::format;
  return 32 * format.part_bytes() + static_cast<int>(arch::lane()) * (format.high_bytes - format.part_bytes());
}

/// A lane's part of a unit in device memory, which begins at `part`.
template <class E> CADENZA_DEVICE typename E::Unit load_unit(const typename E::Element *part) {
  constexpr int high_bytes = FormatOf<E>::format.high_bytes;
  if constexpr (high_bytes == 0)
    return arch::load_weights<typename E::Unit>(part);
  else
    return {arch::load_weights<uint32_t>(part), arch::load_small<high_bytes>(part + high_distance<E>())};
}

/// Where a lane's part of a unit begins in shared memory.
template <class E, bool apart = (FormatOf<E>::format.high_bytes > 0)> struct PartPointer {
  arch::SharedPointer part;
  CADENZA_DEVICE static PartPointer at(arch::SharedPointer part) { return {part}; }
  CADENZA_DEVICE PartPointer operator+(int bytes) const { return {part + bytes}; }
  /// The part that begins `offset` bytes behind, if `wanted`.
  template <int offset> CADENZA_DEVICE void load_if(bool wanted, typename E::Unit &unit) const {
    arch::load_if<offset>(wanted, part, unit);
  }
};
template <class E> struct PartPointer<E, true> {
  arch::SharedPointer part, high;
  CADENZA_DEVICE static PartPointer at(arch::SharedPointer part) { return {part, part + high_distance<E>()}; }
  CADENZA_DEVICE PartPointer operator+(int bytes) const { return {part + bytes, high + bytes}; }
  template <int offset> CADENZA_DEVICE void load_if(bool wanted, typename E::Unit &unit) const {
    arch::load_if<offset>(wanted, part, unit.low);
    arch::load_small_if<FormatOf<E>::format.high_bytes, offset>(wanted, high, unit.high);
  }
};

/// The scales of the rows of a matrix [rows][columns], if E has any: nothing otherwise.
template <class E, int rows, int columns> struct RowScales {
  static constexpr bool any = FormatOf<E>::scales_rows;
  const float *scales;

  CADENZA_DEVICE explicit RowScales(const typename E::Element *matrix)
      : scales(any ? reinterpret_cast<const float *>(matrix + static_cast<uint64_t>(tiles_of(rows)) *
                                                                  FormatOf<E>::tile_elements(steps_of(columns)))
                   : nullptr) {}

  /// The product of packed row `row` from its complete sum, and that times a norm's deferred factor. Both products are
  /// rounded for themselves: a compiler that made one operation of the last one and an addition that follows would make
  /// the bits depend on the kernel.
  CADENZA_DEVICE float product(float sum, int row) const {
    if constexpr (any)
      return arch::multiply(sum, scales[row]);
    return sum;
  }
  CADENZA_DEVICE float product(float sum, int row, float factor) const {
    if constexpr (any || FormatOf<E>::grouped)
      return arch::multiply(product(sum, row), factor);
    return sum * factor;
  }

  /// The same in two parts, for whoever has many sums of a row.
  CADENZA_DEVICE float scale(int row) const { return product(1.0f, row); }
  CADENZA_DEVICE static float scaled(float sum, float scale, float factor) {
    if constexpr (any)
      return arch::multiply(arch::multiply(sum, scale), factor);
    if constexpr (FormatOf<E>::grouped)
      return arch::multiply(sum, factor);
    return sum * factor;
  }
};

} // namespace cadenza
