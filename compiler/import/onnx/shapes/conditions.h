// What conditions of If nodes are, as far as that follows from constants and shapes: asked while the graph is built, so
// that a branch takes the place of its node.
#pragma once

#include "compiler/import/onnx/shapes/analysis.h"

#include <memory>

namespace cadenza::onnx {

class Conditions {
public:
  /// Of a model whose inputs are there already.
  Conditions(const Model &model, const AnalysisOptions &options);
  ~Conditions();

  /// What a boolean is, whatever the extents are that `options` leave open; nothing if they may decide it, or if more
  /// than they do. Nodes and values may have come since the last call, and had no findings; those before are as they
  /// were.
  std::optional<bool> valueOf(ValueId condition);

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace cadenza::onnx
