#include "compiler/import/onnx/decoder/step_shapes.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace cadenza::onnx {
namespace {

std::optional<int64_t> numberIn(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

} // namespace

bool isName(std::string_view symbol) {
  const auto isLetter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; };
  return !symbol.empty() && isLetter(symbol.front()) && std::ranges::all_of(symbol, [&](char c) {
    return isLetter(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '.';
  });
}

Status StepShapes::keepOpen(const std::string &name) {
  open = name;
  if (const auto set = given.find(name); set != given.end())
    return {StatusCode::InvalidInput, "--dim " + name + "=" + set->second +
                                          ": that is how many tokens stand before a step of " + file +
                                          ", which stays open"};
  return Status::ok();
}

Status StepShapes::set(const Port &input, size_t axis, const std::string &text, bool replaces) {
  const auto [place, isNew] = changed.try_emplace(input.name, *input.type->shape);
  Dimension &dimension = place->second[axis];
  const std::optional<int64_t> declared = dimension.extent ? dimension.extent : numberIn(dimension.symbol);
  const std::string where = file + ": axis " + std::to_string(axis) + " of input " + quotedName(input.name);
  if (declared && !replaces && std::to_string(*declared) != text)
    return {StatusCode::Unsupported, where + " is " + std::to_string(*declared) +
                                         "; in a decoder's step, which takes "
                                         "one token of one sequence, it would have to be " +
                                         text};
  if (!declared && isName(dimension.symbol) && dimension.symbol != text) {
    const auto conflict = [&](const std::string &other) {
      return Status(StatusCode::InvalidInput,
                    where + ": " + quotedName(dimension.symbol) + " would have to be " + text + " and " + other);
    };
    if (dimension.symbol == open)
      return conflict("the number of tokens before this one");
    if (const auto set = given.find(dimension.symbol); set != given.end() && set->second != text)
      return conflict(set->second + " (--dim)");
    if (const auto [set, isFirst] = found.try_emplace(dimension.symbol, text); !isFirst && set->second != text)
      return conflict(set->second);
  }
  dimension = {};
  if (const auto number = numberIn(text))
    dimension.extent = number;
  else
    dimension.symbol = text;
  return Status::ok();
}

void StepShapes::apply(Model &model) const {
  for (Port &input : model.graph.inputs) {
    const auto shape = changed.find(input.name);
    if (shape == changed.end())
      continue;
    ValueType type = *input.type;
    type.shape = shape->second;
    input.type = std::make_shared<const ValueType>(std::move(type));
    model.graph.values[input.value].type = input.type;
  }
}

std::map<std::string, std::string> StepShapes::dims() const {
  std::map<std::string, std::string> all = found;
  all.insert(given.begin(), given.end());
  return all;
}

Status checkExtents(const Model &model, const Analysis &analysis, const std::string &past) {
  const Graph &graph = model.graph;
  const auto check = [&](ValueId value) {
    for (const Extent &extent : analysis.facts[value]->shape)
      for (SymbolId leaf : analysis.symbols->leaves(extent)) {
        const Symbols::Symbol &symbol = (*analysis.symbols)[leaf];
        if (symbol.name == past)
          continue;
        const bool isNamed = symbol.kind == Symbols::Kind::Named;
        std::string origin = symbol.origin, option = isNamed ? symbol.name : "";
        for (const Port &input : graph.inputs)
          for (size_t axis = 0; axis < analysis.facts[input.value]->shape.size(); ++axis)
            if (std::ranges::count(analysis.symbols->leaves(analysis.facts[input.value]->shape[axis]), leaf) != 0) {
              if (origin.empty())
                origin = "axis " + std::to_string(axis) + " of input " + quotedName(input.name);
              if (option.empty())
                option = input.name + "[" + std::to_string(axis) + "]";
            }
        return Status(StatusCode::Unsupported,
                      model.file + ": " + quotedName(graph.values[value].name) + " is " +
                          analysis.symbols->text(analysis.facts[value]->shape) + ", and nothing says what " +
                          quotedName(symbol.name) + (origin.empty() ? "" : ", " + origin + ",") +
                          (option.empty() ? " is: it depends on values"
                                          : " is: say it, --dim " + escaped(option, 80) + "=VALUE"));
      }
    return Status::ok();
  };
  for (const Port &input : graph.inputs)
    CADENZA_RETURN_IF_ERROR(check(input.value));
  for (NodeId id = 0; id < graph.nodes.size(); ++id)
    for (ValueId output : graph.nodes[id].outputs)
      if (output != none && analysis.isLive(id))
        CADENZA_RETURN_IF_ERROR(check(output));
  return Status::ok();
}

} // namespace cadenza::onnx
