// An ONNX model as the stages after the reader see it: one flat graph. Functions are inlined, branches of constant
// conditions chosen, Constant nodes and initializers are constants; names are looked up once, here, and are for people
// from then on. What the reader promises of a graph without findings: each value has at most one producer, nodes come
// after those whose outputs they take, every node has a known operator (`version`) or none at all (`checkSupport` says
// so), as many inputs and outputs as it allows, and attributes of the names and types that it defines.
#pragma once

#include "compiler/import/onnx/operators.h"
#include "compiler/import/onnx/tensor.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cadenza::onnx {

/// One extent of a shape: a number, a symbol such as "batch" that means the same extent wherever it stands, or unknown.
struct Dimension {
  std::optional<int64_t> extent;
  std::string symbol; // empty if there is an extent, or if it is unknown
};

/// What a file declares of a value.
struct ValueType {
  ElementType element = ElementType::f32;
  std::optional<std::vector<Dimension>> shape; // nothing: not even the rank is known
};

using ValueId = uint32_t;
using NodeId = uint32_t;
/// Where a node leaves out an optional input or output; a value that no node makes.
inline constexpr uint32_t none = UINT32_MAX;

struct Value {
  std::string name; // unique in the file's graph; of a function's or a branch's, "CALL/NAME"
  NodeId producer = none;
  std::shared_ptr<const Tensor> constant; // if it is one
  std::shared_ptr<const ValueType> type;  // as declared: not checked against what the producer makes; may be null
};

/// The body of a control-flow node, of which only its presence is known.
struct Subgraph {};

struct Attribute {
  std::string name;
  std::variant<float, int64_t, std::string, Tensor, Subgraph, std::vector<float>, std::vector<int64_t>,
               std::vector<std::string>>
      value;
};

struct Node {
  std::string name;                         // may be empty; of a function's or a branch's, "CALL/NAME"
  std::string domain, op;                   // the standard domain is ""
  int64_t opset = 0;                        // of its domain, where the node stands
  const OperatorVersion *version = nullptr; // null: no operator that is known
  std::vector<ValueId> inputs, outputs;     // without those that are left out at the end
  std::vector<Attribute> attributes;

  const Attribute *find(std::string_view attribute) const;
};

/// An input or output of the model.
struct Port {
  std::string name;
  ValueId value = none;
  std::shared_ptr<const ValueType> type; // as declared; never null of an input
};

struct Graph {
  std::vector<Value> values; // by ValueId
  std::vector<Node> nodes;   // by NodeId, in topological order
  std::vector<Port> inputs;  // those without a default
  std::vector<Port> outputs;
};

struct Model {
  std::string file;     // its name without the directory, for messages
  std::string producer; // "pytorch 2.11.0"
  int64_t irVersion = 0;
  std::map<std::string, int64_t> opsets; // by domain, "" being the standard one
  Graph graph;
};

/// "node 'attn/Softmax' (Softmax)"; of one without a name "node 12 (Softmax, which makes 'y')".
std::string describe(const Graph &graph, NodeId node);
/// "f32 [batch, 128, ?]"; "?" if nothing is known.
std::string typeText(const ValueType *type);

} // namespace cadenza::onnx
