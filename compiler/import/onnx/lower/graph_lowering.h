// A whole graph into an emitter: the live nodes, in order. What IR is made with, and what evaluates a graph.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/lower/emitter.h"
#include "compiler/import/onnx/shapes/analysis.h"

#include <optional>
#include <vector>

namespace cadenza::onnx {

class GraphLowering {
public:
  GraphLowering(const Model &model, const Analysis &analysis, Emitter &emitter, Findings &findings);

  /// Gives an input of the graph its value.
  void bind(ValueId value, Operand operand) { operands[value] = operand; }
  /// Lowers all live nodes; files each that has no lowering, or the first error of the emitter with the node it came up
  /// in. False if there was any.
  bool run();
  /// The emitter's value of any value that is known, bound, or made by a node that has been lowered.
  Operand get(ValueId value);

private:
  bool lower(NodeId node);
  /// A type of what the node takes or makes that ops do not compute with.
  std::optional<ElementType> typeWithoutOps(const Node &node, NodeId id) const;

  const Model &model;
  const Analysis &analysis;
  Emitter &emitter;
  Findings &findings;
  std::vector<Operand> operands; // by ValueId
};

} // namespace cadenza::onnx
