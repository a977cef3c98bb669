// Whether a checkpoint holds what the model needs, and nothing that would be left out.
#pragma once

#include "compiler/import/hf/checkpoint.h"
#include "compiler/import/weight_source.h"

namespace cadenza {

/// Files a finding for each weight whose tensor is missing, has another shape or a dtype that is no weight; for each
/// tensor that no weight uses (a bias that the family does not know would change the result); and a notice where values
/// are rounded.
void checkTensors(const Checkpoint &checkpoint, const std::vector<WeightSpec> &weights, bool tied, Findings &findings);

/// The type that the matrices of a checkpoint are compiled to, taken from its embedding: bf16 for bf16 and f32, f16 for
/// f16. Nothing if there is no embedding or it is no such type.
std::optional<DType> matrixDType(const Checkpoint &checkpoint);

} // namespace cadenza
