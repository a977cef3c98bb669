#include "compiler/import/onnx/shapes/analysis.h"
#include "compiler/import/onnx/shapes/conditions.h"
#include "compiler/import/onnx/shapes/fold.h"
#include "compiler/import/onnx/shapes/operator_table.h"
#include "compiler/import/text.h"

#include <algorithm>

namespace cadenza::onnx {
namespace {

class Analyser {
public:
  Analyser(const Model &model, const AnalysisOptions &options, Findings &findings)
      : model(model), graph(model.graph), findings(findings), shapesOnly(options.shapesOnly) {
    result.symbols = std::make_shared<Symbols>(options.dims, options.limits);
    folder.emplace(graph, result.facts, *result.symbols);
  }

  Analysis run() {
    checkSupport(model, supportedOperators(shapesOnly), findings);
    extend();
    for (const Port &output : graph.outputs)
      checkDeclared(output.value, output.type.get());
    findLive();
    return std::move(result);
  }

  /// Infers what the graph has got since the last time.
  void extend() {
    const size_t values = result.facts.size(), nodes = result.parameters.size();
    result.facts.resize(graph.values.size());
    folder->extend();
    result.parameters.resize(graph.nodes.size());
    result.live.resize(graph.nodes.size());
    for (size_t id = values; id < graph.values.size(); ++id)
      if (graph.values[id].constant)
        result.facts[id] = factsOf(graph.values[id].constant);
    if (values == 0)
      addInputs();
    for (size_t id = nodes; id < graph.nodes.size(); ++id)
      infer(static_cast<NodeId>(id));
  }

  const std::optional<Facts> &factsAt(ValueId id) const { return result.facts[id]; }

private:
  void addInputs() {
    for (const Port &input : graph.inputs) {
      if (!input.type || !input.type->shape) {
        findings.unsupported(model.file + ": input " + quotedName(input.name) + " has no shape, not even a rank");
        continue;
      }
      Facts facts{input.type->element, {}, nullptr, nullptr};
      for (const Dimension &dimension : *input.type->shape) {
        const size_t axis = facts.shape.size();
        facts.shape.push_back(
            dimension.extent ? Extent(*dimension.extent)
            : dimension.symbol.empty()
                ? result.symbols->unknown("axis " + std::to_string(axis) + " of input " + quotedName(input.name))
                : result.symbols->read(dimension.symbol));
        if (result.symbols->isAtMost(facts.shape.back(), -1))
          findings.invalid(model.file + ": input " + quotedName(input.name) + ": axis " + std::to_string(axis) +
                           " has " + result.symbols->text(facts.shape.back()) + " elements");
      }
      result.facts[input.value] = std::move(facts);
    }
  }

  void infer(NodeId id) {
    const Node &node = graph.nodes[id];
    const OperatorRow *row = findRow(node);
    const bool inputsKnown = std::ranges::all_of(
        node.inputs, [&](ValueId input) { return input == none || result.facts[input].has_value(); });
    if (row && inputsKnown && hasRequiredInputs(node, *row)) {
      NodeInference inference(model, id, result.facts, *result.symbols, findings);
      row->infer(inference);
      result.parameters[id] = inference.parameters();
      std::vector<std::optional<Facts>> outputs = inference.take();
      for (size_t i = 0; i < outputs.size(); ++i)
        if (node.outputs[i] != none)
          result.facts[node.outputs[i]] = std::move(outputs[i]);
    } else if (row && inputsKnown)
      findings.invalid(model.file + ": " + describe(graph, id) + ": an input that has to be there is left out");
    for (ValueId output : node.outputs)
      if (output != none)
        checkDeclared(output, graph.values[output].type.get());
    if (std::ranges::all_of(node.outputs, [&](ValueId output) { return output == none || result.facts[output]; }))
      folder->fold(id, result.parameters[id]);
  }

