#include "compiler/import/onnx/lower/graph_lowering.h"
#include "compiler/import/onnx/lower/node_lowering.h"
#include "compiler/import/onnx/shapes/operator_table.h"

namespace cadenza::onnx {

GraphLowering::GraphLowering(const Model &model, const Analysis &analysis, Emitter &emitter, Findings &findings)
    : model(model), analysis(analysis), emitter(emitter), findings(findings), operands(model.graph.values.size()) {}

Operand GraphLowering::get(ValueId value) {
  if (operands[value].isThere())
    return operands[value];
  const std::optional<Facts> &facts = analysis.facts[value];
  if (facts && facts->constant)
    operands[value] = emitter.tensor(model.graph.values[value].name, facts->constant);
  else if (facts && facts->isKnown())
    operands[value] = emitter.elements(facts->type, facts->shape, *facts->elements);
  return operands[value];
}

std::optional<ElementType> GraphLowering::typeWithoutOps(const Node &node, NodeId id) const {
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (const ValueId input = node.inputs[i];
        input != none && !analysis.isParameter(id, i) && !isComputable(analysis.facts[input]->type))
      return analysis.facts[input]->type;
  for (ValueId output : node.outputs)
    if (output != none && !isComputable(analysis.facts[output]->type))
      return analysis.facts[output]->type;
  return std::nullopt;
}

bool GraphLowering::lower(NodeId id) {
  const Node &node = model.graph.nodes[id];
  const std::string where = model.file + ": " + describe(model.graph, id) + ": ";
  const OperatorRow *row = findRow(node);
  if (!row || !row->lower) {
    findings.unsupported(where + "has no lowering yet");
    return false;
  }
  if (const auto type = typeWithoutOps(node, id)) {
    findings.unsupported(where + "elements of type " + std::string(elementTypeName(*type)) + " are not supported");
    return false;
  }
  emitter.begin(node);
  NodeLowering lowering(node, analysis.facts, *analysis.symbols, emitter, [this](ValueId value) { return get(value); });
  row->lower(lowering);
  if (lowering.reason()) {
    findings.unsupported(where + *lowering.reason() + " is not supported");
    return false;
  }
  if (!emitter.status().isOk()) {
    findings.add(emitter.status().withPrefix(where.substr(0, where.size() - 2)));
    return false;
  }
  for (size_t i = 0; i < node.outputs.size(); ++i)
    if (node.outputs[i] != none)
      operands[node.outputs[i]] = lowering.all()[i];
  return true;
}

bool GraphLowering::run() {
  bool sound = true;
  for (NodeId id = 0; id < model.graph.nodes.size(); ++id) {
    if (!analysis.isLive(id))
      continue;
    // What takes the result of a node without lowering is not looked at, but others without one are.
    bool ready = emitter.status().isOk();
    for (size_t i = 0; ready && i < model.graph.nodes[id].inputs.size(); ++i) {
      const ValueId input = model.graph.nodes[id].inputs[i];
      ready = input == none || analysis.isParameter(id, i) || get(input).isThere();
    }
    if (ready)
      sound &= lower(id);
    else if (const OperatorRow *row = findRow(model.graph.nodes[id]); !row || !row->lower) {
      findings.unsupported(model.file + ": " + describe(model.graph, id) + ": has no lowering yet");
      sound = false;
    } else
      sound = false;
  }
  return sound;
}

} // namespace cadenza::onnx
