// Where the codes, scales and zeros of rows lie (runtime/shared/encoding.h).
#pragma once

#include "compiler/plan/encoders.h"

#include <cstddef>

namespace cadenza {

/// Writes row `row` of a matrix [rows][columns] in an encoding other than tiles16 to `matrix`, which has all its bytes.
/// What is missing in the last tile and the last step stays as it is: zero.
void packRow(const Encoding &encoding, const EncodedRow &from, int64_t row, int64_t rows, int64_t columns,
             std::span<std::byte> matrix);

} // namespace cadenza