  /// Holds what the file says of a value against what follows, and takes from it what does not follow. Symbols that it
  /// uses are names, not promises: only numbers contradict.
  void checkDeclared(ValueId id, const ValueType *declared) {
    std::optional<Facts> &facts = result.facts[id];
    if (!facts || !declared)
      return;
    bool fits = declared->element == facts->type;
    if (declared->shape) {
      fits &= declared->shape->size() == facts->shape.size();
      for (size_t axis = 0; fits && axis < facts->shape.size(); ++axis) {
        const auto &extent = (*declared->shape)[axis].extent;
        fits = !extent || *extent < 0 || !result.symbols->differ(facts->shape[axis], *extent);
      }
    }
    if (!fits) {
      findings.invalid(model.file + ": value " + quotedName(graph.values[id].name) + " is declared " +
                       typeText(declared) + ", but " + makerOf(id) + " makes it " +
                       std::string(elementTypeName(facts->type)) + " " + result.symbols->text(facts->shape));
      facts.reset();
      return;
    }
    for (size_t axis = 0; declared->shape && axis < facts->shape.size(); ++axis)
      refine(facts->shape[axis], (*declared->shape)[axis]);
  }

  /// An extent of which nothing follows is what the file says it is.
  void refine(Extent &extent, const Dimension &declared) {
    if (!isUnknown(extent))
      return;
    if (declared.extent && *declared.extent >= 0)
      extent = *declared.extent;
    else if (!declared.symbol.empty())
      extent = result.symbols->read(declared.symbol);
  }

  bool isUnknown(const Extent &extent) const {
    const auto &terms = extent.terms();
    return terms.size() == 1 && terms[0].coefficient == 1 && terms[0].symbols.size() == 1 &&
           (*result.symbols)[terms[0].symbols[0]].kind == Symbols::Kind::Unknown;
  }

  std::string makerOf(ValueId id) const {
    const NodeId producer = graph.values[id].producer;
    return producer == none ? "the file" : describe(graph, producer);
  }

  /// From the outputs back: a value that is known needs nobody, a parameter is known.
  void findLive() {
    std::vector<bool> needed(graph.values.size());
    for (const Port &output : graph.outputs)
      needed[output.value] = true;
    for (NodeId id = static_cast<NodeId>(graph.nodes.size()); id-- > 0;) {
      const Node &node = graph.nodes[id];
      result.live[id] = std::ranges::any_of(node.outputs, [&](ValueId output) {
        return output != none && needed[output] && !(result.facts[output] && result.facts[output]->isKnown());
      });
      for (size_t i = 0; result.live[id] && i < node.inputs.size(); ++i)
        if (node.inputs[i] != none && !result.isParameter(id, i))
          needed[node.inputs[i]] = true;
    }
  }

  const Model &model;
  const Graph &graph;
  Findings &findings;
  const bool shapesOnly;
  Analysis result;
  std::optional<Folder> folder;
};

} // namespace

struct Conditions::State {
  State(const Model &model, const AnalysisOptions &options) : analyser(model, options, findings) {}

  Findings findings; // the analysis of the whole model will say them
  Analyser analyser;
};

Conditions::Conditions(const Model &model, const AnalysisOptions &options)
    : state(std::make_unique<State>(model, options)) {}
Conditions::~Conditions() = default;

std::optional<bool> Conditions::valueOf(ValueId condition) {
  state->analyser.extend();
  const std::optional<Facts> &facts = state->analyser.factsAt(condition);
  if (!facts || facts->type != ElementType::boolean || !facts->isKnown())
    return std::nullopt;
  if (facts->constant)
    return facts->constant->elements() == 1 ? std::optional(integers(*facts->constant)[0] != 0) : std::nullopt;
  const auto values = numbers(*facts->elements);
  return values && values->size() == 1 ? std::optional((*values)[0] != 0) : std::nullopt;
}

Analysis analyse(const Model &model, const AnalysisOptions &options, Findings &findings) {
  constexpr int maxTurns = 8; // models need one or two
  AnalysisOptions known = options;
  for (int turn = 1;; ++turn) {
    Findings found = findings;
    Analysis analysis = Analyser(model, known, found).run();
    // What the operators demand of a dimension, they demand from the beginning: what came before that node was inferred
    // without it. Each turn decides a dimension at least.
    const size_t before = known.dims.size();
    for (const auto &[name, extent] : analysis.symbols->demands())
      if (known.dims.try_emplace(name, std::to_string(extent)).second)
        findings.notice(model.file + ": dimension " + quotedName(name) + " is " + std::to_string(extent) +
                        ": that is what its nodes demand");
    if (known.dims.size() == before || turn == maxTurns) {
      findings = std::move(found);
      return analysis;
    }
  }
}

} // namespace cadenza::onnx
