// What encodings would cost: errors of matrices, measured on their weights.
#pragma once

#include "compiler/import/weight_source.h"
#include "compiler/quantize/quantization_error.h"
#include "runtime/shared/encoding.h"

#include <functional>

namespace cadenza {

/// The errors of matrices in each of some encodings other than tiles16: [matrices][encodings]. Of matrices with more
/// than 1024 rows, on 16 of each 128 rows. Reads in pieces and works in `threads` threads (0: one a core); the result
/// does not depend on how many. Errors are those of the source and of quantizeRows, with the weight's role.
StatusOr<std::vector<std::vector<QuantizationError>>>
measureErrors(const std::vector<WeightSpec> &matrices, const std::vector<Encoding> &encodings,
              const WeightSource &source, int threads, const std::function<void(uint64_t, uint64_t)> &onProgress);

} // namespace cadenza
