#include "compiler/import/onnx/ir/import_onnx.h"
#include "compiler/import/convert.h"
#include "compiler/import/hf/model_texts.h"
#include "compiler/import/hf/source_hash.h"
#include "compiler/import/hf/tokenizer.h"
#include "compiler/import/onnx/decoder/companions.h"
#include "compiler/import/onnx/ir/float_type.h"
#include "compiler/import/onnx/ir/graph_module.h"
#include "compiler/import/onnx/ir/onnx_weights.h"
#include "compiler/import/onnx/ir/quantised_notice.h"
#include "compiler/import/onnx/ir/step_module.h"
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/import/onnx/read_model.h"
#include "compiler/import/onnx/shapes/operator_table.h"
#include "compiler/import/onnx/summary.h"
#include "compiler/import/text.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>
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
  StatusOr<nn::TensorValue> value = onnx::storedValue(weightSpec(weight), tensors);
  if (!value.isOk())
    return weight.emitError() << value.status().message();
  return std::move(*value);
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
  onnx::noteQuantised(model.weightSpecs, *model.weights, tensors, findings);
}

/// Of what the model says, `texts`, and the beginning of every weight (source_hash.h).
std::string hashOf(std::vector<std::string_view> texts, const onnx::IrEmitter::Weights &weights) {
  constexpr size_t sampled = 4096;
  for (const auto &[name, tensor] : weights) {
    const std::span<const std::byte> bytes = tensor->bytes.first(std::min(sampled, tensor->bytes.size()));
    texts.insert(texts.end(), {name, {reinterpret_cast<const char *>(bytes.data()), bytes.size()}});
  }
  return sourceHash(texts, nullptr);
}

std::string hashOf(const onnx::DecoderStep &step, const onnx::Companions &companions, const std::string &tokenizer,
                   const onnx::IrEmitter::Weights &weights) {
  const std::string graph = onnx::describe(step.model, step.analysis);
  std::vector<std::string_view> texts(companions.configs.begin(), companions.configs.end());
  texts.insert(texts.end(), {tokenizer, graph});
  return hashOf(std::move(texts), weights);
}

using Dims = std::map<std::string, std::string>;

/// "run_batch_1_sequence_128"
std::string entryName(const Dims &dims) {
  std::string name = "run";
  for (const auto &[dimension, extent] : dims)
    name += "_" + dimension + "_" + extent;
  std::erase(name, ']'); // of "input_ids[0]"
  for (char &c : name)
    c = llvm::isAlnum(c) ? c : '_';
  return name;
}

/// Files inputs without elements, which make shapes further on that contradict each other.
void checkEmpty(const onnx::Model &model, const Dims &dims, Findings &findings) {
  onnx::Symbols symbols(dims);
  for (const onnx::Port &input : model.graph.inputs)
    for (size_t axis = 0; input.type && input.type->shape && axis < input.type->shape->size(); ++axis) {
      const onnx::Dimension &dimension = (*input.type->shape)[axis];
      const auto extent = dimension.symbol.empty() ? dimension.extent : symbols.read(dimension.symbol).number();
      if (extent == 0)
        findings.unsupported(model.file + ": input " + quotedName(input.name) + ": axis " + std::to_string(axis) +
                             " has 0 elements; a plan has no empty tensors");
    }
}

/// What all sets say: one graph serves all of them, so the branches of its If nodes can follow from that alone.
Dims commonOf(const std::vector<Dims> &sets) {
  Dims common = sets.empty() ? Dims() : sets.front();
  for (const Dims &set : sets)
    std::erase_if(common, [&](const auto &option) {
      const auto found = set.find(option.first);
      return found == set.end() || found->second != option.second;
    });
  return common;
}

/// The model with what one set of dimensions says of extents that have no name.
struct DeclaredModel {
  std::string entry; // name
  Dims dims;         // of those that have one
  onnx::Model model;
};

/// One for each set, or for none.
std::vector<DeclaredModel> declared(const onnx::Model &read, const std::vector<Dims> &sets, Findings &findings) {
  std::vector<DeclaredModel> models;
  for (const Dims &set : sets.empty() ? std::vector<Dims>(1) : sets) {
    models.push_back({sets.size() < 2 ? "run" : entryName(set), set, read});
    DeclaredModel &each = models.back();
    if (!findings.hasErrors())
      onnx::declareUnnamed(each.model, each.dims, findings);
    if (!findings.hasErrors())
      onnx::checkDims(each.model, {.dims = each.dims}, findings);
  }
  return models;
}

