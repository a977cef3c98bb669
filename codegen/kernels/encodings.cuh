// Weight encodings on the device, found by their names in shared/encoding.h. Contract of E<T>, where T is the type of
// the vector and of the product:
//   E::encoding    its entry of the table
//   E::Element     one stored weight; the addresses of matrices are pointers to it
//   E::Unit        a lane's part of a unit, of unit_bytes / 32 bytes, that arch.cuh can load
//   E::operand(unit)   the same eight weights as T, exactly: a lane's operand A of unit_product.cuh
//   E::Pair, E::pair(pair)   two neighbours as they are stored, and as T, the first one in the low half
// All products of weights with the vector are multiplied and summed as they are stored; what a row's scale does to the
// complete sum is RowScales below, for every encoding that has one.
#pragma once

#include "shared/encoding.h"
#include "tile.cuh"

namespace cadenza {

/// 16-bit weights, nothing to decode.
template <class T> struct Tiles16 {
  static constexpr Encoding encoding = Encoding::tiles16;
  using Operand = T;
  using Element = T;
  using Unit = Vec16;
  using Pair = uint32_t;
  CADENZA_DEVICE static Vec16 operand(Unit unit) { return unit; }
  CADENZA_DEVICE static uint32_t pair(Pair pair) { return pair; }
};

/// 8-bit integers, which are exact as bf16 and as f16.
template <class T> struct Int8 {
  static constexpr Encoding encoding = Encoding::int8;
  using Operand = T;
  using Element = int8_t;
  using Unit = Vec8;
  using Pair = uint16_t;
  CADENZA_DEVICE static Vec16 operand(Unit unit) {
    return {pair(unit.x, 0), pair(unit.x, 16), pair(unit.y, 0), pair(unit.y, 16)};
  }

  /// An integer n + 128 as the last byte of 2^23 makes 2^23 + 128 + n: cheaper than a conversion.
  CADENZA_DEVICE static uint32_t pair(Pair bytes) {
    const uint32_t low = bytes ^ 0x8080u, high = low >> 8;
    constexpr float offset = 8388608.0f + 128.0f;
    return arch::pack2<T>(arch::as_float(0x4b000000u | (low & 0xffu)) - offset,
                          arch::as_float(0x4b000000u | high) - offset);
  }

private:
  CADENZA_DEVICE static float at(uint32_t bytes, int shift) {
    return static_cast<float>(static_cast<int8_t>(bytes >> shift));
  }
  CADENZA_DEVICE static uint32_t pair(uint32_t bytes, int shift) {
    return arch::pack2<T>(at(bytes, shift), at(bytes, shift + 8));
  }
};

/// What follows from the table for an encoding E.
template <class E> struct FormatOf {
  static constexpr EncodingFormat format = format_of(E::encoding);
  static constexpr int unit_bytes = format.unit_bytes, tile_step_bytes = format.tile_step_bytes();
  static constexpr int element_bytes = static_cast<int>(sizeof(typename E::Element));
  static constexpr int unit_elements = unit_bytes / element_bytes, tile_step_elements = 2 * unit_elements;
  static constexpr int lane_bytes = static_cast<int>(sizeof(typename E::Unit)),
                       lane_elements = lane_bytes / element_bytes;
  static constexpr bool scales_rows = format.row_scale_bytes > 0;
  static_assert(32 * lane_bytes == unit_bytes, "a unit is 32 lanes' parts");
};

/// The scales of the rows of a matrix [rows][columns], if E has any: nothing otherwise.
template <class E, int rows, int columns> struct RowScales {
  static constexpr bool any = FormatOf<E>::scales_rows;
  const float *scales;

  CADENZA_DEVICE explicit RowScales(const typename E::Element *matrix)
      : scales(any ? reinterpret_cast<const float *>(matrix + static_cast<uint64_t>(tiles_of(rows)) *
                                                                  (steps_of(columns) * FormatOf<E>::tile_step_elements))
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
    if constexpr (any)
      return arch::multiply(product(sum, row), factor);
    return sum * factor;
  }

  /// The same in two parts, for whoever has many sums of a row.
  CADENZA_DEVICE float scale(int row) const { return product(1.0f, row); }
  CADENZA_DEVICE static float scaled(float sum, float scale, float factor) {
    if constexpr (any)
      return arch::multiply(arch::multiply(sum, scale), factor);
    return sum * factor;
  }
};

} // namespace cadenza
