// Small integers and scales as the tensors of quantised checkpoints hold them: packed into words along one of two
// dimensions, in an order that each format chooses.
#pragma once

#include "compiler/import/hf/checkpoint.h"
#include "runtime/shared/dtype.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace cadenza {

/// A matrix of unsigned integers of 4 or 8 bits, several to a little-endian word. The dimension that is packed advances
/// by `packedStride` words each time that a word is full, the other one by `otherStride`.
struct BitGrid {
  static constexpr std::array<uint8_t, 8> inOrder = {0, 1, 2, 3, 4, 5, 6, 7};

  const std::byte *words = nullptr;
  int wordBytes = 4; // or 1
  int bits = 4;
  bool packsRows = false; // neighbours in a word are rows; if not, columns
  int64_t packedStride = 1;
  int64_t otherStride = 1;
  std::array<uint8_t, 8> order = inOrder; // which place of the word the i-th neighbour has

  int perWord() const { return 8 * wordBytes / bits; }

  int at(int64_t row, int64_t column) const {
    const auto packed = static_cast<uint64_t>(packsRows ? row : column);
    const int64_t other = packsRows ? column : row;
    const int shift = std::countr_zero(static_cast<unsigned>(perWord()));
    const int64_t word = static_cast<int64_t>(packed >> shift) * packedStride + other * otherStride;
    uint32_t value = 0;
    if (wordBytes == 4)
      std::memcpy(&value, words + word * 4, sizeof(value));
    else
      value = static_cast<uint8_t>(words[word]);
    const int place = order[packed & static_cast<uint64_t>(perWord() - 1)];
    return static_cast<int>(value >> (bits * place) & ((1U << bits) - 1));
  }
};

/// A scale for each row and group of a matrix.
struct ScaleGrid {
  enum class Type { f32, bf16, f16, e8m0 };

  const std::byte *values = nullptr;
  Type type = Type::f32;
  int64_t rowsOfOne = 1; // neighbouring rows that share their scales
  int64_t rowStride = 0, groupStride = 0;
  float factor = 1; // of all of them

  float at(int64_t row, int64_t group) const {
    return factor * stored(row / rowsOfOne * rowStride + group * groupStride);
  }
  /// Element `index` of the tensor.
  float stored(int64_t index) const;
  /// The narrowest type that holds them all, whatever they are.
  DType dtype() const;
};

/// Which type of scales a tensor of `dtype`, as safetensors spells it, holds; nothing if it is none.
std::optional<ScaleGrid::Type> scaleType(std::string_view dtype);

} // namespace cadenza
