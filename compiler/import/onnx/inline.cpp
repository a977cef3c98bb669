#include "compiler/import/onnx/graph_builder.h"
#include "compiler/import/onnx/onnx_proto.h"
#include "compiler/import/text.h"

namespace cadenza::onnx {

std::string prefixOf(const ::onnx::NodeProto &proto, int index, const Scope &scope) {
  return scope.prefix + (proto.name().empty() ? proto.op_type() + "." + std::to_string(index) : proto.name()) + "/";
}

namespace {

/// What a boolean constant says; nothing if the value is none, or not known.
std::optional<bool> constantCondition(const Graph &graph, ValueId value) {
  if (!graph.values[value].constant)
    return std::nullopt;
  const Tensor &tensor = *graph.values[value].constant;
  if (tensor.type != ElementType::boolean || tensor.elements() != 1)
    return std::nullopt;
  return integers(tensor)[0] != 0;
}

/// About what the values and nodes of a list take when it is inlined once more, beside the names before theirs.
uint64_t bytesOf(const google::protobuf::RepeatedPtrField<::onnx::NodeProto> &nodes, const std::string &prefix) {
  constexpr uint64_t bytesOfPiece = 128, growthOfNumbers = 8;
  uint64_t bytes = bytesOfPiece;
  for (const auto &node : nodes) {
    const auto pieces = static_cast<uint64_t>(1 + node.input_size() + node.output_size() + node.attribute_size());
    bytes += growthOfNumbers * node.ByteSizeLong() + pieces * (bytesOfPiece + prefix.size());
  }
  return bytes;
}

} // namespace

bool GraphBuilder::spend(uint64_t bytes, const std::string &where) {
  if (inlined > maxInlinedBytes)
    return false;
  inlined += bytes;
  if (inlined <= maxInlinedBytes)
    return true;
  findings.invalid(where + ": with this call or branch, functions and branches make more than " +
                   std::to_string(maxInlinedBytes) + " bytes of nodes");
  return false;
}

/// Whether the node is a call of a function of the model, which has been replaced by its body. Functions of a model go
/// before operators of the same name.
bool GraphBuilder::inlineCall(const ::onnx::NodeProto &proto, int index, Scope &scope, const std::string &where) {
  const auto found = functions.find({plainDomain(proto.domain()), proto.op_type(), proto.overload()});
  if (found == functions.end())
    return false;
  const ::onnx::FunctionProto &function = *found->second;
  Call call{&function, scope.call, scope.call ? scope.call->depth + 1 : 1, {}};
  bool sound = true;
  const auto fail = [&](const std::string &message) {
    sound = false;
    findings.invalid(where + ": " + message);
  };
  for (const Call *caller = scope.call; caller && sound; caller = caller->caller)
    if (caller->function == &function)
      fail("function " + quotedName(function.name()) + " calls itself");
  if (sound && call.depth > maxCallDepth)
    fail("calls of functions nest deeper than " + std::to_string(maxCallDepth));
  if (proto.input_size() > function.input_size() || proto.output_size() > function.output_size())
    fail("has " + std::to_string(proto.input_size()) + " inputs and " + std::to_string(proto.output_size()) +
         " outputs; the function has " + std::to_string(function.input_size()) + " and " +
         std::to_string(function.output_size()));

  // Attributes: defaults, then what the call passes, which may in turn be what its own function was passed.
  std::unordered_set<std::string_view> declared(function.attribute().begin(), function.attribute().end());
  for (const auto &attribute : function.attribute_proto()) {
    declared.insert(attribute.name());
    if (!attribute.ref_attr_name().empty())
      fail("attribute " + quotedName(attribute.name()) + ": its default is a reference");
    call.attributes[attribute.name()] = &attribute;
  }
  for (const auto &attribute : proto.attribute()) {
    if (!declared.contains(attribute.name()))
      fail("attribute " + quotedName(attribute.name()) + ": the function has none of that name");
    const ::onnx::AttributeProto *value = &attribute;
    if (!attribute.ref_attr_name().empty()) {
      const auto passed = scope.call ? scope.call->attributes.find(attribute.ref_attr_name())
                                     : decltype(call.attributes)::const_iterator{};
      if (!scope.call)
        fail("attribute " + quotedName(attribute.name()) + ": refers to " + quotedName(attribute.ref_attr_name()) +
             ", but is in no function");
      if (!scope.call || passed == scope.call->attributes.end())
        continue;
      value = passed->second;
    }
    call.attributes[attribute.name()] = value;
  }

  Scope body;
  body.call = &call;
  body.prefix = prefixOf(proto, index, scope);
  for (int i = 0; i < proto.input_size(); ++i) {
    const ValueId value = proto.input(i).empty() ? none : lookUp(proto.input(i), scope, where);
    if (value != none && i < function.input_size())
      define(function.input(i), value, body, where);
  }
  const auto firstOwn = static_cast<ValueId>(graph.values.size());
  const bool reported = broken.contains(&function);
  if (sound && !reported && spend(bytesOf(function.node(), body.prefix), where)) {
    const size_t before = findings.errors();
    auto [opsets, isNew] = functionOpsets.try_emplace(&function);
    if (isNew)
      opsets->second =
          readOpsets(function.opset_import(), where + ": function " + quotedName(function.name()) + ": ", findings);
    body.opsets = &opsets->second;
    for (const std::string &input : function.input())
      if (!body.values.contains(input))
        body.values.emplace(input, none);
    addNodes(function.node(), body);
    if (findings.errors() != before)
      broken.insert(&function);
  }
  for (int i = 0; i < proto.output_size(); ++i) {
    const std::string &name = proto.output(i);
    if (name.empty())
      continue;
    ValueId value = i < function.output_size() ? body.find(function.output(i)).value_or(none) : none;
    if (value == none) {
      if (sound && !reported && !broken.contains(&function) && i < function.output_size() && inlined <= maxInlinedBytes)
        fail("function " + quotedName(function.name()) + " does not make its output " + quotedName(function.output(i)));
      value = addValue(name, scope);
    } else if (value >= firstOwn) {
      graph.values[value].name = scope.prefix + name;
    }
    define(name, value, scope, where);
  }
  return true;
}

/// Whether the node is an If with a condition that is known, which has been replaced by the branch that it chooses.
bool GraphBuilder::inlineBranch(const ::onnx::NodeProto &proto, int index, Scope &scope, const std::string &where) {
  if (!plainDomain(proto.domain()).empty() || proto.op_type() != "If" || proto.input_size() != 1)
    return false;
  const ValueId value = scope.find(proto.input(0)).value_or(none);
  if (value == none)
    return false;
  auto condition = constantCondition(graph, value);
  if (!condition && !graph.values[value].constant && !findings.hasErrors())
    condition = decide(value);
  if (!condition)
    return false;
  const std::string_view wanted = *condition ? "then_branch" : "else_branch";
  const ::onnx::GraphProto *branch = nullptr;
  for (const auto &attribute : proto.attribute())
    if (attribute.name() == wanted && attribute.has_g())
      branch = &attribute.g();
  if (!branch)
    return false; // as a node without that attribute it is reported
  if (!branch->input().empty() || branch->output_size() != proto.output_size()) {
    findings.invalid(where + ": attribute '" + std::string(wanted) + "': has " + std::to_string(branch->input_size()) +
                     " inputs and " + std::to_string(branch->output_size()) + " outputs; it should have 0 and " +
                     std::to_string(proto.output_size()));
    return false;
  }
  Scope inner;
  inner.outer = &scope;
  inner.opsets = scope.opsets;
  inner.call = scope.call;
  inner.prefix = prefixOf(proto, index, scope);
  const auto firstOwn = static_cast<ValueId>(graph.values.size());
  if (spend(bytesOf(branch->node(), inner.prefix), where)) {
    addInitializers(*branch, inner);
    addNodes(branch->node(), inner);
    addDeclaredTypes(*branch, inner);
  }
  for (int i = 0; i < proto.output_size(); ++i) {
    ValueId made = inner.find(branch->output(i).name()).value_or(none);
    if (made == none) {
      if (inlined <= maxInlinedBytes)
        findings.invalid(where + ": attribute '" + std::string(wanted) + "': output " +
                         quotedName(branch->output(i).name()) + " is not defined");
      made = addValue(proto.output(i), scope);
    } else if (made >= firstOwn) {
      graph.values[made].name = scope.prefix + proto.output(i);
    }
    if (!proto.output(i).empty())
      define(proto.output(i), made, scope, where);
  }
  return true;
}

} // namespace cadenza::onnx
