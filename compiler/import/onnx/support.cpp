#include "compiler/import/onnx/support.h"
#include "compiler/import/onnx/opsets.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace cadenza::onnx {
namespace {

constexpr size_t namedNodes = 100;

/// Nodes of the same version of the same operator.
struct Form {
  std::string domain, name;
  const OperatorVersion *version;
  int64_t opset;
  std::vector<NodeId> nodes;
};

/// In the order of their first nodes.
std::vector<Form> formsOf(const Graph &graph) {
  std::map<std::tuple<std::string, std::string, int64_t>, size_t> places;
  std::vector<Form> forms;
  for (NodeId id = 0; id < graph.nodes.size(); ++id) {
    const Node &node = graph.nodes[id];
    const auto [place, isNew] = places.try_emplace({node.domain, node.op, node.opset}, forms.size());
    if (isNew)
      forms.push_back({node.domain, node.op, node.version, node.opset, {}});
    forms[place->second].nodes.push_back(id);
  }
  return forms;
}

const SupportedOperator *find(std::span<const SupportedOperator> supported, const Form &form) {
  for (const SupportedOperator &entry : supported)
    if (entry.domain == form.domain && entry.name == form.name)
      return &entry;
  return nullptr;
}

/// "Relu (ai.onnx, opset 18, as defined in 14)".
std::string formText(const Form &form) {
  return escaped(form.name, 80) + " (" + domainName(form.domain) + ", opset " + std::to_string(form.opset) +
         (form.version ? ", as defined in " + std::to_string(form.version->since) : "") + ")";
}

bool isControlFlow(const Form &form) {
  return form.domain.empty() &&
         (form.name == "If" || form.name == "Loop" || form.name == "Scan" || form.name == "SequenceMap");
}

/// The name of the model's input that is the condition of an If among the nodes, in whatever shape; nothing if there is
/// none.
std::optional<std::string> conditionIn(const Graph &graph, const std::vector<NodeId> &nodes) {
  for (NodeId id : nodes) {
    ValueId value = graph.nodes[id].inputs.empty() ? none : graph.nodes[id].inputs[0];
    while (value != none && graph.values[value].producer != none) {
      const Node &maker = graph.nodes[graph.values[value].producer];
      value = maker.inputs.size() == 1 ? maker.inputs[0] : none; // Cast, Identity, Not, Squeeze
    }
    for (const Port &input : graph.inputs)
      if (value != none && input.value == value)
        return input.name;
  }
  return std::nullopt;
}

std::string reasonOfIf(const Graph &graph, const Form &form) {
  if (const auto input = conditionIn(graph, form.nodes))
    return "has the condition " + quotedName(*input) +
           ", an input of the model; control flow is not supported: give a model of one branch, such as optimum's "
           "decoder_with_past_model.onnx";
  return "has a condition that follows neither from constants nor from shapes; control flow is not supported";
}

/// What is wrong with an operator that is not supported in this form.
std::string reason(const Graph &graph, const Form &form, const SupportedOperator *entry) {
  if (!form.version) {
    const bool known = form.domain == standardDomain || form.domain == microsoftDomain;
    return known ? "is not known" : "is of a domain that is not known";
  }
  if (isControlFlow(form))
    return form.name == "If" ? reasonOfIf(graph, form) : "is control flow, which is not supported";
  if (!entry || entry->since.empty())
    return "is not supported in any opset";
  const auto distance = [&](int64_t since) { return std::llabs(since - form.version->since); };
  const int64_t nearest = *std::min_element(entry->since.begin(), entry->since.end(),
                                            [&](int64_t a, int64_t b) { return distance(a) < distance(b); });
  return "is not supported in this form; the nearest that is: as defined in opset " + std::to_string(nearest);
}

std::string nodeNames(const Graph &graph, const std::vector<NodeId> &nodes) {
  std::string text = nodes.size() == 1 ? "" : std::to_string(nodes.size()) + " nodes: ";
  for (size_t i = 0; i < std::min(nodes.size(), namedNodes); ++i) {
    const Node &node = graph.nodes[nodes[i]];
    text += (i == 0 ? "" : ", ") + (node.name.empty() ? describe(graph, nodes[i]) : "node " + quotedName(node.name));
  }
  return nodes.size() > namedNodes ? text + ", ..." : text;
}

} // namespace

void checkSupport(const Model &model, std::span<const SupportedOperator> supported, Findings &findings) {
  for (const Form &form : formsOf(model.graph)) {
    const SupportedOperator *entry = find(supported, form);
    if (form.version && entry && std::ranges::find(entry->since, form.version->since) != entry->since.end())
      continue;
    if (!form.version && (form.opset == 0 || firstOpset(form.domain, form.name)))
      continue; // the reader has said what is wrong
    findings.unsupported(model.file + ": operator " + formText(form) + " " + reason(model.graph, form, entry) + ": " +
                         nodeNames(model.graph, form.nodes));
  }
}

} // namespace cadenza::onnx
