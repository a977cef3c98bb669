#include "compiler/import/onnx/lower/node_lowering.h"

namespace cadenza::onnx {

NodeLowering::NodeLowering(const Node &node, const std::vector<std::optional<Facts>> &facts, Symbols &symbols,
                           Emitter &nn, std::function<Operand(ValueId)> operand)
    : NodeAttributes(node), symbols(symbols), nn(nn), known(facts), operand(std::move(operand)),
      results(node.outputs.size()) {}

std::optional<std::vector<int64_t>> NodeLowering::numbers(size_t i) const {
  return has(i) && facts(i).elements ? onnx::numbers(*facts(i).elements) : std::nullopt;
}

void NodeLowering::unsupported(std::string reason) {
  if (!why)
    why = std::move(reason);
}

Operand NodeLowering::scalar(double value, ElementType type) {
  return nn.constant(nn::tensorOf(type, {}, std::span<const double>(&value, 1)));
}

} // namespace cadenza::onnx
