#include "compiler/import/onnx/ir/import_onnx.h"
#include "compiler/import/convert.h"
#include "compiler/import/hf/model_texts.h"
#include "compiler/import/hf/source_hash.h"
#include "compiler/import/hf/tokenizer.h"
#include "compiler/import/onnx/decoder/companions.h"
#include "compiler/import/onnx/ir/onnx_weights.h"
#include "compiler/import/onnx/ir/step_module.h"
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/import/onnx/read_model.h"
#include "compiler/import/onnx/shapes/operator_table.h"
#include "compiler/import/onnx/summary.h"
#include "compiler/import/text.h"

#include <filesystem>

namespace cadenza {
namespace {

/// Of a model that limits it nowhere: angles are computed.
constexpr int64_t longestContext = int64_t{1} << 20;

/// "llama" of llama.onnx; of a file with the usual name, its directory's.
std::string nameOf(const std::string &file, const ModelDirectory &directory) {
  const std::string stem = std::filesystem::path(file).stem().string();
  return stem == "model" ? modelName(directory.path()) : escaped(stem, 128);
}

Decoder decoderOf(const onnx::DecoderStep &step, const onnx::Companions &companions, Findings &findings) {
  Decoder decoder;
  decoder.vocabulary = step.vocabulary;
  decoder.maxContext = companions.context.value_or(longestContext);
  if (step.capacity)
    decoder.maxContext = std::min(decoder.maxContext, *step.capacity);
  else if (!companions.context)
    findings.notice(step.model.file + ": no file beside it says how long a text may be; up to " +
                    std::to_string(longestContext) + " tokens are taken");
  if (companions.eosTokens.empty())
    findings.notice(step.model.file + ": no file beside it says which tokens end a text");
  decoder.bosToken = companions.bosToken;
  decoder.eosTokens = companions.eosTokens;
  decoder.family = companions.family;
  decoder.hiddenSize = step.hiddenSize;
  decoder.layers = static_cast<int64_t>(step.layers.size());
  return decoder;
}

/// The values of a whole weight.
llvm::FailureOr<nn::TensorValue> stored(nn::WeightOp weight, const onnx::IrEmitter::Weights &tensors) {
  const auto tensor = tensors.find(weight.getSource().value_or("").str());
  if (tensor == tensors.end() || weight.getView() || !nn::isComputable(tensor->second->type))
    return weight.emitError() << "is read as a value, and is no tensor of the model";
  return onnx::valueOf(*tensor->second);
}

/// Whether the first values of a tensor of f32, which say what it was widened from, are ones of `dtype`.
bool holds(DType dtype, const onnx::Tensor &tensor) {
  constexpr size_t sampled = 4096;
  const size_t count = std::min(sampled, tensor.bytes.size() / sizeof(float));
  std::vector<std::byte> rounded(count * sizeof(float));
  convert(tensor.bytes.data(), DType::f32, dtype, DType::f32, rounded.data(), count);
  return std::equal(rounded.begin(), rounded.end(), tensor.bytes.begin());
}

/// What follows from the types that the weights of a raised module have.
void finishRaised(ImportedModel &model, const onnx::IrEmitter::Weights &tensors, Findings &findings) {
  size_t rounded = 0;
  for (auto weight : model.module->getOps<nn::WeightOp>()) {
    if (!weight.getSource())
      continue;
    const WeightSpec &spec = model.weightSpecs.emplace_back(weightSpec(weight));
    const onnx::Tensor &tensor = *tensors.at(spec.tensor);
    rounded += spec.dtype != DType::f32 && tensor.type == ElementType::f32 && !holds(spec.dtype, tensor);
    if (spec.shape.size() == 2)
      model.decoder->weightDtype = spec.dtype;
  }
  if (rounded != 0)
    findings.notice("model: " + std::to_string(rounded) + " of " + std::to_string(model.weightSpecs.size()) +
                    " tensors are rounded to " + std::string(dtypeName(model.decoder->weightDtype)));
}

/// Of what the model says, its graph and the beginning of every weight (source_hash.h).
std::string hashOf(const onnx::DecoderStep &step, const onnx::Companions &companions, const std::string &tokenizer,
                   const std::map<std::string, std::shared_ptr<const onnx::Tensor>> &weights) {
  constexpr size_t sampled = 4096;
  const std::string graph = onnx::describe(step.model, step.analysis);
  std::vector<std::string_view> texts(companions.configs.begin(), companions.configs.end());
  texts.insert(texts.end(), {tokenizer, graph});
  for (const auto &[name, tensor] : weights) {
    const std::span<const std::byte> bytes = tensor->bytes.first(std::min(sampled, tensor->bytes.size()));
    texts.insert(texts.end(), {name, {reinterpret_cast<const char *>(bytes.data()), bytes.size()}});
  }
  return sourceHash(texts, nullptr);
}

/// Operators whose weights are quantised: their ops are made and evaluated, but nothing raises them to a decoder's.
void checkQuantised(const onnx::Model &model, Findings &findings) {
  for (const char *name : {"MatMulNBits", "GatherBlockQuantized"}) {
    size_t count = 0;
    std::string first;
    for (onnx::NodeId id = 0; id < model.graph.nodes.size(); ++id)
      if (const onnx::Node &node = model.graph.nodes[id]; node.op == name && count++ == 0)
        first = onnx::describe(model.graph, id);
    if (count != 0)
      findings.unsupported(model.file + ": operator " + name +
                           " has quantised weights, which a decoder cannot have yet; " +
                           "an export in fp32, fp16 or bf16 can be compiled: " + std::to_string(count) +
                           " nodes, the first is " + first);
  }
}

/// What follows from the graph of a model that is no decoder.
void reportShapes(const onnx::Model &model, const ImportOptions &options, Findings &findings, std::string &report) {
  const onnx::Analysis analysis = onnx::analyse(model, {.dims = options.dims}, findings);
  if (!findings.hasErrors())
    report += onnx::summarize(model, analysis);
}

} // namespace

bool isOnnxModel(const std::string &path) {
  if (onnx::isModelFile(path))
    return true;
  const auto file = onnx::modelFileIn(path);
  return !file.isOk() || file->has_value();
}

StatusOr<ImportedModel> importOnnx(mlir::MLIRContext &context, const ImportOptions &options, Findings &findings,
                                   std::string &report) {
  if (options.strict)
    findings.beStrict();
  std::string path = options.directory;
  if (!onnx::isModelFile(path)) {
    auto found = onnx::modelFileIn(path);
    if (!found.isOk()) {
      findings.add(found.status());
      return findings.toStatus();
    }
    path = **found;
  }
  const std::optional<onnx::Model> read = onnx::readModel(path, findings);
  if (!read)
    return findings.toStatus();
  report += onnx::summarize(*read);
  if (!findings.hasErrors())
    onnx::checkDims(*read, {.dims = options.dims}, findings);
  if (findings.hasErrors()) {
    onnx::checkSupport(*read, onnx::supportedOperators(), findings);
    return findings.toStatus();
  }
  const std::string parent = std::filesystem::path(path).parent_path().string();
  auto directory = ModelDirectory::open(parent.empty() ? "." : parent);
  if (!directory.isOk())
    return directory.status();
  onnx::Companions companions = onnx::readCompanions(*directory, findings);
  CADENZA_RETURN_IF_ERROR(findings.toStatus());

  onnx::checkDims(*read, {.dims = options.dims}, findings);
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  auto step = onnx::recogniseDecoder(*read, options.dims, companions.hints, findings);
  if (!step.isOk() && !findings.hasErrors()) {
    reportShapes(*read, options, findings, report);
    if (!findings.hasErrors())
      findings.add(step.status());
  }
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  report += onnx::summarize(step->model, step->analysis);
  report += onnx::summarize(*step);
  checkQuantised(step->model, findings);
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  auto made = onnx::makeStepModule(context, *step, findings);
  if (!made.isOk()) {
    if (!findings.hasErrors())
      findings.add(made.status());
    return findings.toStatus();
  }
  ImportedModel model;
  model.decoder = decoderOf(*step, companions, findings);
  if (companions.tokenizer.empty())
    findings.notice("tokenizer.json: there is none; the plan will take token ids only");
  else
    model.tokenizer = importTokenizer(companions.tokenizer, companions.tokenizerConfig, step->vocabulary, findings);
  directory->noteLinks(findings);
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  model.sourceHash = hashOf(*step, companions, model.tokenizer, made->weights);
  const auto tensors = std::make_shared<const onnx::IrEmitter::Weights>(std::move(made->weights));
  model.tensors = [tensors](mlir::Operation *op) { return stored(mlir::cast<nn::WeightOp>(op), *tensors); };
  model.finish = [tensors](ImportedModel &raised, Findings &findings) { finishRaised(raised, *tensors, findings); };
  model.weights = onnx::makeOnnxWeights(*tensors);
  model.module = std::move(made->module);
  model.info = {nameOf(path, *directory), model.weights->describe()};
  return model;
}

} // namespace cadenza
