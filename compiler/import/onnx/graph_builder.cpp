#include "compiler/import/onnx/graph_builder.h"
#include "compiler/import/onnx/node_order.h"
#include "compiler/import/onnx/onnx_proto.h"
#include "compiler/import/onnx/read_type.h"
#include "compiler/import/text.h"

namespace cadenza::onnx {
namespace {

/// From this IR version on an initializer need not be an input, and one that is may be overridden by the caller.
constexpr int64_t initializersWithoutInputs = 4;

} // namespace

void GraphBuilder::build(const ::onnx::ModelProto &proto) {
  addFunctions(proto);
  Scope scope;
  scope.opsets = &model.opsets;
  addInitializers(proto.graph(), scope);
  addInputs(proto.graph(), scope);
  addNodes(proto.graph().node(), scope);
  addDeclaredTypes(proto.graph(), scope);
  addOutputs(proto.graph(), scope);
}

void GraphBuilder::addFunctions(const ::onnx::ModelProto &proto) {
  for (const auto &function : proto.functions()) {
    const FunctionKey key = {plainDomain(function.domain()), function.name(), function.overload()};
    if (function.name().empty())
      findings.invalid(file + "functions: one of domain " + quotedName(function.domain()) + " has no name");
    else if (!functions.emplace(key, &function).second)
      findings.invalid(file + "functions: " + quotedName(function.name()) + " of domain " +
                       quotedName(function.domain()) + " is there twice");
  }
}

ValueId GraphBuilder::addValue(std::string_view name, const Scope &scope) {
  const auto id = static_cast<ValueId>(graph.values.size());
  Value value;
  value.name = scope.prefix + std::string(name);
  graph.values.push_back(std::move(value));
  return id;
}

void GraphBuilder::define(std::string_view name, ValueId value, Scope &scope, const std::string &where) {
  if (!scope.values.emplace(name, value).second)
    findings.invalid(where + ": value " + quotedName(name) + " is made for the second time; each name has one origin");
}

ValueId GraphBuilder::lookUp(const std::string &name, Scope &scope, const std::string &where) {
  if (const auto found = scope.find(name))
    return *found;
  if (!scope.later.contains(name)) // else addNodes says it
    findings.invalid(where + ": value " + quotedName(name) + " is not defined");
  const ValueId value = addValue(name, scope);
  if (!scope.later.contains(name))
    scope.values.emplace(name, value); // said once
  return value;
}

void GraphBuilder::addInitializers(const ::onnx::GraphProto &proto, Scope &scope) {
  for (const auto &initializer : proto.initializer()) {
    const std::string where = file + "initializer " + quotedName(initializer.name());
    if (initializer.name().empty()) {
      findings.invalid(where + ": has no name");
      continue;
    }
    StatusOr<Tensor> tensor = tensors.read(initializer);
    findings.add(tensor.status().withPrefix(where));
    const ValueId value = addValue(initializer.name(), scope);
    if (tensor.isOk())
      graph.values[value].constant = std::make_shared<const Tensor>(std::move(*tensor));
    define(initializer.name(), value, scope, where);
  }
  for (const auto &initializer : proto.sparse_initializer()) {
    findings.unsupported(file + "sparse_initializer " + quotedName(initializer.values().name()) + ": not supported");
    define(initializer.values().name(), addValue(initializer.values().name(), scope), scope, file);
  }
}

void GraphBuilder::addInputs(const ::onnx::GraphProto &proto, Scope &scope) {
  const size_t initializers = scope.values.size();
  std::unordered_set<std::string_view> names;
  size_t withDefaults = 0;
  std::string first;
  for (const auto &input : proto.input()) {
    const std::string where = file + "input " + quotedName(input.name());
    if (input.name().empty() || !names.insert(input.name()).second) {
      findings.invalid(where + (input.name().empty() ? ": has no name" : ": is there twice"));
      continue;
    }
    StatusOr<ValueType> type = readType(input.type());
    findings.add(type.status().withPrefix(where));
    auto shared = type.isOk() ? std::make_shared<const ValueType>(std::move(*type)) : nullptr;
    if (const auto known = scope.find(input.name())) { // an initializer, which is its default
      Value &value = graph.values[*known];
      if (value.constant && shared && !fits(*value.constant, *shared))
        findings.invalid(where + ": is declared " + typeText(shared.get()) + ", but its initializer is " +
                         std::string(elementTypeName(value.constant->type)) + " " + shapeText(value.constant->shape));
      value.type = shared;
      if (withDefaults++ == 0)
        first = quotedName(input.name());
      continue;
    }
    const ValueId value = addValue(input.name(), scope);
    graph.values[value].type = shared;
    scope.values.emplace(input.name(), value);
    graph.inputs.push_back({input.name(), value, shared});
  }
  if (model.irVersion > 0 && model.irVersion < initializersWithoutInputs && withDefaults < initializers)
    findings.invalid(file + std::to_string(initializers - withDefaults) +
                     " initializers are no inputs, which ir_version " + std::to_string(model.irVersion) +
                     " demands (from " + std::to_string(initializersWithoutInputs) + " on it does not)");
  if (model.irVersion >= initializersWithoutInputs && withDefaults != 0)
    findings.notice(file + std::to_string(withDefaults) +
                    " inputs have an initializer as their default and are constants " +
                    "here, with that value; the first is " + first);
}

void GraphBuilder::addDeclaredTypes(const ::onnx::GraphProto &proto, const Scope &scope) {
  for (const auto &info : proto.value_info()) {
    const auto found = scope.values.find(info.name());
    if (found == scope.values.end() || graph.values[found->second].type || !info.has_type())
      continue; // a name that nobody uses is left over from a tool, and does no harm
    StatusOr<ValueType> type = readType(info.type());
    if (type.isOk()) // types of what no node here can make are those nodes' problem
      graph.values[found->second].type = std::make_shared<const ValueType>(std::move(*type));
  }
}

void GraphBuilder::addOutputs(const ::onnx::GraphProto &proto, const Scope &scope) {
  std::unordered_set<std::string_view> names;
  if (proto.output().empty())
    findings.invalid(file + "graph: there is no output");
  for (const auto &output : proto.output()) {
    const std::string where = file + "output " + quotedName(output.name());
    const ValueId value = scope.find(output.name()).value_or(none);
    if (output.name().empty())
      findings.invalid(where + ": has no name");
    else if (!names.insert(output.name()).second)
      findings.invalid(where + ": is there twice");
    else if (value == none)
      findings.invalid(where + ": no node makes it");
    else {
      Port port{output.name(), value, nullptr};
      if (output.has_type()) {
        StatusOr<ValueType> type = readType(output.type());
        findings.add(type.status().withPrefix(where));
        if (type.isOk())
          port.type = std::make_shared<const ValueType>(std::move(*type));
      }
      graph.outputs.push_back(std::move(port));
    }
  }
}

void GraphBuilder::addNodes(const Nodes &nodes, Scope &scope) {
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string &output : nodes[i].output())
      if (!output.empty())
        scope.later.emplace(output, i);
  std::vector<std::string> early; // what is used before it is made
  for (int i = 0; i < nodes.size(); ++i) {
    for (const std::string &input : nodes[i].input()) {
      const auto maker = scope.later.find(input);
      if (maker != scope.later.end() && !scope.find(input))
        early.push_back(label(nodes[i], i, scope) + " takes " + quotedName(input) + ", which " +
                        label(nodes[maker->second], maker->second, scope) + " makes only later");
    }
    addNode(nodes[i], i, scope);
    for (const std::string &output : nodes[i].output())
      scope.later.erase(output);
  }
  if (early.empty())
    return;
  const std::vector<int> cycle = findCycle(nodes);
  if (cycle.empty()) {
    for (const std::string &what : early)
      findings.invalid(file + what + "; ONNX wants nodes in topological order");
    return;
  }
  std::string text;
  constexpr size_t shown = 8;
  for (size_t i = 0; i < std::min(cycle.size(), shown); ++i)
    text += label(nodes[cycle[i]], cycle[i], scope) + " <- ";
  findings.invalid(file + "the graph has a cycle: " + text + (cycle.size() > shown ? "... <- " : "") +
                   label(nodes[cycle[0]], cycle[0], scope));
}

std::string GraphBuilder::label(const ::onnx::NodeProto &proto, int index, const Scope &scope) const {
  const std::string op = escaped(proto.op_type(), 80);
  if (!proto.name().empty())
    return "node " + quotedName(scope.prefix + proto.name()) + " (" + op + ")";
  const std::string place =
      "node " + std::to_string(index) + (scope.prefix.empty() ? "" : " of " + quotedName(scope.prefix)) + " (" + op;
  for (const std::string &output : proto.output())
    if (!output.empty())
      return place + ", which makes " + quotedName(output) + ")";
  return place + ")";
}

} // namespace cadenza::onnx