/// A model that is no decoder.
StatusOr<ImportedModel> importGraph(mlir::MLIRContext &context, const onnx::Model &read,
                                    const std::vector<DeclaredModel> &models, const ImportOptions &options,
                                    const ModelDirectory &directory, Findings &findings, std::string &report) {
  std::vector<onnx::GraphEntry> entries;
  for (const auto &[name, dims, model] : models) {
    checkEmpty(model, dims, findings);
    CADENZA_RETURN_IF_ERROR(findings.toStatus());
    onnx::Analysis analysis = onnx::analyse(model, {.dims = dims}, findings);
    if (!findings.hasErrors())
      report += onnx::summarize(model, analysis);
    CADENZA_RETURN_IF_ERROR(findings.toStatus());
    if (std::ranges::count(entries, name, &onnx::GraphEntry::name) != 0)
      findings.invalid("--dim: two sets of dimensions are the same: entry '" + name + "' would be there twice");
    entries.push_back({name, std::move(analysis)});
  }
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  auto made = onnx::makeGraphModule(context, read, entries, findings);
  if (!made.isOk()) {
    if (!findings.hasErrors())
      findings.add(made.status());
    return findings.toStatus();
  }
  if (!options.dtype.empty())
    onnx::setFloatType(*made->module, options.dtype == "f16" ? mlir::FloatType(mlir::Float16Type::get(&context))
                                                             : mlir::BFloat16Type::get(&context));
  ImportedModel model;
  directory.noteLinks(findings);
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  onnx::IrEmitter::Weights constants = made->weights;
  for (const onnx::Value &value : read.graph.values)
    if (value.constant)
      constants.try_emplace(value.name, value.constant);
  std::string graph;
  for (const onnx::GraphEntry &entry : entries)
    graph += onnx::describe(read, entry.analysis);
  model.sourceHash = hashOf({graph}, constants);
  model.weights = onnx::makeOnnxWeights(std::move(made->weights));
  model.module = std::move(made->module);
  model.info = {nameOf(read.file, directory), model.weights->describe()};
  return model;
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
  const auto read = onnx::readModel(path, findings, {.dims = commonOf(options.dims)});
  if (!read)
    return findings.toStatus();
  report += onnx::summarize(*read);
  const std::vector<DeclaredModel> models = declared(*read, options.dims, findings);
  if (findings.hasErrors()) {
    onnx::checkSupport(*read, onnx::supportedOperators(), findings);
    return findings.toStatus();
  }
  const std::string parent = std::filesystem::path(path).parent_path().string();
  auto directory = ModelDirectory::open(parent.empty() ? "." : parent);
  if (!directory.isOk())
    return directory.status();
  const auto &[entry, dims, model] = models.front();
  if (!onnx::isDecoder(model, dims))
    return importGraph(context, *read, models, options, *directory, findings, report);
  if (!options.dtype.empty())
    findings.invalid("--dtype: " + model.file +
                     " is a decoder, whose weights are in 16 bits whatever they are in the file");
  if (options.dims.size() > 1)
    findings.invalid("--dim: " + model.file + " is a decoder, which takes one set of dimensions");
  onnx::Companions companions = onnx::readCompanions(*directory, findings);
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  auto step = onnx::recogniseDecoder(model, dims, companions.hints, findings);
  if (!step.isOk() && !findings.hasErrors()) {
    const onnx::Analysis analysis = onnx::analyse(model, {.dims = dims}, findings);
    if (!findings.hasErrors()) {
      report += onnx::summarize(model, analysis);
      findings.add(step.status());
    }
  }
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  report += onnx::summarize(step->model, step->analysis);
  report += onnx::summarize(*step);
  auto made = onnx::makeStepModule(context, *step, findings);
  if (!made.isOk()) {
    if (!findings.hasErrors())
      findings.add(made.status());
    return findings.toStatus();
  }
  ImportedModel imported;
  imported.decoder = decoderOf(*step, companions, findings);
  if (companions.tokenizer.empty())
    findings.notice("tokenizer.json: there is none; the plan will take token ids only");
  else
    imported.tokenizer = importTokenizer(companions.tokenizer, companions.tokenizerConfig, step->vocabulary, findings);
  imported.chat = std::move(companions.chat);
  imported.generation = std::move(companions.generation);
  directory->noteLinks(findings);
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  imported.sourceHash = hashOf(*step, companions, imported.tokenizer, made->weights);
  const auto tensors = std::make_shared<const onnx::IrEmitter::Weights>(std::move(made->weights));
  imported.tensors = [tensors](mlir::Operation *op) { return stored(mlir::cast<nn::WeightOp>(op), *tensors); };
  imported.finish = [tensors](ImportedModel &raised, Findings &findings) { finishRaised(raised, *tensors, findings); };
  imported.weights = onnx::makeOnnxWeights(*tensors);
  imported.module = std::move(made->module);
  imported.info = {nameOf(path, *directory), imported.weights->describe()};
  return imported;
}

} // namespace cadenza
