// What follows from a model's graph before it is lowered: element type and shape of every value, values that are known,
// nodes that are needed. One pass over the nodes, which the reader left in topological order.
//
//   Analysis analysis = analyse(model, {.dims = {{"batch_size", "1"}, {"sequence_length", "1"}}}, findings);
//   for (NodeId id = 0; id < graph.nodes.size(); ++id)
//     if (analysis.isLive(id)) ... // lower it: analysis.facts[...] of its inputs and outputs
//
// How to lower a live node. An input i of it
//   - whose bit in `parameters[node]` is set says what the node does (the shape of a Reshape, the axes of a reduction),
//   and
//     is taken from `facts`; nobody computes it. It may be null there, if only its shape counted (Shape, CastLike) or
//     if the output's shape says all (a Reshape whose extents are known);
//   - whose facts have a `constant` is that tensor;
//   - whose `facts.isKnown()` without being a constant holds integers that are polynomials of open extents: they are
//     made of those;
//   - else comes from the node that produces it, which is live, or from outside.
// A weight that is only moved or converted (Transpose, Reshape, Cast of a constant of floats) is no constant itself:
// the node stays, so that the bytes stay where they are mapped.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/graph.h"
#include "compiler/import/onnx/shapes/facts.h"
#include "compiler/import/onnx/shapes/symbols.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cadenza::onnx {

struct AnalysisOptions {
  /// By the name of a dimension: a number, or an expression over other names ("past_sequence_length + 1").
  std::map<std::string, std::string> dims = {};
  /// The largest extent of a dimension, if that is known: what is cut to more elements is not cut.
  std::map<std::string, int64_t> limits = {};
  /// Operators of which only shapes can be inferred, because they do not become ops yet, are no findings.
  bool shapesOnly = false;
};

struct Analysis {
  std::shared_ptr<Symbols> symbols; // of all polynomials
  /// By ValueId. Nothing of a value whose node has an operator that is not supported, or that is wrong (which has been
  /// filed), or that takes such a value.
  std::vector<std::optional<Facts>> facts;
  std::vector<bool> live;           // by NodeId: an output of the model needs what it computes
  std::vector<uint64_t> parameters; // by NodeId: bits of the inputs (of the first 64) that nobody needs to compute

  bool isLive(NodeId node) const { return live[node]; }
  bool isParameter(NodeId node, size_t input) const { return input < 64 && (parameters[node] >> input & 1) != 0; }
};

/// Takes what says extents that have no name out of `dims`, and declares it: `input_ids[0]` is axis 0 of that input.
/// Errors are filed.
void declareUnnamed(Model &model, std::map<std::string, std::string> &dims, Findings &findings);

/// Checks the options: each is a number or an expression, and names a dimension of the model. Errors are filed.
void checkDims(const Model &model, const AnalysisOptions &options, Findings &findings);

/// Files operators that are not supported (all of them), and what contradicts itself: operands that do not fit their
/// operator, declared types that are not those that follow.
Analysis analyse(const Model &model, const AnalysisOptions &options, Findings &findings);

/// What follows from the graph, in a few lines: types of the outputs, how many nodes are needed, which extents stay
/// open and where those that nothing is known of come from. For cadenza-compile model.onnx --check.
std::string summarize(const Model &model, const Analysis &analysis);

/// One line a value that is needed, in order, with its producer: "y = Add: f32 [1, past + 1]"; elements where they are
/// known. For people and tests.
std::string describe(const Model &model, const Analysis &analysis);

} // namespace cadenza::onnx
