// Encodings of plans as types that the quantiser rounds to.
#pragma once

#include "compiler/import/stored_matrix.h"
#include "runtime/shared/encoding.h"

namespace cadenza {

/// What the codes, scales and zeros of an encoding other than tiles16 are.
StoredFormat quantizedFormat(const Encoding &encoding);

/// Bits that a matrix takes on average in an encoding, scales and zeros included, without padding.
double bitsPerWeight(const Encoding &encoding, int64_t rows, int64_t columns);

} // namespace cadenza
