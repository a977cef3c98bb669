#include "test/compiler/onnx/fuzz_target.h"
#include "compiler/import/onnx/read_model.h"
#include "compiler/import/onnx/shapes/analysis.h"
#include "compiler/import/onnx/summary.h"
#include "compiler/import/onnx/support.h"

#include <cstdlib>

namespace cadenza::onnx {
namespace {

void require(bool condition) {
  if (!condition)
    abort();
}

void checkTensor(const Tensor &tensor) {
  const auto elements = static_cast<uint64_t>(tensor.elements());
  require(tensor.elements() >= 0 && tensor.bytes.size() == (elements * elementBits(tensor.type) + 7) / 8);
  require(tensor.bytes.empty() || tensor.owner);
  if (tensor.bytes.empty() || tensor.type == ElementType::c64 || tensor.type == ElementType::c128)
    return;
  reals(tensor); // reads all of it
}

/// What graph.h promises of a graph without findings.
void checkGraph(const Graph &graph) {
  std::vector<bool> made(graph.values.size());
  for (size_t i = 0; i < graph.values.size(); ++i)
    made[i] = graph.values[i].constant != nullptr;
  for (const Port &input : graph.inputs) {
    require(input.value < made.size() && !made[input.value] && input.type);
    made[input.value] = true;
  }
  for (NodeId id = 0; id < graph.nodes.size(); ++id) {
    const Node &node = graph.nodes[id];
    for (ValueId input : node.inputs)
      require(input == none || made.at(input));
    for (ValueId output : node.outputs) {
      if (output == none)
        continue;
      require(output < made.size() && !made[output] && graph.values[output].producer == id);
      made[output] = true;
    }
    require(!describe(graph, id).empty());
  }
  for (const Port &output : graph.outputs)
    require(output.value < made.size() && made[output.value]);
}

/// What analysis.h promises.
void checkAnalysis(const Model &model, const Analysis &analysis, const Findings &findings) {
  require(analysis.facts.size() == model.graph.values.size());
  for (const std::optional<Facts> &facts : analysis.facts) {
    if (!facts)
      continue;
    for (const Extent &extent : facts->shape)
      require(extent.isKnown());
    require(!facts->elements || facts->elements->size() == smallCount(facts->shape));
    if (facts->constant)
      checkTensor(*facts->constant);
  }
  if (!findings.hasErrors()) // then all is known
    for (const Node &node : model.graph.nodes)
      for (ValueId output : node.outputs)
        require(output == none || analysis.facts[output]);
  require(!describe(model, analysis).empty() || model.graph.nodes.empty());
  require(!summarize(model, analysis).empty());
}

} // namespace
} // namespace cadenza::onnx

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace cadenza;
  const auto owner = std::make_shared<const std::vector<uint8_t>>(data, data + size); // of that size to the byte
  const std::span<const std::byte> bytes = std::as_bytes(std::span(*owner));
  Findings findings;
  std::optional<onnx::Model> model = onnx::readModel(bytes, owner, "fuzz.onnx", "", findings);
  onnx::require(findings.hasErrors() != findings.toStatus().isOk());
  onnx::require(findings.toStatus().code() != StatusCode::Internal);
  onnx::require(model || findings.hasErrors());
  if (!model)
    return 0;
  for (const onnx::Value &value : model->graph.values)
    if (value.constant)
      onnx::checkTensor(*value.constant);
  onnx::require(!onnx::summarize(*model).empty());
  if (findings.hasErrors()) {
    onnx::checkSupport(*model, {}, findings);
    return 0;
  }
  onnx::checkGraph(model->graph);
  onnx::checkAnalysis(*model, onnx::analyse(*model, {.shapesOnly = true}, findings), findings);
  return 0;
}
