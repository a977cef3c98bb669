// Matrices that a checkpoint holds in codes of a few bits (compiler/import/stored_matrix.h) in encodings that have the
// same values: repacked, never rounded.
#pragma once

#include "compiler/import/stored_matrix.h"
#include "compiler/plan/encoders.h"

#include <optional>

namespace cadenza {

/// Whether the rows of a weight are rows of a matrix of the checkpoint.
bool canRepack(const WeightSpec &part, const StoredMatrix &matrix);
/// Whether an encoding holds every value of a format exactly.
bool holds(const Encoding &encoding, const StoredFormat &format);
/// The encoding of the fewest bytes that does, if there is one.
std::optional<Encoding> encodingHolding(const StoredFormat &format);

/// Row `row` of `rows`, which have `columns` columns, in an encoding that holds their format. InvalidInput for codes,
/// scales and zeros that the format should not have.
StatusOr<EncodedRow> encodeStored(const Encoding &encoding, const StoredFormat &format, const StoredRows &rows,
                                  int64_t row, int64_t columns);

} // namespace cadenza
