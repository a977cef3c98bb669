#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/import/hf/chat.h"
#include "compiler/import/hf/checkpoint_weights.h"
#include "compiler/import/hf/directory_hints.h"
#include "compiler/import/hf/family.h"
#include "compiler/import/hf/model_texts.h"
#include "compiler/import/hf/published.h"
#include "compiler/import/hf/quantized/quantized_tensors.h"
#include "compiler/import/hf/source_hash.h"
#include "compiler/import/hf/tensor_check.h"
#include "compiler/import/hf/tensor_names.h"
#include "compiler/import/hf/tokenizer.h"
#include "compiler/import/random_weights.h"
#include "compiler/import/text.h"
#include "compiler/ir/nn/Blocks.h"
#include "compiler/ir/nn/TensorValues.h"

#include "mlir/IR/Verifier.h"

namespace cadenza {
namespace {

/// The files of a model other than its weights, as text.
struct ModelTexts {
  std::string name;
  std::string config;
  bool configRead = true;       // if not, there is a finding
  std::string generationConfig; // empty if there is none
  std::string tokenizer;        // empty if there is none
  std::string tokenizerConfig;  // empty if there is none
  std::string chat;             // of a plan (hf/chat.h)
};

StatusOr<ModelTexts> readTexts(ModelDirectory &directory, Findings &findings) {
  ModelTexts texts;
  texts.name = modelName(directory.path());
  if (!directory.has("config.json"))
    return noConfig(directory.path());
  const size_t before = findings.errors();
  texts.config = readOptional(directory, "config.json", findings);
  texts.configRead = findings.errors() == before;
  texts.generationConfig = readOptional(directory, "generation_config.json", findings);
  texts.tokenizer = readOptional(directory, "tokenizer.json", findings);
  texts.tokenizerConfig = readOptional(directory, "tokenizer_config.json", findings);
  texts.chat = importChat(directory, texts.tokenizerConfig, findings);
  if (!directory.has("tokenizer.json"))
    findings.notice("tokenizer.json: there is none; the plan will take token ids only");
  return texts;
}

StatusOr<ModelTexts> publishedTexts(const ImportOptions &options) {
  const PublishedModel *published = findPublishedModel(options.publishedName);
  if (!published)
    return Status(StatusCode::InvalidArgument, "no published configuration is called " +
                                                   quotedName(options.publishedName) + " (known: " + publishedNames() +
                                                   ")" + likelyPublishedName(options.publishedName));
  if (!options.randomSeed)
    return Status(StatusCode::InvalidArgument, options.publishedName + " is known by its configuration only: compile a "
                                                                       "directory, or use --weights=random:SEED");
  ModelTexts texts;
  texts.name = options.publishedName;
  texts.config = published->config;
  texts.generationConfig = published->generationConfig;
  return texts;
}

struct ModelFiles {
  ModelTexts texts;
  std::shared_ptr<Checkpoint> checkpoint; // null with random weights
};

StatusOr<ModelFiles> loadFiles(const ImportOptions &options, Findings &findings) {
  ModelFiles files;
  if (!options.publishedName.empty()) {
    CADENZA_ASSIGN_OR_RETURN(files.texts, publishedTexts(options));
    return files;
  }
  CADENZA_ASSIGN_OR_RETURN(ModelDirectory directory, ModelDirectory::open(options.directory));
  CADENZA_ASSIGN_OR_RETURN(files.texts, readTexts(directory, findings));
  if (!options.randomSeed)
    files.checkpoint = std::make_shared<Checkpoint>(Checkpoint::open(directory, findings));
  directory.noteLinks(findings);
  return files;
}

/// The family and configuration, or nothing if config.json does not get that far.
const Family *readConfigs(const ModelTexts &texts, DecoderConfig &config, Findings &findings) {
  if (!texts.configRead)
    return nullptr;
  auto json = parseObject(texts.config, "config.json", findings);
  if (!json)
    return nullptr;
  ConfigReader reader(*json, "config.json", findings);
  const Family *family = readFamily(reader);
  if (!family)
    return nullptr;
  config = family->readConfig(reader);
  reader.noteUnread();
  if (config.quantization)
    config.quantization->restoreOrder(texts.config);
  if (!texts.generationConfig.empty()) {
    if (auto generation = parseObject(texts.generationConfig, "generation_config.json", findings)) {
      ConfigReader generationReader(*generation, "generation_config.json", findings);
      readGenerationConfig(generationReader, config);
    }
  }
  return family;
}

/// With random weights: what config.json names; bf16 without a word if it does not.
DType modelDType(const DecoderConfig &config) {
  return config.dtype.value_or(DType::bf16) == DType::f16 ? DType::f16 : DType::bf16;
}

} // namespace

Decoder decoderOf(const Family &family, const DecoderConfig &config, DType dtype) {
  Decoder decoder;
  decoder.vocabulary = config.vocabSize;
  decoder.maxContext = config.maxPositions;
  decoder.bosToken = config.bosToken;
  decoder.eosTokens = config.eosTokens;
  decoder.family = family.name;
  decoder.hiddenSize = config.hiddenSize;
  decoder.layers = config.layers;
  decoder.weightDtype = dtype;
  return decoder;
}

StatusOr<ImportedModel> importHuggingFace(mlir::MLIRContext &context, const ImportOptions &options,
                                          Findings &findings) {
  if (options.strict)
    findings.beStrict();
  auto loaded = loadFiles(options, findings);
  if (!loaded.isOk()) {
    findings.add(loaded.status());
    return findings.toStatus();
  }
  auto &[texts, checkpoint] = *loaded;
  DecoderConfig config;
  const Family *family = readConfigs(texts, config, findings);
  if (!texts.tokenizer.empty())
    texts.tokenizer = importTokenizer(texts.tokenizer, texts.tokenizerConfig, config.vocabSize, findings);

  // With dimensions in order the module can be built, and the checkpoint compared with it, even if something in the
  // configuration is unsupported: then that is listed too.
  ImportedModel model;
  bool configSound = family && config.vocabSize && config.hiddenSize && config.intermediateSize && config.layers &&
                     config.heads && config.kvHeads && config.headDim && config.headDim % 2 == 0 &&
                     config.heads % config.kvHeads == 0;
  if (configSound) {
    if (checkpoint)
      recogniseNames(*checkpoint, family->basePrefix, family->head, findings);
    if (config.tiesUnlessHead && checkpoint && checkpoint->find(std::string(family->head) + ".weight")) {
      findings.notice("config.json: tie_word_embeddings is missing; the checkpoint has a head, so it is not tied");
      config.tieWordEmbeddings = false;
    }
    DType dtype = checkpoint ? cadenza::modelDType(*checkpoint, config.isQuantized) : modelDType(config);
    // Each tensor keeps its type, but matrices of f32. (Vectors are widened to f32 in the plan.)
    auto weightType = [&](std::string_view name, size_t rank) {
      const CheckpointTensor *tensor = checkpoint ? checkpoint->find(name) : nullptr;
      const auto stored = tensor ? weightDType(tensor->dtype) : std::nullopt;
      return stored && (rank == 1 || *stored != DType::f32) ? *stored : dtype;
    };
    DecoderBuilder builder(context, config, dtype, weightType);
    family->build(builder);
    model.weightSpecs = builder.weights();
    model.module = builder.takeModule();
    QuantizedTensors quantized;
    if (checkpoint && config.quantization) {
      quantized = openQuantized(*checkpoint, *config.quantization, model.weightSpecs, findings);
      noteQuantized(quantized, model.weightSpecs, options.storesCodes, findings);
    }
    // Of a format that is not known, nobody can say which tensors are missing.
    if (checkpoint && (config.quantization || !config.isQuantized))
      checkTensors(*checkpoint, model.weightSpecs, quantized,
                   {.tiedHead = config.tieWordEmbeddings ? std::string(family->head) + ".weight" : "",
                    .buffers = family->buffers},
                   findings);
    model.weights = checkpoint ? makeCheckpointWeights(checkpoint, std::move(quantized.matrices))
                               : makeRandomWeights(options.randomSeed.value_or(0));
    model.info = {texts.name, model.weights->describe()};
    model.decoder = decoderOf(*family, config, dtype);
  }
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  if (!configSound || mlir::failed(mlir::verify(*model.module)))
    return Status(StatusCode::Internal, "the importer built IR that does not verify");
  model.sourceHash = sourceHash({texts.config, texts.generationConfig, texts.tokenizer, texts.chat, model.info.weights},
                                checkpoint.get());
  model.chat = std::move(texts.chat);
  model.generation = importGenerationDefaults(texts.generationConfig);
  model.tokenizer = std::move(texts.tokenizer);
  return model;
}

WeightSpec weightSpec(nn::WeightOp weight) {
  auto type = llvm::cast<mlir::ShapedType>(weight.getType());
  mlir::Type element = type.getElementType();
  const DType dtype = nn::elementTypeOf(element).value_or(DType::f32);
  WeightSpec spec{weight.getSymName().str(), weight.getSource().value_or("").str(), type.getShape().vec(), dtype};
  if (nn::ViewAttr view = weight.getViewAttr())
    spec.view = {.rows = view.getRows(),
                 .transposed = view.getTransposed(),
                 .first = view.getFirst(),
                 .run = view.getRun() != 0 ? view.getRun() : spec.rows(),
                 .stride = view.getStride()};
  if (const auto blocks = nn::blocksOf(weight))
    spec.blocks = {.bits = blocks->bits, .size = blocks->size, .scales = blocks->scales, .zeros = blocks->zeros};
  if (weight.getPlus())
    spec.plus = static_cast<float>(weight.getPlus()->convertToDouble());
  if (auto value = weight.getValue())
    for (const llvm::APFloat &element : llvm::cast<mlir::DenseElementsAttr>(*value).getValues<llvm::APFloat>())
      spec.constant.push_back(element.convertToFloat());
  return spec;
}

} // namespace cadenza
