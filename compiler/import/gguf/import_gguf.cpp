#include "compiler/import/gguf/import_gguf.h"
#include "compiler/import/gguf/chat.h"
#include "compiler/import/gguf/config.h"
#include "compiler/import/gguf/tensor_check.h"
#include "compiler/import/gguf/tokenizer.h"
#include "compiler/import/gguf/weights.h"
#include "compiler/import/hf/family.h"
#include "compiler/import/hf/source_hash.h"
#include "compiler/import/hf/tokenizer.h"
#include "compiler/import/random_weights.h"
#include "compiler/import/text.h"

#include "mlir/IR/Verifier.h"

#include <filesystem>

namespace cadenza {
namespace {

using gguf::Architecture;

/// Null and a finding if it is none that is supported.
const Architecture *readArchitecture(const gguf::File &file, Findings &findings) {
  const gguf::Value *value = file.find("general.architecture");
  const auto *name = value ? std::get_if<std::string_view>(value) : nullptr;
  if (!name) {
    findings.invalid(file.name() + ": general.architecture is " + (value ? "no string" : "missing"));
    return nullptr;
  }
  const Architecture *architecture = gguf::findArchitecture(*name);
  if (!architecture)
    findings.unsupported(file.name() + ": general.architecture " + quotedName(*name) + " is not supported (" +
                         gguf::supportedArchitectureNames() + " are)");
  return architecture;
}

bool isSound(const DecoderConfig &config) {
  return config.vocabSize && config.hiddenSize && config.intermediateSize && config.layers && config.heads &&
         config.kvHeads && config.headDim && config.headDim % 2 == 0 && config.heads % config.kvHeads == 0;
}

DType chooseDType(const ImportOptions &options, const gguf::File &file) {
  if (options.dtype.empty())
    return gguf::modelDType(file);
  return options.dtype == "f16" ? DType::f16 : DType::bf16;
}

/// What tells models apart: everything but most of the tensors' bytes, as of a directory (source_hash.h).
std::string hashOf(const gguf::File &file, const std::string &weights) {
  const auto text = [](std::span<const std::byte> bytes) {
    return std::string_view(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  };
  constexpr size_t sampled = 4096;
  const std::string size = std::to_string(file.bytes().size());
  std::vector<std::string_view> texts = {weights, size, text(file.header())};
  for (const auto &[name, tensor] : file.tensors())
    texts.push_back(text(tensor.data).substr(0, sampled));
  return sourceHash(texts, nullptr);
}

/// Builds the module and compares it with the tensors, even if something in the metadata is unsupported: then that is
/// listed, too.
void build(mlir::MLIRContext &context, const ImportOptions &options, const Family &family, DecoderConfig &config,
           gguf::Model &file, ImportedModel &model, Findings &findings) {
  file.heads = {config.headDim, config.heads, config.kvHeads};
  const DType dtype = chooseDType(options, *file.file);
  // Vectors and matrices of 16 bits keep their type, but where another was asked for.
  const auto weightType = [&](std::string_view name, size_t rank) {
    const gguf::Tensor *tensor = file.find(name).tensor;
    const auto stored = tensor ? tensor->type->dtype() : std::nullopt;
    return stored && (rank == 1 || (*stored != DType::f32 && options.dtype.empty())) ? *stored : dtype;
  };
  DecoderBuilder builder(context, config, dtype, weightType);
  family.build(builder);
  model.weightSpecs = builder.weights();
  model.module = builder.takeModule();
  if (!options.randomSeed)
    gguf::checkTensors(file, model.weightSpecs, options.storesCodes, findings);
  model.weights = options.randomSeed ? makeRandomWeights(*options.randomSeed) : gguf::makeWeights(file);
  model.decoder = decoderOf(family, config, dtype);
}

} // namespace

StatusOr<ImportedModel> importGguf(mlir::MLIRContext &context, const ImportOptions &options, Findings &findings) {
  if (options.strict)
    findings.beStrict();
  auto opened = gguf::File::open(options.directory);
  if (!opened.isOk()) {
    findings.add(opened.status());
    return findings.toStatus();
  }
  gguf::Model file{.file = std::make_shared<const gguf::File>(std::move(*opened)), .architecture = nullptr};
  file.architecture = readArchitecture(*file.file, findings);
  if (!file.architecture)
    return findings.toStatus();

  const gguf::Config described = gguf::makeConfig(*file.file, *file.architecture, findings);
  ConfigReader reader(described.json, file.file->name(), findings);
  reader.setPlaces(described.places);
  const Family *family = readFamily(reader);
  if (!family)
    return findings.toStatus();
  DecoderConfig config = family->readConfig(reader);
  gguf::applyTensors(*file.file, *file.architecture, config, findings);

  ImportedModel model;
  model.tokenizer = gguf::makeTokenizer(*file.file, options.preTokenizer, findings);
  if (!model.tokenizer.empty())
    model.tokenizer = importTokenizer(model.tokenizer, "", config.vocabSize, findings);
  model.chat = gguf::makeChat(*file.file, findings);
  if (isSound(config))
    build(context, options, *family, config, file, model, findings);
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  if (!isSound(config) || mlir::failed(mlir::verify(*model.module)))
    return Status(StatusCode::Internal, "the importer built IR that does not verify");
  model.info = {escaped(std::filesystem::path(options.directory).stem().string(), 128), model.weights->describe()};
  model.sourceHash = hashOf(*file.file, model.info.weights);
  return model;
}

} // namespace cadenza
