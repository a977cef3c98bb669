// An analysis as text.
#include "compiler/import/onnx/shapes/analysis.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <set>

namespace cadenza::onnx {
namespace {

std::string factsText(const Analysis &analysis, ValueId id) {
  constexpr size_t shownElements = 16;
  if (!analysis.facts[id])
    return "?";
  const Facts &facts = *analysis.facts[id];
  std::string text = std::string(elementTypeName(facts.type)) + " " + analysis.symbols->text(facts.shape);
  if (facts.elements && facts.elements->size() <= shownElements)
    text += " = " + analysis.symbols->text(*facts.elements);
  return text;
}

} // namespace

std::string summarize(const Model &model, const Analysis &analysis) {
  const Graph &graph = model.graph;
  constexpr size_t shownOrigins = 20;
  std::string text;
  for (const Port &output : graph.outputs)
    text += "inferred " + quotedName(output.name) + ": " + factsText(analysis, output.value) + "\n";
  std::set<SymbolId> open;
  for (NodeId id = 0; id < graph.nodes.size(); ++id)
    for (ValueId output : graph.nodes[id].outputs)
      if (analysis.isLive(id) && output != none && analysis.facts[output])
        for (const Extent &extent : analysis.facts[output]->shape)
          for (SymbolId symbol : analysis.symbols->leaves(extent))
            open.insert(symbol);
  text += "nodes that are needed: " + std::to_string(std::ranges::count(analysis.live, true)) + "\n";
  std::string names, origins;
  size_t unknown = 0;
  for (SymbolId id : open) {
    const Symbols::Symbol &symbol = (*analysis.symbols)[id];
    if (symbol.kind == Symbols::Kind::Named)
      names += (names.empty() ? "" : ", ") + symbol.name;
    else if (++unknown <= shownOrigins)
      origins += "unknown extent " + symbol.name + ": " + symbol.origin + "\n";
  }
  if (unknown > shownOrigins)
    origins += "unknown extents, all in all: " + std::to_string(unknown) + "\n";
  return text + "open dimensions: " + (names.empty() ? "none" : names) + "\n" + origins;
}

std::string describe(const Model &model, const Analysis &analysis) {
  const Graph &graph = model.graph;
  std::string text;
  for (const Port &input : graph.inputs)
    text += quotedName(input.name) + ": " + factsText(analysis, input.value) + "\n";
  for (NodeId id = 0; id < graph.nodes.size(); ++id) {
    if (!analysis.isLive(id))
      continue;
    for (ValueId output : graph.nodes[id].outputs)
      if (output != none)
        text += quotedName(graph.values[output].name) + " = " + escaped(graph.nodes[id].op, 80) + ": " +
                factsText(analysis, output) + "\n";
  }
  return text;
}

} // namespace cadenza::onnx
