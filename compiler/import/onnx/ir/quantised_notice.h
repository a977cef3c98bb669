// What a user has to know of matrices that a model holds in integers of a few bits, and a plan does not.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/ir/ir_emitter.h"
#include "compiler/import/weight_source.h"

namespace cadenza::onnx {

/// Files one notice: how many matrices are dequantised, to which type, how many bytes they take then and took before,
/// and whether values are rounded, which the beginning of each matrix tells. Nothing if there are none.
void noteQuantised(const std::vector<WeightSpec> &weights, const WeightSource &source,
                   const IrEmitter::Weights &tensors, Findings &findings);

} // namespace cadenza::onnx
