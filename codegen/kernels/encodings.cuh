// Weight encodings on the device, found by their names in shared/encoding.h. Contract of E<T>, where T is the type of
// the vector and of the product:
//   E::encoding    its entry of the table
//   E::Element     one stored weight; the addresses of matrices are pointers to it
//   E::Unit        a lane's part of a unit, of unit_bytes / 32 bytes, that arch.cuh can load
//   E::operand(unit)   the same eight weights as T, exactly: a lane's operand A of unit_product.cuh
//   E::pair(unit, row, columns)   of a unit in shared memory: the weights of two columns of a row, of which the first
//   is
//                 even, as T, the first one in the low half
// All products of codes with the vector are multiplied and summed as they are stored. What a row's scale does to the
// complete sum is RowScales below, for every encoding that has one; what a group's does to a step's is in groups.cuh,
// for Grouped<codes, ...>, and in super_blocks.cuh.
#pragma once

#include "shared/encoding.h"
#include "tile.cuh"

namespace cadenza {

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
  CADENZA_DEVICE static Vec16 operand(Unit unit) {
    return {pair<0x4140>(unit.x), pair<0x4342>(unit.x), pair<0x4140>(unit.y), pair<0x4342>(unit.y)};
  }

  CADENZA_DEVICE static uint32_t pair(const unsigned char *unit, int row, int column) {
    return pair<0x4140>(pair_of<uint16_t>(unit, row, column));
  }

private:
  /// selector: of two bytes, each with bytes of the second operand above it.
  template <uint32_t selector> CADENZA_DEVICE static uint32_t pair(uint32_t bytes) {
    if constexpr (is_same<T, bf16>) { // 128 + the last 7 bits, less 128, or, if the sign is set, 256
      const uint32_t codes = arch::permute_bytes<selector>(bytes, 0);
      return arch::fma2<T>(arch::mask_or(codes, 0x007f007fu, 0x43004300u), 0x3f803f80u,
                           arch::mask_or(codes, 0x00800080u, 0xc300c300u));
    } else { // 1024 + n + 128, less 1152
      return arch::fma2<T>(arch::permute_bytes<selector>(bytes ^ 0x80808080u, 0x64646464u), 0x3c003c00u, 0xe480e480u);
    }
  }
};

/// 4-bit integers + 8, always of groups. As the last bits of a 16-bit float that has no fraction, n becomes a power of
/// two + n, from which the power and 8 are subtracted exactly.
template <class T> struct Int4 {
  static constexpr Encoding encoding = Encoding::int4;
  using Operand = T;
  using Element = uint8_t;
  using Unit = uint32_t;
  static constexpr bool is_bf16 = is_same<T, bf16>;
  CADENZA_DEVICE static Vec16 operand(Unit unit) {
    if constexpr (is_bf16) // 128 + n
      return {pair(unit), pair(unit >> 4), pair(unit >> 8), pair(unit >> 12)};
    else // 1024 + n, and 1024 + 16 n without a shift
      return {pair(unit), upper_pair(unit), pair(unit >> 8), upper_pair(unit >> 8)};
  }
  CADENZA_DEVICE static uint32_t pair(const unsigned char *unit, int row, int column) {
    const uint32_t part = *reinterpret_cast<const uint32_t *>(unit + row * 16 + column / 8 * 4);
    return pair(part >> column % 8 * 2);
  }

private:
  CADENZA_DEVICE static uint32_t pair(uint32_t part) {
    return is_bf16
               ? arch::fma2<T>(arch::mask_or(part, 0x000f000fu, 0x43004300u), 0x3f803f80u, 0xc308c308u)  // * 1 - 136
               : arch::fma2<T>(arch::mask_or(part, 0x000f000fu, 0x64006400u), 0x3c003c00u, 0xe408e408u); // * 1 - 1032
  }
  CADENZA_DEVICE static uint32_t upper_pair(uint32_t part) {
    return arch::fma2<T>(arch::mask_or(part, 0x00f000f0u, 0x64006400u), 0x2c002c00u, 0xd480d480u); // / 16 - 72
  }
};

/// 8-bit floats (e4m3). Their exponent and mantissa are bits of a 16-bit float whose exponents are larger: exact, as is
/// the product with the power of two that is missing, of subnormal numbers, too.
template <class T> struct Fp8 {
  static constexpr Encoding encoding = Encoding::fp8;
  using Operand = T;
  using Element = uint8_t;
  using Unit = Vec8;
  static constexpr bool is_bf16 = is_same<T, bf16>;
  CADENZA_DEVICE static Vec16 operand(Unit unit) {
    return {pair<0x1404>(unit.x), pair<0x3424>(unit.x), pair<0x1404>(unit.y), pair<0x3424>(unit.y)};
  }
  CADENZA_DEVICE static uint32_t pair(const unsigned char *unit, int row, int column) {
    return pair<0x1404>(pair_of<uint16_t>(unit, row, column));
  }

private:
  /// selector: of two bytes, each with zeros below it.
  template <uint32_t selector> CADENZA_DEVICE static uint32_t pair(uint32_t bytes) {
    const uint32_t apart = arch::permute_bytes<selector>(bytes, 0);
    const uint32_t signs = apart & 0x80008000u;
    return is_bf16 ? arch::fma2<T>(arch::mask_or(apart >> 4, 0x07f007f0u, signs), 0x7b807b80u, 0x80008000u)  // * 2^120
                   : arch::fma2<T>(arch::mask_or(apart >> 1, 0x3f803f80u, signs), 0x5c005c00u, 0x80008000u); // * 2^8
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

/// Whether a step's sum takes the sum of the vector's elements, too.
template <class E> constexpr bool needs_elements = FormatOf<E>::format.zeros;
template <class E>
  requires(FormatOf<E>::super_blocks)
constexpr bool needs_elements<E> = FormatOf<E>::format.minima || E::excess != 0;

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
