// A node as the inference of its operator sees it: what is known of its inputs, its attributes, and where what follows
// for its outputs goes.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/graph.h"
#include "compiler/import/onnx/node_attributes.h"
#include "compiler/import/onnx/shapes/facts.h"
#include "compiler/import/onnx/shapes/symbols.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::onnx {

class NodeInference : public NodeAttributes {
public:
  NodeInference(const Model &model, NodeId id, const std::vector<std::optional<Facts>> &facts, Symbols &symbols,
                Findings &findings);

  Symbols &symbols;
  Findings &findings;

  // Inputs. An operator's inference is called only if all inputs that are there have facts.
  size_t inputs() const { return node.inputs.size(); }
  bool has(size_t i) const { return i < node.inputs.size() && node.inputs[i] != none; }
  const Facts &in(size_t i) const { return *facts[node.inputs[i]]; }
  const Shape &shape(size_t i) const { return in(i).shape; }
  int64_t rank(size_t i) const { return static_cast<int64_t>(in(i).shape.size()); }
  ElementType type(size_t i) const { return in(i).type; }
  /// Elements of an input that says what the operator does, a shape for Reshape say. If all are known, the node takes
  /// them from here and needs no one to compute that input (`Analysis::parameters`). Null: nothing is known.
  const Elements *parameter(size_t i);
  /// The same if all are numbers.
  std::optional<std::vector<int64_t>> numbers(size_t i);
  /// The values of a constant of real numbers; the node then takes them from here, too.
  std::optional<std::vector<double>> realNumbers(size_t i);
  /// Says that the node does not need input i, although what it holds is not known: only its shape counts.
  void ignoresValueOf(size_t i);
  uint64_t parameters() const { return taken; }

  /// Attribute `name` as an element type; nothing if it is not there, or, which is filed, no type.
  std::optional<ElementType> elementType(std::string_view name);

  // Outputs.
  size_t outputs() const { return node.outputs.size(); }
  bool makes(size_t i) const { return i < node.outputs.size() && node.outputs[i] != none; }
  /// Extents that are unknown become symbols of their own. Does nothing for an output that the node does not make.
  void set(size_t output, ElementType type, Shape shape);
  /// With elements, which are kept if the shape is small.
  void set(size_t output, ElementType type, Shape shape, Elements elements);
  std::vector<std::optional<Facts>> take() { return std::move(results); }

  // What is wrong. `invalid`: no implementation could run the node.
  void invalid(const std::string &what);
  void unsupported(const std::string &what);
  bool failed() const { return hasFailed; }
  /// An axis of `rank` (negative ones count from the end); nothing, which is filed, if it is out of range.
  std::optional<size_t> axis(int64_t axis, int64_t rank);
  /// The same for a list, which must not have one twice; sorted.
  std::optional<std::vector<size_t>> axes(const std::vector<int64_t> &list, int64_t rank);
  /// Files it if input i is there and its rank is not in [low, high].
  bool hasRank(size_t i, int64_t low, int64_t high);
  bool hasRank(size_t i, int64_t rank) { return hasRank(i, rank, rank); }
  /// Files it if two inputs that are there have different element types.
  bool sameType(size_t a, size_t b);
  /// One of two extents that have to be equal, the one that says more; files it if they surely differ.
  Extent same(const Extent &a, const Extent &b, std::string_view what);
  /// The shape of operands that are broadcast; nothing, which is filed, if they cannot be.
  std::optional<Shape> broadcast(const Shape &a, const Shape &b);

private:
  const std::vector<std::optional<Facts>> &facts;
  const std::string where;
  std::vector<std::optional<Facts>> results;
  uint64_t taken = 0;
  bool hasFailed = false;
};

} // namespace cadenza::onnx
