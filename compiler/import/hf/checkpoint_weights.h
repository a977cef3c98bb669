// Weights from a checkpoint.
#pragma once

#include "compiler/import/hf/checkpoint.h"
#include "compiler/import/weight_source.h"

#include <memory>
#include <optional>

namespace cadenza {

/// bf16, f16 or f32; nothing for the dtypes that cannot be weights here.
std::optional<DType> weightDType(std::string_view safetensorsDType);

/// Reads straight from the mapped files, which the source keeps open.
std::unique_ptr<WeightSource> makeCheckpointWeights(std::shared_ptr<const Checkpoint> checkpoint);

} // namespace cadenza
