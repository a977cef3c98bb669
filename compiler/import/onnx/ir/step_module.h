// The `nn` module of a decoder's step, in ops on tensors: what raising begins with.
//
//   nn.weight @"model.embed_tokens.weight" : tensor<288x48xf32> from "model.embed_tokens.weight"
//   nn.cache @layers.0.cache heads 2 head_dim 16 : bf16
//   func.func @decode(%token: ..., %position: ...) -> (tensor<1x1x288xf32> {nn.port = #nn.port<logits>})
//
// Inputs of the graph are made of the token and of how many tokens are in the cache before it; past keys and values are
// nn.read_cache. What becomes of them is no result: attention reads it. Constants of floats are weights under their
// names in the file, but for numbers and tables of positions. Locations are the names of nodes.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/decoder/decoder.h"
#include "compiler/import/onnx/ir/ir_emitter.h"

#include "mlir/IR/OwningOpRef.h"

namespace cadenza::onnx {

struct StepModule {
  mlir::OwningOpRef<mlir::ModuleOp> module; // verified
  IrEmitter::Weights weights;
};

/// Files all nodes that cannot be lowered.
StatusOr<StepModule> makeStepModule(mlir::MLIRContext &context, const DecoderStep &step, Findings &findings);

} // namespace cadenza::onnx
