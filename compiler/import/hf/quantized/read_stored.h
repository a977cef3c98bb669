// Rows of weights out of quantised matrices.
#pragma once

#include "compiler/import/stored_matrix.h"
#include "compiler/import/weight_source.h"

#include <cstddef>
#include <cstdint>

namespace cadenza {

/// Rows [first, first + rows) of a weight out of its matrix: dequantised, rounded to spec.dtype and then to `dtype`, to
/// `out` unless that is null. Gives how many infinities and NaNs there were before any rounding. A view's rows are
/// those of the matrix, also where it is transposed: rows of quantised matrices are always outputs.
StatusOr<uint64_t> readStored(const WeightSpec &spec, const StoredMatrix &matrix, int64_t first, int64_t rows,
                              DType dtype, std::byte *out);

} // namespace cadenza
