#include "compiler/import/hf/config_parts.h"
#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/text.h"
#include "runtime/plan/program.h"

#include <algorithm>

namespace cadenza {
namespace {

constexpr int64_t maxVocab = int64_t{1} << 24;
constexpr int64_t maxHidden = int64_t{1} << 20;
constexpr int64_t maxIntermediate = int64_t{1} << 22;
constexpr int64_t maxHeads = 4096;
constexpr int64_t maxHeadDim = 4096;

/// A dimension of weights: in the file, but where it has a default all the same.
std::optional<int64_t> readExtent(ConfigReader &reader, std::string_view name, int64_t maximum,
                                  std::optional<int64_t> otherwise = {}) {
  return otherwise ? reader.integerOr(name, 1, maximum, *otherwise) : reader.requiredInteger(name, 1, maximum);
}

/// Elements of a head where config.json does not say it: an equal share of hidden_size.
std::optional<int64_t> shareOfHidden(ConfigReader &reader, const DecoderDefaults &defaults,
                                     const DecoderConfig &config) {
  if (config.heads == 0 || config.hiddenSize == 0)
    return std::nullopt;
  if (config.hiddenSize % config.heads == 0)
    return config.hiddenSize / config.heads;
  const FieldNames &names = defaults.fields;
  reader.findings().invalid(reader.where(names.hiddenSize) + " " + std::to_string(config.hiddenSize) +
                            " is no multiple of " + std::string(names.heads) + " " + std::to_string(config.heads) +
                            (defaults.equalHeads ? "" : ", and head_dim is not given"));
  return std::nullopt;
}

void readHeads(ConfigReader &reader, const DecoderDefaults &defaults, DecoderConfig &config) {
  auto heads = readExtent(reader, defaults.fields.heads, maxHeads, defaults.heads);
  if (defaults.equalHeads) {
    config.heads = config.kvHeads = heads.value_or(0);
    config.headDim = shareOfHidden(reader, defaults, config).value_or(0);
    if (config.headDim % 2 != 0)
      reader.findings().invalid(reader.where(defaults.fields.hiddenSize) + " " + std::to_string(config.hiddenSize) +
                                " / " + std::string(defaults.fields.heads) + " " + std::to_string(config.heads) +
                                " makes heads of an odd size");
    return;
  }
  auto kvHeads = heads;
  if (reader.has("num_key_value_heads"))
    kvHeads = reader.integer("num_key_value_heads", 1, maxHeads);
  else if (defaults.kvHeads && !reader.contains("num_key_value_heads")) // null is num_attention_heads in every class
    kvHeads = reader.integerOr("num_key_value_heads", 1, maxHeads, *defaults.kvHeads);
  config.heads = heads.value_or(0);
  config.kvHeads = kvHeads.value_or(0);
  if (heads && kvHeads && *heads % *kvHeads != 0)
    reader.findings().invalid(reader.where("num_attention_heads") + " " + std::to_string(*heads) +
                              " is no multiple of num_key_value_heads " + std::to_string(*kvHeads));

  std::optional<int64_t> headDim;
  if (defaults.headDim) {
    headDim = reader.integerOr("head_dim", 1, maxHeadDim, *defaults.headDim);
  } else if (reader.has("head_dim")) {
    headDim = reader.integer("head_dim", 1, maxHeadDim);
  } else {
    headDim = shareOfHidden(reader, defaults, config);
  }
  if (headDim && *headDim % 2 != 0)
    reader.findings().invalid(reader.where("head_dim") + " " + std::to_string(*headDim) +
                              " is odd; rotary embedding needs pairs");
  config.headDim = headDim.value_or(0);
}

/// What the tensors are, for "auto": nothing.
std::optional<DType> readDType(ConfigReader &reader) {
  std::string_view field = reader.has("dtype") ? "dtype" : "torch_dtype"; // as transformers 5 chooses
  auto name = reader.string(field);
  if (!name || *name == "auto")
    return std::nullopt;
  constexpr std::string_view module = "torch.";
  const std::string_view dtype = std::string_view(*name).substr(name->starts_with(module) ? module.size() : 0);
  if (dtype == "bfloat16")
    return DType::bf16;
  if (dtype == "float16" || dtype == "half")
    return DType::f16;
  if (dtype == "float32" || dtype == "float")
    return DType::f32;
  refuseValue(reader, field, quotedName(*name), "(bfloat16, float16 and float32 are)");
  return std::nullopt;
}

/// transformers, activations.py: many names for three functions.
Activation readActivation(ConfigReader &reader, const DecoderDefaults &defaults) {
  const std::string_view field = defaults.fields.activation;
  const std::string name = reader.stringOr(field, defaults.hiddenAct).value_or(std::string(defaults.hiddenAct));
  if (name == "gelu" || name == "gelu_python")
    return Activation::Gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_python_tanh" || name == "gelu_fast" ||
      name == "gelu_accurate")
    return Activation::GeluTanh;
  if (name != "silu" && name != "swish")
    refuseValue(reader, field, quotedName(name),
                "(silu, gelu and gelu_pytorch_tanh are); it needs an nn op: docs/add-an-op.md");
  return Activation::Silu;
}

/// The class's own token, where the file does not say.
std::vector<int32_t> readTokensOr(ConfigReader &reader, std::string_view name, int64_t vocabSize,
                                  std::optional<int32_t> otherwise) {
  if (reader.contains(name) || !otherwise || *otherwise >= vocabSize)
    return readTokens(reader, name, vocabSize);
  reader.addDefault(name, std::to_string(*otherwise));
  return {*otherwise};
}

} // namespace

