// The types that the weights of a raised module have in a plan.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/ir/ir_emitter.h"
#include "runtime/plan/program.h"

namespace cadenza::onnx {

/// Exporters widen weights: files in fp32 hold those of checkpoints in 16 bits. Matrices of f32 become bf16 or f16, the
/// one that holds all their values, as the checkpoint did; bf16, with a notice, if none does. Vectors of f32 whose
/// values that type holds become it, too (a plan widens vectors). Caches are of the type that most matrices have, as is
/// `decoder.weightDtype`. `tensors` by the names in nn.weight's `from`.
void settleWeights(mlir::ModuleOp module, const IrEmitter::Weights &tensors, Decoder &decoder, Findings &findings);

} // namespace cadenza::onnx
