#include "compiler/import/onnx/shapes/analysis.h"
#include "compiler/import/text.h"

#include <charconv>
#include <set>

namespace cadenza::onnx {
namespace {

bool isExtent(const std::string &text) {
  const auto value = Symbols().parse(text);
  return value && !(value->number() && *value->number() < 0);
}

std::string optionText(const std::string &name, const std::string &text) {
  return "--dim " + escaped(name, 80) + "=" + escaped(text, 80);
}

/// The input and the axis that "input_ids[0]" means; nothing: it is no such name.
std::optional<std::pair<Port *, size_t>> axisOf(Model &model, const std::string &name) {
  const size_t open = name.rfind('[');
  if (open == std::string::npos || name.back() != ']')
    return std::nullopt;
  const char *first = name.data() + open + 1, *last = name.data() + name.size() - 1;
  size_t axis = 0;
  if (const auto [end, error] = std::from_chars(first, last, axis); error != std::errc() || end != last)
    return std::nullopt;
  for (Port &input : model.graph.inputs)
    if (input.name == name.substr(0, open) && input.type && input.type->shape)
      return std::pair(&input, axis);
  return std::nullopt;
}

/// Declares an axis to be `text`; or what is wrong with that.
std::string declare(Model &model, Port &input, size_t axis, const std::string &text) {
  const std::vector<Dimension> &shape = *input.type->shape;
  if (axis >= shape.size())
    return "input " + quotedName(input.name) + " has " + std::to_string(shape.size()) + " axes";
  const std::string where = "axis " + std::to_string(axis) + " of input " + quotedName(input.name);
  if (!shape[axis].symbol.empty())
    return where + " has a name: say --dim " + escaped(shape[axis].symbol, 80) + "=" + escaped(text, 80);
  if (!isExtent(text))
    return "the value is no number or expression such as 'past_sequence_length + 1'";
  const auto number = Symbols().parse(text)->number();
  if (shape[axis].extent && shape[axis].extent != number)
    return where + " is " + std::to_string(*shape[axis].extent);
  std::vector<Dimension> declared = shape;
  declared[axis] = number ? Dimension{*number, ""} : Dimension{std::nullopt, text};
  ValueType type{input.type->element, std::move(declared)};
  input.type = std::make_shared<const ValueType>(std::move(type));
  model.graph.values[input.value].type = input.type;
  return "";
}

} // namespace

void declareUnnamed(Model &model, std::map<std::string, std::string> &dims, Findings &findings) {
  std::erase_if(dims, [&](const auto &option) {
    const auto &[name, text] = option;
    const auto place = axisOf(model, name);
    if (!place)
      return false; // a name, or none that there is: checkDims says it
    if (const std::string wrong = declare(model, *place->first, place->second, text); !wrong.empty())
      findings.invalid(optionText(name, text) + ": " + wrong);
    return true;
  });
}

void checkDims(const Model &model, const AnalysisOptions &options, Findings &findings) {
  std::set<std::string> names;
  Symbols symbols;
  for (const Port &input : model.graph.inputs) {
    if (!input.type || !input.type->shape)
      continue;
    for (const Dimension &dimension : *input.type->shape) {
      if (dimension.symbol.empty())
        continue;
      names.insert(dimension.symbol);
      symbols.read(dimension.symbol);
    }
  }
  for (SymbolId id = 0; id < symbols.size(); ++id)
    if (symbols[id].kind == Symbols::Kind::Named)
      names.insert(symbols[id].name);
  for (const auto &[name, text] : options.dims) {
    if (!names.contains(name)) {
      std::string known;
      for (const std::string &candidate : names)
        known += (known.empty() ? "" : ", ") + quotedName(candidate);
      findings.invalid(optionText(name, text) + ": " + model.file + " has no dimension of that name; it has " +
                       (known.empty() ? "none" : known));
      continue;
    }
    if (!isExtent(text))
      findings.invalid(optionText(name, text) +
                       ": the value is no number or expression such as 'past_sequence_length + 1'");
  }
}

} // namespace cadenza::onnx