std::vector<int32_t> readTokens(ConfigReader &reader, std::string_view name, int64_t vocabSize) {
  std::vector<int32_t> tokens;
  std::string outside;
  for (int64_t token : reader.integers(name, INT64_MIN, INT64_MAX)) {
    if (token < 0 || token >= (vocabSize == 0 ? maxVocab : vocabSize))
      outside += (outside.empty() ? "" : ", ") + std::to_string(token);
    else if (std::find(tokens.begin(), tokens.end(), token) == tokens.end())
      tokens.push_back(static_cast<int32_t>(token));
  }
  if (!outside.empty())
    reader.findings().notice(reader.where(name) + ": " + outside + " is outside the vocabulary of " +
                             std::to_string(vocabSize) + " and was ignored");
  if (tokens.size() > maxEosTokens) {
    refuseValue(reader, name, "with " + std::to_string(tokens.size()) + " ids",
                "(at most " + std::to_string(maxEosTokens) + " are)");
    tokens.resize(maxEosTokens);
  }
  return tokens;
}

void refuseValue(ConfigReader &reader, std::string_view name, const std::string &value, const std::string &rest) {
  reader.findings().unsupported(reader.where(name) + " " + value + " is not supported " + rest);
}

std::optional<std::string> readArchitecture(ConfigReader &reader) {
  const nlohmann::json &architectures = reader.raw("architectures");
  if (architectures.is_null() || (architectures.is_array() && architectures.empty()))
    return std::nullopt;
  if (architectures.is_array() && architectures.size() == 1 && architectures[0].is_string())
    return architectures[0].get<std::string>();
  reader.findings().invalid(reader.where("architectures") + " must be a list of one name");
  return std::nullopt;
}

