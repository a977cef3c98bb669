#include "compiler/import/onnx/graph_builder.h"
#include "compiler/import/onnx/onnx_proto.h"
#include "compiler/import/onnx/read_attribute.h"
#include "compiler/import/text.h"

#include <climits>

namespace cadenza::onnx {
namespace {

/// "1", "1 or 2", "at least 1", "1 to 3".
std::string rangeText(int low, int high) {
  if (high == INT_MAX)
    return "at least " + std::to_string(low);
  if (low == high)
    return std::to_string(low);
  return std::to_string(low) + (high == low + 1 ? " or " : " to ") + std::to_string(high);
}

} // namespace

void GraphBuilder::addNode(const ::onnx::NodeProto &proto, int index, Scope &scope) {
  const std::string where = file + label(proto, index, scope);
  if (proto.op_type().empty())
    findings.invalid(where + ": op_type is missing");
  if (inlineCall(proto, index, scope, where) || inlineBranch(proto, index, scope, where))
    return;
  Node node;
  if (!proto.name().empty())
    node.name = scope.prefix + proto.name();
  node.domain = plainDomain(proto.domain());
  node.op = proto.op_type();
  const auto opset = scope.opsets->find(node.domain);
  if (opset == scope.opsets->end()) {
    if (missingDomains.insert(node.domain).second)
      findings.invalid(where + ": is of domain " + domainName(node.domain) + ", which opset_import does not have");
  } else {
    node.opset = opset->second;
    node.version = findOperator(node.domain, node.op, node.opset);
    const auto first = firstOpset(node.domain, node.op);
    if (!node.version && first)
      findings.invalid(where + ": opset " + std::to_string(node.opset) + " of " + domainName(node.domain) +
                       " has no such operator; it is there from " + std::to_string(*first) + " on");
    if (node.version && node.version->deprecated)
      findings.invalid(where + ": the operator is deprecated since opset " + std::to_string(node.version->since) +
                       " of " + domainName(node.domain) + ", and gone");
  }
  for (const std::string &input : proto.input())
    node.inputs.push_back(input.empty() ? none : lookUp(input, scope, where));
  while (!node.inputs.empty() && node.inputs.back() == none)
    node.inputs.pop_back();
  const size_t before = findings.errors();
  addAttributes(proto, node, scope, where);
  if (node.domain == standardDomain && node.op == "Constant")
    return addConstant(proto, node, scope, where, /*attributesAreSound=*/findings.errors() == before);
  defineOutputs(proto, node, scope, where);
  if (node.version)
    checkCounts(node, where);
  graph.nodes.push_back(std::move(node));
}

void GraphBuilder::defineOutputs(const ::onnx::NodeProto &proto, Node &node, Scope &scope, const std::string &where) {
  const auto id = static_cast<NodeId>(graph.nodes.size());
  for (const std::string &output : proto.output()) {
    node.outputs.push_back(none);
    if (output.empty())
      continue;
    node.outputs.back() = addValue(output, scope);
    graph.values[node.outputs.back()].producer = id;
    define(output, node.outputs.back(), scope, where);
  }
  while (!node.outputs.empty() && node.outputs.back() == none)
    node.outputs.pop_back();
}

/// ONNX Runtime's operators get new inputs and attributes without a new version: what is not known there may be right.
void GraphBuilder::incompatible(const Node &node, const std::string &message) {
  if (node.domain == standardDomain)
    findings.invalid(message);
  else
    findings.unsupported(message);
}

void GraphBuilder::checkCounts(const Node &node, const std::string &where) {
  const OperatorVersion &version = *node.version;
  const auto check = [&](std::string_view what, size_t count, int low, int high) {
    if (count > static_cast<size_t>(high))
      incompatible(node, where + ": has " + std::to_string(count) + " " + std::string(what) + "; the operator has " +
                             rangeText(low, high));
    else if (count < static_cast<size_t>(low))
      findings.invalid(where + ": has " + std::to_string(count) + " " + std::string(what) + "; the operator has " +
                       rangeText(low, high));
  };
  check("inputs", node.inputs.size(), version.minInputs, version.maxInputs);
  check("outputs", node.outputs.size(), version.minOutputs, version.maxOutputs);
}

void GraphBuilder::addAttributes(const ::onnx::NodeProto &proto, Node &node, const Scope &scope,
                                 const std::string &where) {
  std::unordered_set<std::string_view> names;
  for (const ::onnx::AttributeProto &written : proto.attribute()) {
    const std::string what = where + ": attribute " + quotedName(written.name());
    if (written.name().empty() || !names.insert(written.name()).second) {
      findings.invalid(what + (written.name().empty() ? ": has no name" : ": is there twice"));
      continue;
    }
    const ::onnx::AttributeProto *value = &written;
    if (!written.ref_attr_name().empty()) {
      if (!scope.call) {
        findings.invalid(what + ": refers to " + quotedName(written.ref_attr_name()) + ", but is in no function");
        continue;
      }
      const auto argument = scope.call->attributes.find(written.ref_attr_name());
      if (argument == scope.call->attributes.end()) { // neither passed nor with a default: left out
        names.erase(written.name());
        continue;
      }
      value = argument->second;
    }
    if (node.version) {
      const auto defined = node.version->find(written.name());
      if (!defined) {
        incompatible(node, what + ": the operator has none of that name in opset " + std::to_string(node.opset));
        continue;
      }
      const auto letter = letterOf(*value);
      if (letter && *letter != defined->type) {
        findings.invalid(what + ": is of type " + std::string(attributeTypeName(*letter)) + "; it has to be " +
                         std::string(attributeTypeName(defined->type)));
        continue;
      }
    }
    StatusOr<Attribute> attribute = readAttribute(*value, tensors);
    findings.add(attribute.status().withPrefix(what));
    if (!attribute.isOk())
      continue;
    attribute->name = written.name();
    node.attributes.push_back(std::move(*attribute));
  }
  if (!node.version)
    return;
  std::string_view rest = node.version->attributes;
  while (const auto defined = OperatorVersion::next(rest))
    if (defined->required && !names.contains(defined->name))
      findings.invalid(where + ": attribute '" + std::string(defined->name) + "' is missing");
}

void GraphBuilder::addConstant(const ::onnx::NodeProto &proto, const Node &node, Scope &scope, const std::string &where,
                               bool attributesAreSound) {
  if (proto.output_size() != 1 || proto.output(0).empty()) {
    findings.invalid(where + ": a Constant has one output");
    return;
  }
  const ValueId value = addValue(proto.output(0), scope);
  define(proto.output(0), value, scope, where);
  if (!attributesAreSound)
    return; // what is wrong with them has been said
  StatusOr<Tensor> tensor = constantOf(node.attributes);
  findings.add(tensor.status().withPrefix(where));
  if (tensor.isOk())
    graph.values[value].constant = std::make_shared<const Tensor>(std::move(*tensor));
}

} // namespace cadenza::onnx
