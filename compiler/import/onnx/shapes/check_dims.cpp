#include "compiler/import/onnx/shapes/analysis.h"
#include "compiler/import/text.h"

#include <set>

namespace cadenza::onnx {

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
      findings.invalid("--dim " + escaped(name, 80) + "=" + escaped(text, 80) + ": " + model.file +
                       " has no dimension of that name; it has " + (known.empty() ? "none" : known));
      continue;
    }
    const auto value = Symbols().parse(text);
    if (!value || (value->number() && *value->number() < 0))
      findings.invalid("--dim " + escaped(name, 80) + "=" + escaped(text, 80) +
                       ": the value is no number or expression such as 'past_sequence_length + 1'");
  }
}

} // namespace cadenza::onnx