DecoderConfig readDecoderConfig(ConfigReader &reader, const DecoderDefaults &defaults) {
  DecoderConfig config;
  config.vocabSize = readExtent(reader, "vocab_size", maxVocab, defaults.vocabSize).value_or(0);
  const FieldNames &names = defaults.fields;
  config.hiddenSize = readExtent(reader, names.hiddenSize, maxHidden).value_or(0);
  if (defaults.wideMlp && !reader.has(names.intermediateSize))
    config.intermediateSize = 4 * config.hiddenSize;
  else
    config.intermediateSize = readExtent(reader, names.intermediateSize, maxIntermediate).value_or(0);
  config.layers = readExtent(reader, names.layers, maxConfigLayers).value_or(0);
  readHeads(reader, defaults, config);
  config.maxPositions = reader.integerOr(names.maxPositions, 1, maxTextPositions, defaults.maxPositions).value_or(0);
  config.normEps = reader.numberOr(names.normEps, 0, 1, defaults.normEps).value_or(0);
  config.tieWordEmbeddings =
      reader.booleanOr("tie_word_embeddings", defaults.tieWordEmbeddings).value_or(defaults.tieWordEmbeddings);
  if (defaults.attentionBias == AttentionBias::Configured)
    config.queryKeyValueBias = config.outputBias = reader.boolean("attention_bias").value_or(false);
  else if (defaults.attentionBias == AttentionBias::ConfiguredQueryKeyValue)
    config.queryKeyValueBias = reader.booleanOr("attention_bias", true).value_or(true);
  else if (defaults.attentionBias == AttentionBias::Unless)
    config.queryKeyValueBias = config.outputBias = reader.booleanOr("attention_bias", true).value_or(true);
  else
    config.queryKeyValueBias = defaults.attentionBias != AttentionBias::None;
  config.outputBias |= defaults.attentionBias == AttentionBias::Always;
  if (defaults.rotary)
    readRope(reader, defaults, config);
  config.dtype = readDType(reader);
  config.activation = readActivation(reader, defaults);
  config.isQuantized = reader.has("quantization_config");
  config.quantization = readQuantization(reader);
  if (defaults.noRopeInterval)
    config.ropeLayers = readRopeLayers(reader, *defaults.noRopeInterval, config.layers);
  readWindow(reader, defaults, config);
  if (auto tokens = readTokensOr(reader, "bos_token_id", config.vocabSize, defaults.bosToken); !tokens.empty())
    config.bosToken = tokens.front();
  config.eosTokens = readTokensOr(reader, "eos_token_id", config.vocabSize, defaults.eosToken);
  reader.noteDefaults(defaults.configClass);
  reader.ignore({"architectures", "model_type", "transformers_version", "use_cache", "initializer_range",
                 "attention_dropout", "pad_token_id", "_name_or_path", "torch_dtype", "return_dict",
                 "output_attentions", "output_hidden_states", "torchscript", "chunk_size_feed_forward", "is_decoder",
                 "is_encoder_decoder"});
  return config;
}

DecoderConfig readTextConfig(ConfigReader &reader, DecoderConfig (*read)(ConfigReader &)) {
  if (!reader.has("text_config"))
    return read(reader);
  reader.object("text_config"); // a finding if it is none
  nlohmann::json text = reader.raw("text_config");
  if (!text.is_object())
    return {};
  std::map<std::string, std::string, std::less<>> places;
  // What such files say outside of it, as the part that reads images has it, too.
  for (const char *name : {"dtype", "torch_dtype", "bos_token_id", "eos_token_id", "pad_token_id",
                           "tie_word_embeddings", "quantization_config"}) {
    if (!reader.has(name))
      continue;
    const nlohmann::json &value = reader.raw(name);
    // Other tokens make no other model; another head does.
    if (std::string_view(name) == "tie_word_embeddings" && text.value(name, value) != value)
      reader.findings().invalid(reader.where(name) + " differs from text_config." + name);
    text[name] = value;
    places[name] = name;
  }
  ConfigReader textReader = reader.nested("text_config", text);
  textReader.setPlaces(std::move(places));
  const DecoderConfig config = read(textReader);
  textReader.noteUnread();
  reader.ignore({"architectures", "model_type", "transformers_version", "initializer_range", "use_cache",
                 "vision_config", "_name_or_path"});
  return config;
}

void readGenerationConfig(ConfigReader &reader, DecoderConfig &config) {
  if (auto tokens = readTokens(reader, "eos_token_id", config.vocabSize); !tokens.empty())
    config.eosTokens = std::move(tokens);
  if (auto tokens = readTokens(reader, "bos_token_id", config.vocabSize); !tokens.empty() && config.bosToken < 0)
    config.bosToken = tokens.front();
}

} // namespace cadenza
