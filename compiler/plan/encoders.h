// How the rows of a checkpoint become the bytes of an encoding (runtime/shared/encoding.h): one function an encoding.
#pragma once

#include "runtime/plan/program.h"

#include <cstddef>
#include <optional>
#include <span>

namespace cadenza {

struct Encoder {
  /// The type in which rows are read; none: that of the matrix.
  std::optional<DType> readAs;
  /// Encodes one row: `weights` gets its stored weights in the order of the columns; `scale`, if the encoding has
  /// scales, its scale. Both come as zeros. An error says what about the row cannot be stored. Null: weights are stored
  /// as they are read.
  Status (*encodeRow)(std::span<const std::byte> row, std::span<std::byte> weights, float &scale);
};

/// That of a matrix's encoding.
const Encoder &encoderOf(Encoding encoding);

} // namespace cadenza
