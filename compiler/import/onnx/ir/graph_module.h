// The `nn` module of a graph that is no decoder, in ops on tensors:
//
//   nn.weight @"encoder.weight" : tensor<48x48xf32> from "encoder.weight"
//   func.func @run(%ids: tensor<1x16xi64> {nn.port = #nn.port<"input_ids">})
//       -> (tensor<1x16x48xf32> {nn.port = #nn.port<"last_hidden_state">})
//
// Ports have the names of the graph's inputs and outputs. Every extent is a number: what the model leaves open, --dim
// says. Constants of floats are weights under their names in the file, small ones constants. Locations are the names of
// nodes.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/ir/ir_emitter.h"
#include "compiler/import/onnx/shapes/analysis.h"

#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace cadenza::onnx {

/// A function of the module: the graph with extents that are known.
struct GraphEntry {
  std::string name;
  Analysis analysis;
};

struct GraphModule {
  mlir::OwningOpRef<mlir::ModuleOp> module; // verified
  IrEmitter::Weights weights;
};

/// Files what a graph cannot have: inputs and outputs that are open (all in one finding), empty, or of a type that ops
/// do not compute with; results whose extents depend on values; nodes that cannot be lowered. Entries share their
/// weights.
StatusOr<GraphModule> makeGraphModule(mlir::MLIRContext &context, const Model &model,
                                      const std::vector<GraphEntry> &entries, Findings &findings);

} // namespace cadenza::onnx
