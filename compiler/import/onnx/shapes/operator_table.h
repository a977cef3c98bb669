// What the importer can do with each operator: one row an operator, which is at once the list of what is supported.
#pragma once

#include "compiler/import/onnx/lower/node_lowering.h"
#include "compiler/import/onnx/shapes/node_inference.h"
#include "compiler/import/onnx/support.h"

#include <span>
#include <vector>

namespace cadenza::onnx {

struct OperatorRow {
  SupportedOperator form;
  /// Types, shapes and elements of the outputs (infer.h).
  void (*infer)(NodeInference &node);
  /// The ops that it becomes (lower.h); null: there are none yet.
  void (*lower)(NodeLowering &node) = nullptr;
  /// Inputs that may be left out although later ones are there; else those that the operator needs come first.
  std::vector<size_t> optionalInputs = {};
};

/// Whether `node` has the inputs that it needs.
bool hasRequiredInputs(const Node &node, const OperatorRow &row);

/// Sorted by domain and name.
std::span<const OperatorRow> operatorTable();
/// The row of a node's operator in the node's version; null if there is none.
const OperatorRow *findRow(const Node &node);
/// The forms of the table that become ops, for checkSupport; and those of which only shapes can be inferred, if asked.
std::vector<SupportedOperator> supportedOperators(bool withoutOps = false);

} // namespace cadenza::onnx
