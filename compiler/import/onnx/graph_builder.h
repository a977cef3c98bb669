// GraphProto to Graph: looks up names, inlines functions, chooses the branches of conditions that are known, and checks
// each node against the definition of its operator.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/graph.h"
#include "compiler/import/onnx/read_tensor.h"
#include "compiler/import/onnx/scope.h"

#include <google/protobuf/repeated_field.h>

#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <unordered_set>

namespace onnx {
class FunctionProto;
class GraphProto;
class ModelProto;
class NodeProto;
class TypeProto;
class ValueInfoProto;
} // namespace onnx

namespace cadenza::onnx {

/// How deep calls of functions may nest, and how many bytes of nodes and values calls and branches may add: real models
/// have a few levels and megabytes, a file of some hundred bytes can ask for 2^100 nodes.
inline constexpr int maxCallDepth = 32;
inline constexpr uint64_t maxInlinedBytes = uint64_t{128} << 20;

class GraphBuilder {
public:
  /// What a boolean of the graph so far is, which has no findings, if that does not depend on the model's inputs.
  using Decide = std::function<std::optional<bool>(ValueId)>;

  GraphBuilder(Model &model, TensorReader &tensors, Decide decide, Findings &findings)
      : model(model), graph(model.graph), tensors(tensors), decide(std::move(decide)), findings(findings),
        file(model.file + ": ") {}

  void build(const ::onnx::ModelProto &proto);

private:
  using Nodes = google::protobuf::RepeatedPtrField<::onnx::NodeProto>;
  using FunctionKey = std::tuple<std::string, std::string, std::string>; // domain, name, overload

  // graph_builder.cpp
  void addFunctions(const ::onnx::ModelProto &proto);
  void addInitializers(const ::onnx::GraphProto &proto, Scope &scope);
  void addInputs(const ::onnx::GraphProto &proto, Scope &scope);
  void addDeclaredTypes(const ::onnx::GraphProto &proto, const Scope &scope);
  void addOutputs(const ::onnx::GraphProto &proto, const Scope &scope);
  void addNodes(const Nodes &nodes, Scope &scope);
  ValueId addValue(std::string_view name, const Scope &scope);
  /// Gives the name to a value; files a second one of that name.
  void define(std::string_view name, ValueId value, Scope &scope, const std::string &where);
  /// The value of that name; if there is none, which is filed, a new one.
  ValueId lookUp(const std::string &name, Scope &scope, const std::string &where);

  // add_node.cpp
  void addNode(const ::onnx::NodeProto &proto, int index, Scope &scope);
  void checkCounts(const Node &node, const std::string &where);
  void addAttributes(const ::onnx::NodeProto &proto, Node &node, const Scope &scope, const std::string &where);
  void addConstant(const ::onnx::NodeProto &proto, const Node &node, Scope &scope, const std::string &where,
                   bool attributesAreSound);
  void defineOutputs(const ::onnx::NodeProto &proto, Node &node, Scope &scope, const std::string &where);
  void incompatible(const Node &node, const std::string &message);

  // inline.cpp
  bool inlineCall(const ::onnx::NodeProto &proto, int index, Scope &scope, const std::string &where);
  bool inlineBranch(const ::onnx::NodeProto &proto, int index, Scope &scope, const std::string &where);
  /// Whether nodes of so many bytes may still be added; files it once if not.
  bool spend(uint64_t bytes, const std::string &where);

  std::string label(const ::onnx::NodeProto &proto, int index, const Scope &scope) const;

  Model &model;
  Graph &graph;
  TensorReader &tensors;
  const Decide decide;
  Findings &findings;
  const std::string file; // begins every message
  std::map<FunctionKey, const ::onnx::FunctionProto *> functions;
  std::map<const ::onnx::FunctionProto *, Opsets> functionOpsets; // of those that were called
  std::set<const ::onnx::FunctionProto *> broken;                 // whose problems have been filed
  std::set<std::string> missingDomains; // for which it has been filed that nobody imports them
  uint64_t inlined = 0;                 // bytes
};

/// What a call's or an If node's outputs are called where they are used, and what makes them.
std::string prefixOf(const ::onnx::NodeProto &proto, int index, const Scope &scope);

} // namespace cadenza::onnx
