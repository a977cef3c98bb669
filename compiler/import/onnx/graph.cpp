#include "compiler/import/onnx/graph.h"
#include "compiler/import/text.h"

namespace cadenza::onnx {

const Attribute *Node::find(std::string_view attribute) const {
  for (const Attribute &found : attributes)
    if (found.name == attribute)
      return &found;
  return nullptr;
}

std::string describe(const Graph &graph, NodeId id) {
  const Node &node = graph.nodes[id];
  const std::string op = escaped(node.op, 80);
  if (!node.name.empty())
    return "node " + quotedName(node.name) + " (" + op + ")";
  for (ValueId output : node.outputs)
    if (output != none)
      return "node " + std::to_string(id) + " (" + op + ", which makes " + quotedName(graph.values[output].name) + ")";
  return "node " + std::to_string(id) + " (" + op + ")";
}

std::string typeText(const ValueType *type) {
  if (!type)
    return "?";
  std::string text(elementTypeName(type->element));
  if (!type->shape)
    return text + " of unknown rank";
  text += " [";
  for (size_t i = 0; i < type->shape->size(); ++i) {
    const Dimension &dimension = (*type->shape)[i];
    text += i == 0 ? "" : ", ";
    text += dimension.extent ? std::to_string(*dimension.extent)
                             : (dimension.symbol.empty() ? "?" : escaped(dimension.symbol, 80));
  }
  return text + "]";
}

} // namespace cadenza::onnx
