// onnx_shapes [--dim NAME=VALUE] FILE...: what analysis.h says of ONNX models, for scripts that compare it with others
// (test/onnx/compare_shapes.py). A line a file, "# FILE", then one a finding, "KIND: TEXT", then one a value,
// "NAME<tab>TYPE<tab>SHAPE", and where elements are known "<tab>ELEMENTS"; a node that is not needed is marked by
// "dead".
#include "compiler/import/onnx/read_model.h"
#include "compiler/import/onnx/shapes/analysis.h"

#include <iostream>

using namespace cadenza;
using namespace cadenza::onnx;

namespace {

void print(const std::string &file, const AnalysisOptions &options) {
  std::cout << "# " << file << "\n";
  Findings findings;
  const std::optional<Model> model = readModel(file, findings);
  std::optional<Analysis> analysis;
  if (model && !findings.hasErrors())
    analysis = analyse(*model, options, findings);
  for (const Finding &finding : findings.all())
    std::cout << findingKindName(finding.kind) << ": " << finding.message << "\n";
  for (ValueId id = 0; analysis && id < model->graph.values.size(); ++id) {
    const Value &value = model->graph.values[id];
    if (!analysis->facts[id])
      continue;
    const Facts &facts = *analysis->facts[id];
    std::cout << value.name << "\t" << elementTypeName(facts.type) << "\t" << analysis->symbols->text(facts.shape)
              << "\t" << (facts.elements ? analysis->symbols->text(*facts.elements) : "") << "\t";
    if (value.producer != none)
      std::cout << (analysis->isLive(value.producer) ? "" : "dead ") << model->graph.nodes[value.producer].op;
    std::cout << "\n";
  }
}

} // namespace

int main(int argc, char **argv) {
  AnalysisOptions options{.shapesOnly = true};
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--dim" && i + 1 < argc) {
      const std::string dim = argv[++i];
      options.dims[dim.substr(0, dim.find('='))] = dim.substr(dim.find('=') + 1);
    } else
      print(argument, options);
  }
}
