// Nodes whose inputs are constants, computed by the references of the ops that they would become.
#pragma once

#include "compiler/import/onnx/graph.h"
#include "compiler/import/onnx/shapes/facts.h"
#include "compiler/import/onnx/shapes/symbols.h"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace cadenza::onnx {

/// Larger results are not folded.
inline constexpr uint64_t maxFoldedBytes = uint64_t{64} << 20;
/// Nor is anything once the results take so much together.
inline constexpr uint64_t maxFoldedInAll = uint64_t{512} << 20;

class Folder {
public:
  Folder(const Graph &graph, std::vector<std::optional<Facts>> &facts, Symbols &symbols);

  /// The graph, and `facts`, have got more values.
  void extend();

  /// Folds a node whose facts have been inferred, if it can be: its outputs become constants. A node that only moves or
  /// converts a constant of floats, a weight, stays, and counts as a constant for those that take it: they fold it,
  /// too. `parameters` as in Analysis.
  void fold(NodeId node, uint64_t parameters);

private:
  bool isConstant(ValueId value) const { return ((*facts)[value] && (*facts)[value]->constant) || deferred[value]; }
  /// The constant, computed now if its node was left; null if that fails.
  std::shared_ptr<const Tensor> constantOf(ValueId value, int depth);
  /// The outputs of a node whose inputs are constants; nothing if it has no lowering or the references refuse it.
  bool evaluate(NodeId node, int depth);
  bool isSmall(const Node &node) const;

  const Graph &graph;
  std::vector<std::optional<Facts>> *facts;
  Symbols &symbols;
  std::vector<bool> deferred;                          // by ValueId: made of constants by a node that stays
  uint64_t folded = 0;                                 // bytes
  std::vector<std::shared_ptr<const Tensor>> computed; // of those, once somebody needed them
};

} // namespace cadenza::onnx
