// onnx_run [--dim NAME=VALUE]... [MODEL FOLDER]...: evaluates an ONNX model by the references of the ops that it is
// lowered to, for scripts that compare the results (run_cases.py). A folder holds input_0.bin, ..., the raw bytes of
// the model's inputs in order, and gets output_0.bin, .... A line a folder: "PASS SHAPE TYPE; ..." of the outputs, or
// "KIND: TEXT" of the first finding.
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/import/onnx/lower/graph_lowering.h"
#include "compiler/import/onnx/read_model.h"

#include <fstream>
#include <iostream>
#include <iterator>

using namespace cadenza;
using namespace cadenza::onnx;

namespace {

std::string firstFinding(const Findings &findings) {
  for (const Finding &finding : findings.all())
    if (finding.kind == Finding::Kind::Invalid || finding.kind == Finding::Kind::Unsupported)
      return std::string(findingKindName(finding.kind)) + ": " + finding.message;
  return "";
}

std::string run(const std::string &file, const std::string &folder, const AnalysisOptions &options) {
  Findings findings;
  const std::optional<Model> model = readModel(file, findings);
  if (!model || findings.hasErrors())
    return firstFinding(findings);
  const Analysis analysis = analyse(*model, options, findings);
  if (findings.hasErrors())
    return firstFinding(findings);
  Evaluator evaluator;
  GraphLowering lowering(*model, analysis, evaluator, findings);
  for (size_t i = 0; i < model->graph.inputs.size(); ++i) {
    const ValueId input = model->graph.inputs[i].value;
    const Facts &facts = *analysis.facts[input];
    if (!isComputable(facts.type))
      return "unsupported: input of type " + std::string(elementTypeName(facts.type));
    std::ifstream stream(folder + "/input_" + std::to_string(i) + ".bin", std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
    const auto *first = reinterpret_cast<const std::byte *>(bytes.data());
    const auto shape = numbers(facts.shape);
    if (!shape)
      return "unsupported: input of an open shape";
    nn::TensorValue value = nn::zeros({facts.type, *shape});
    if (value.bytes.size() != bytes.size())
      return "invalid: input " + std::to_string(i) + " has " + std::to_string(bytes.size()) + " bytes";
    value.bytes.assign(first, first + bytes.size());
    lowering.bind(input, evaluator.add(std::move(value)));
  }
  if (!lowering.run())
    return firstFinding(findings);
  std::string text = "PASS";
  for (size_t i = 0; i < model->graph.outputs.size(); ++i) {
    const ValueId output = model->graph.outputs[i].value;
    const Operand operand = lowering.get(output);
    if (!operand.isThere())
      return "unsupported: output that nothing makes";
    if (!evaluator.status().isOk())
      return "unsupported: " + evaluator.status().message();
    const nn::TensorValue &value = evaluator.value(operand);
    const auto shape = numbers(analysis.facts[output]->shape);
    if (value.element != analysis.facts[output]->type || (shape && *shape != value.shape))
      return "WRONG: made " + nn::text(value) + ", inferred " + analysis.symbols->text(analysis.facts[output]->shape);
    std::ofstream stream(folder + "/output_" + std::to_string(i) + ".bin", std::ios::binary);
    stream.write(reinterpret_cast<const char *>(value.bytes.data()), static_cast<std::streamsize>(value.bytes.size()));
    text += (i == 0 ? " " : "; ") + nn::text(value);
  }
  return text;
}

} // namespace

int main(int argc, char **argv) {
  AnalysisOptions options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string first = argv[i], second = argv[i + 1];
    if (first == "--dim")
      options.dims[second.substr(0, second.find('='))] = second.substr(second.find('=') + 1);
    else
      std::cout << second << ": " << run(first, second, options) << "\n";
  }
}
