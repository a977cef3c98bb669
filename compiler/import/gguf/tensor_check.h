// Whether a GGUF file holds what its model needs, and what in it is left out.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/gguf/weights.h"

namespace cadenza::gguf {

/// Files what is wrong with the tensors of weights, as checkTensors (hf/tensor_check.h) does for a checkpoint: missing
/// ones, other shapes, types that are not supported, each type once; and notices that count those that are dequantised,
/// those that are rounded, and those that no weight uses (errors with --strict). `storesCodes`: the plan stores
/// matrices in codes, and what becomes of those of the file shows when it is packed.
void checkTensors(const Model &model, const std::vector<WeightSpec> &weights, bool storesCodes, Findings &findings);

} // namespace cadenza::gguf
