// Dequantising a matrix by ops on its integers.
#pragma once

#include "compiler/import/onnx/lower/emitter.h"
#include "compiler/support/block_quantization.h"

namespace cadenza::onnx {

/// Emitter::dequantize of a sound layout, by other ops of that emitter: each rounds to the type of the scales.
Operand dequantizeByOps(Emitter &nn, const BlockLayout &layout, Operand packed, Operand scales, Operand zeros);

} // namespace cadenza::onnx
