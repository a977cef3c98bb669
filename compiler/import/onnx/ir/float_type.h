// --dtype: a graph that was exported in fp32, computed in 16 bits.
#pragma once

#include "compiler/ir/nn/NN.h"

namespace cadenza::onnx {

/// Every f32 of `module`, which is in ops on tensors, becomes `type` (f16 or bf16): ports, values, weights (which are
/// rounded as they are read) and constants. A constant that is finite stays finite: masks are often the lowest number
/// of fp32.
void setFloatType(mlir::ModuleOp module, mlir::FloatType type);

} // namespace cadenza::onnx
