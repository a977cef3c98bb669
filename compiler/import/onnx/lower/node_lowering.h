// A node as its lowering sees it: operands, what is known of them, attributes, and where its results go.
#pragma once

#include "compiler/import/onnx/lower/emitter.h"
#include "compiler/import/onnx/node_attributes.h"
#include "compiler/import/onnx/shapes/symbols.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cadenza::onnx {

class NodeLowering : public NodeAttributes {
public:
  /// `facts` by ValueId, of the node's inputs and outputs; `operand` gives the emitter's value of an input.
  NodeLowering(const Node &node, const std::vector<std::optional<Facts>> &facts, Symbols &symbols, Emitter &nn,
               std::function<Operand(ValueId)> operand);

  Symbols &symbols;
  Emitter &nn;

  bool has(size_t i) const { return i < node.inputs.size() && node.inputs[i] != none; }
  size_t inputs() const { return node.inputs.size(); }
  const Facts &facts(size_t i) const { return *known[node.inputs[i]]; }
  const Shape &shape(size_t i) const { return facts(i).shape; }
  int64_t rank(size_t i) const { return static_cast<int64_t>(shape(i).size()); }
  ElementType type(size_t i) const { return facts(i).type; }
  Operand in(size_t i) { return operand(node.inputs[i]); }
  Operand inOrNone(size_t i) { return has(i) ? in(i) : Operand(); }
  /// Elements of input i, if all are numbers.
  std::optional<std::vector<int64_t>> numbers(size_t i) const;

  bool makes(size_t i) const { return i < node.outputs.size() && node.outputs[i] != none; }
  const Facts &out(size_t i) const { return *known[node.outputs[i]]; }
  void set(size_t i, Operand result) { results[i] = result; }
  const std::vector<Operand> &all() const { return results; }

  /// Says that this form of the operator has no ops; the first reason is kept.
  void unsupported(std::string why);
  const std::optional<std::string> &reason() const { return why; }

  // What many lowerings are made of.
  Operand scalar(double value, ElementType type);
  Operand scalar(int64_t value) { return nn.constant(nn::scalar(value)); }
  /// An operand of another type, or the same if it has that type.
  Operand cast(Operand x, ElementType from, ElementType to) { return from == to ? x : nn.cast(x, to); }
  Operand binary(nn::BinaryFunction function, Operand a, Operand b) { return nn.binary(function, a, b); }
  /// Axes of attribute or input as numbers from 0 on.
  int64_t axisFrom0(int64_t axis, int64_t rank) const { return axis < 0 ? axis + rank : axis; }

private:
  const std::vector<std::optional<Facts>> &known;
  std::function<Operand(ValueId)> operand;
  std::vector<Operand> results;
  std::optional<std::string> why;
};

} // namespace cadenza::onnx
