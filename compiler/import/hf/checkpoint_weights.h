// Weights from a checkpoint.
#pragma once

#include "compiler/import/hf/checkpoint.h"
#include "compiler/import/stored_matrix.h"
#include "compiler/import/weight_source.h"

#include <map>
#include <memory>
#include <optional>

namespace cadenza {

/// bf16, f16 or f32; nothing for the dtypes that cannot be weights here.
std::optional<DType> weightDType(std::string_view safetensorsDType);

/// Quantised matrices by the tensor that a weight asks for (quantized/quantized_tensors.h).
using StoredMatrices = std::map<std::string, std::shared_ptr<const StoredMatrix>, std::less<>>;

/// Reads straight from the mapped files, which the source keeps open; `matrices` take the place of tensors.
std::unique_ptr<WeightSource> makeCheckpointWeights(std::shared_ptr<const Checkpoint> checkpoint,
                                                    StoredMatrices matrices = {});

} // namespace cadenza
