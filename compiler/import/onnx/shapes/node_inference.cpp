#include "compiler/import/onnx/shapes/node_inference.h"
#include "compiler/import/text.h"
#include "runtime/reference/tensor_value.h"

#include <algorithm>

namespace cadenza::onnx {
NodeInference::NodeInference(const Model &model, NodeId id, const std::vector<std::optional<Facts>> &facts,
                             Symbols &symbols, Findings &findings)
    : NodeAttributes(model.graph.nodes[id]), symbols(symbols), findings(findings), facts(facts),
      where(model.file + ": " + describe(model.graph, id)), results(node.outputs.size()) {}

const Elements *NodeInference::parameter(size_t i) {
  if (!has(i) || !in(i).elements)
    return nullptr;
  if (in(i).isKnown())
    ignoresValueOf(i);
  return in(i).elements.get();
}

std::optional<std::vector<int64_t>> NodeInference::numbers(size_t i) {
  const Elements *elements = parameter(i);
  return elements ? onnx::numbers(*elements) : std::nullopt;
}

std::optional<std::vector<double>> NodeInference::realNumbers(size_t i) {
  if (!has(i) || !in(i).constant || !isComputable(type(i)))
    return std::nullopt;
  ignoresValueOf(i);
  return onnx::reals(*in(i).constant);
}

void NodeInference::ignoresValueOf(size_t i) {
  if (i < 64)
    taken |= uint64_t{1} << i;
}

std::optional<ElementType> NodeInference::elementType(std::string_view name) {
  const auto number = integer(name);
  if (!number)
    return std::nullopt;
  const auto type = cadenza::elementType(*number);
  if (!type)
    invalid("attribute '" + std::string(name) + "': " + std::to_string(*number) + " is no element type");
  return type;
}

void NodeInference::set(size_t output, ElementType type, Shape shape) {
  if (!makes(output) || hasFailed)
    return;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!shape[i].isKnown())
      shape[i] = symbols.unknown("axis " + std::to_string(i) + ", " + where);
    else if (symbols.isAtMost(shape[i], -1))
      return invalid("axis " + std::to_string(i) + " of output " + std::to_string(output) + " would have " +
                     symbols.text(shape[i]) + " elements");
  }
  results[output] = Facts{type, std::move(shape), nullptr, nullptr};
}

void NodeInference::set(size_t output, ElementType type, Shape shape, Elements elements) {
  set(output, type, std::move(shape));
  if (!makes(output) || !results[output] || !isInteger(type))
    return;
  Facts &facts = *results[output];
  if (smallCount(facts.shape) != elements.size())
    return;
  for (Polynomial &element : elements)
    element = inType(element, type, symbols);
  if (!elements.empty() && std::ranges::none_of(elements, &Polynomial::isKnown))
    return;
  facts.constant = tensorOf(type, *onnx::numbers(facts.shape), elements);
  facts.elements = std::make_shared<const Elements>(std::move(elements));
}

void NodeInference::invalid(const std::string &what) {
  if (!hasFailed)
    findings.invalid(where + ": " + what);
  hasFailed = true;
  std::ranges::fill(results, std::nullopt);
}

void NodeInference::unsupported(const std::string &what) {
  if (!hasFailed)
    findings.unsupported(where + ": " + what);
  hasFailed = true;
  std::ranges::fill(results, std::nullopt);
}

std::optional<size_t> NodeInference::axis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank)
    return static_cast<size_t>(axis < 0 ? axis + rank : axis);
  invalid("axis " + std::to_string(axis) + " is out of range for a tensor of " + std::to_string(rank) + " axes");
  return std::nullopt;
}

std::optional<std::vector<size_t>> NodeInference::axes(const std::vector<int64_t> &list, int64_t rank) {
  std::vector<size_t> result;
  for (int64_t written : list) {
    const auto found = axis(written, rank);
    if (!found)
      return std::nullopt;
    result.push_back(*found);
  }
  std::ranges::sort(result);
  if (std::ranges::adjacent_find(result) == result.end())
    return result;
  invalid("axis " + std::to_string(*std::ranges::adjacent_find(result)) + " is there twice");
  return std::nullopt;
}

bool NodeInference::hasRank(size_t i, int64_t low, int64_t high) {
  if (!has(i) || (rank(i) >= low && rank(i) <= high))
    return true;
  invalid("input " + std::to_string(i) + " has shape " + symbols.text(shape(i)) + "; it has to have " +
          (low == high         ? std::to_string(low)
           : high == INT64_MAX ? "at least " + std::to_string(low)
                               : std::to_string(low) + " to " + std::to_string(high)) +
          " axes");
  return false;
}

bool NodeInference::sameType(size_t a, size_t b) {
  if (!has(a) || !has(b) || type(a) == type(b))
    return true;
  invalid("inputs " + std::to_string(a) + " and " + std::to_string(b) + " have to be of one type, but are " +
          std::string(elementTypeName(type(a))) + " and " + std::string(elementTypeName(type(b))));
  return false;
}

Extent NodeInference::same(const Extent &a, const Extent &b, std::string_view what) {
  if (symbols.differ(a, b))
    invalid(std::string(what) + " have to be equal, but are " + symbols.text(a) + " and " + symbols.text(b));
  symbols.demandEqual(a, b);
  const auto isUnknown = [&](const Extent &extent) {
    return !extent.isKnown() || std::ranges::any_of(symbols.leaves(extent), [&](SymbolId leaf) {
      return symbols[leaf].kind == Symbols::Kind::Unknown;
    });
  };
  return b.number() || (isUnknown(a) && !isUnknown(b)) ? b : a;
}

std::optional<Shape> NodeInference::broadcast(const Shape &a, const Shape &b) {
  const Shape &longer = a.size() < b.size() ? b : a, &shorter = a.size() < b.size() ? a : b;
  const size_t offset = longer.size() - shorter.size();
  Shape result = longer;
  for (size_t i = 0; i < shorter.size(); ++i) {
    const Extent &x = longer[offset + i], &y = shorter[i];
    if (symbols.differ(x, y) && symbols.differ(x, 1) && symbols.differ(y, 1)) {
      invalid("shapes " + symbols.text(a) + " and " + symbols.text(b) + " cannot be broadcast");
      return std::nullopt;
    }
    result[offset + i] = symbols.broadcast(x, y);
  }
  return result;
}

} // namespace cadenza::onnx
