#include "compiler/import/hf/config.h"
#include "compiler/import/text.h"

#include <cmath>
#include <numbers>

namespace cadenza {
namespace {

// Limits far above any model, low enough that products of two of them stay below 2^63.
constexpr int64_t maxVocab = int64_t{1} << 24;
constexpr int64_t maxHidden = int64_t{1} << 20;
constexpr int64_t maxIntermediate = int64_t{1} << 22;
constexpr int64_t maxLayers = 4096;
constexpr int64_t maxHeads = 4096;
constexpr int64_t maxHeadDim = 4096;
constexpr int64_t maxPositions = int64_t{1} << 28;

/// "config.json: hidden_act 'relu2' is not supported (silu is); it needs an nn op: docs/add-an-op.md".
void refuse(ConfigReader &reader, std::string_view name, const std::string &value, const std::string &rest) {
  reader.findings().unsupported(reader.where(name) + " " + value + " is not supported " + rest);
}

void readHeads(ConfigReader &reader, const DecoderDefaults &defaults, DecoderConfig &config) {
  auto heads = reader.requiredInteger("num_attention_heads", 1, maxHeads);
  auto kvHeads = reader.has("num_key_value_heads") ? reader.integer("num_key_value_heads", 1, maxHeads) : heads;
  config.heads = heads.value_or(0);
  config.kvHeads = kvHeads.value_or(0);
  if (heads && kvHeads && *heads % *kvHeads != 0)
    reader.findings().invalid(reader.where("num_attention_heads") + " " + std::to_string(*heads) +
                              " is no multiple of num_key_value_heads " + std::to_string(*kvHeads));

  std::optional<int64_t> headDim;
  if (reader.has("head_dim") || !defaults.headDimFromHidden) {
    headDim = reader.requiredInteger("head_dim", 1, maxHeadDim);
  } else if (heads && config.hiddenSize != 0) {
    if (config.hiddenSize % *heads == 0)
      headDim = config.hiddenSize / *heads;
    else
      reader.findings().invalid(reader.where("hidden_size") + " " + std::to_string(config.hiddenSize) +
                                " is no multiple of num_attention_heads " + std::to_string(*heads) +
                                ", and head_dim is not given");
  }
  if (headDim && *headDim % 2 != 0)
    reader.findings().invalid(reader.where("head_dim") + " " + std::to_string(*headDim) +
                              " is odd; rotary embedding needs pairs");
  config.headDim = headDim.value_or(0);
}

/// The llama3 parameters of rope_scaling or rope_parameters.
void readLlama3Scaling(ConfigReader &reader, RopeParameters &rope) {
  rope.type = RopeParameters::Type::Llama3;
  rope.factor = reader.requiredNumber("factor", 0, 1e6).value_or(1);
  auto low = reader.requiredNumber("low_freq_factor", 0, 1e6);
  auto high = reader.requiredNumber("high_freq_factor", 0, 1e6);
  rope.originalMaxPositions = reader.requiredInteger("original_max_position_embeddings", 1, maxPositions).value_or(1);
  if (low && high && *low >= *high)
    reader.findings().invalid(reader.where("low_freq_factor") + " is not below high_freq_factor");
  rope.lowFrequencyFactor = low.value_or(1);
  rope.highFrequencyFactor = high.value_or(4);
}

void readRopeType(ConfigReader &reader, RopeParameters &rope) {
  std::string_view field = reader.has("rope_type") ? "rope_type" : "type"; // before transformers 4.43
  std::string type = reader.string(field).value_or("default");
  if (type == "llama3")
    readLlama3Scaling(reader, rope);
  else if (type != "default")
    refuse(reader, field, quotedName(type), "(default and llama3 are)");
}

void readPartialRotary(ConfigReader &reader) {
  if (auto partial = reader.number("partial_rotary_factor", 0, 1); partial && *partial != 1)
    refuse(reader, "partial_rotary_factor", reader.raw("partial_rotary_factor").dump(), "(1 is)");
}

RopeParameters readRope(ConfigReader &reader) {
  constexpr double maxTheta = 1e15;
  RopeParameters rope;
  readPartialRotary(reader);
  if (!reader.has("rope_parameters")) {
    rope.theta = reader.requiredNumber("rope_theta", 0, maxTheta).value_or(1);
    if (reader.has("rope_scaling")) {
      ConfigReader scaling = reader.object("rope_scaling");
      readRopeType(scaling, rope);
      readPartialRotary(scaling);
      scaling.noteUnread();
    }
    return rope;
  }
  const nlohmann::json &parameters = reader.raw("rope_parameters");
  if (parameters.is_object() && !parameters.empty() && parameters.begin()->is_object()) {
    refuse(reader, "rope_parameters", "with one entry a layer type", "(one for all layers is)");
    reader.ignore({"rope_theta", "rope_scaling"});
    return rope;
  }
  ConfigReader nested = reader.object("rope_parameters");
  if (!parameters.is_object())
    return rope;
  auto theta = nested.requiredNumber("rope_theta", 0, maxTheta);
  rope.theta = theta.value_or(1);
  readRopeType(nested, rope);
  readPartialRotary(nested);
  nested.noteUnread();
  // A file that carries both generations must not contradict itself.
  if (auto other = reader.number("rope_theta", 0, maxTheta); theta && other && *other != *theta)
    reader.findings().invalid(reader.where("rope_theta") + " differs from rope_parameters.rope_theta");
  if (reader.has("rope_scaling") && reader.raw("rope_scaling") != parameters)
    reader.findings().invalid(reader.where("rope_scaling") + " is given beside rope_parameters and differs from it");
  return rope;
}

std::optional<DType> readDType(ConfigReader &reader) {
  std::string_view field = reader.has("dtype") ? "dtype" : "torch_dtype";
  auto name = reader.string(field);
  if (!name)
    return std::nullopt;
  if (*name == "bfloat16")
    return DType::bf16;
  if (*name == "float16")
    return DType::f16;
  if (*name == "float32")
    return DType::f32;
  refuse(reader, field, quotedName(*name), "(bfloat16, float16 and float32 are)");
  return std::nullopt;
}

void refuseVariants(ConfigReader &reader) {
  std::string activation = reader.string("hidden_act").value_or("");
  if (activation.empty() && !reader.has("hidden_act"))
    reader.findings().invalid(reader.where("hidden_act") + " is missing");
  else if (!activation.empty() && activation != "silu" && activation != "swish")
    refuse(reader, "hidden_act", quotedName(activation), "(silu is); it needs an nn op: docs/add-an-op.md");

  if (reader.has("quantization_config")) {
    ConfigReader quantization = reader.object("quantization_config");
    refuse(quantization, "quant_method", quotedName(quantization.string("quant_method").value_or("unnamed")),
           "(unquantised bfloat16, float16 and float32 are)");
  }
  if (const nlohmann::json &types = reader.raw("layer_types"); types.is_array()) {
    for (const nlohmann::json &type : types) {
      if (type == "full_attention")
        continue;
      refuse(reader, "layer_types", type.is_string() ? quotedName(type.get_ref<const std::string &>()) : "entry",
             "(full_attention is)");
      break;
    }
  }
  // A window without a switch is in force (Mistral); Qwen's is only if use_sliding_window says so.
  bool windowed = reader.boolean("use_sliding_window").value_or(!reader.raw("sliding_window").is_null());
  if (windowed)
    refuse(reader, "sliding_window", reader.raw("sliding_window").dump().substr(0, 40),
           "(null, or use_sliding_window false, is)");
}

std::vector<int32_t> readTokens(ConfigReader &reader, std::string_view name, int64_t vocabSize) {
  std::vector<int64_t> tokens = reader.integers(name, 0, vocabSize == 0 ? maxVocab : vocabSize - 1);
  return {tokens.begin(), tokens.end()};
}

} // namespace

std::optional<std::string> readArchitecture(ConfigReader &reader) {
  const nlohmann::json &architectures = reader.raw("architectures");
  if (architectures.is_array() && architectures.size() == 1 && architectures[0].is_string())
    return architectures[0].get<std::string>();
  reader.findings().invalid(reader.where("architectures") +
                            (architectures.is_null() ? " is missing" : " must be a list of one name"));
  return std::nullopt;
}

DecoderConfig readDecoderConfig(ConfigReader &reader, const DecoderDefaults &defaults) {
  DecoderConfig config;
  config.vocabSize = reader.requiredInteger("vocab_size", 1, maxVocab).value_or(0);
  config.hiddenSize = reader.requiredInteger("hidden_size", 1, maxHidden).value_or(0);
  config.intermediateSize = reader.requiredInteger("intermediate_size", 1, maxIntermediate).value_or(0);
  config.layers = reader.requiredInteger("num_hidden_layers", 1, maxLayers).value_or(0);
  readHeads(reader, defaults, config);
  config.maxPositions = reader.requiredInteger("max_position_embeddings", 1, maxPositions).value_or(0);
  config.rmsNormEps = reader.requiredNumber("rms_norm_eps", 0, 1).value_or(0);
  config.tieWordEmbeddings = reader.boolean("tie_word_embeddings").value_or(false);
  config.attentionBias = reader.boolean("attention_bias").value_or(false);
  config.rope = readRope(reader);
  config.dtype = readDType(reader);
  refuseVariants(reader);
  if (auto tokens = readTokens(reader, "bos_token_id", config.vocabSize); !tokens.empty())
    config.bosToken = tokens.front();
  config.eosTokens = readTokens(reader, "eos_token_id", config.vocabSize);
  reader.ignore({"architectures", "model_type", "transformers_version", "use_cache", "initializer_range",
                 "attention_dropout", "pad_token_id", "_name_or_path", "torch_dtype", "return_dict",
                 "output_attentions", "output_hidden_states", "torchscript", "chunk_size_feed_forward", "is_decoder",
                 "is_encoder_decoder"});
  return config;
}

void readGenerationConfig(ConfigReader &reader, DecoderConfig &config) {
  if (auto tokens = readTokens(reader, "eos_token_id", config.vocabSize); !tokens.empty())
    config.eosTokens = std::move(tokens);
  if (auto tokens = readTokens(reader, "bos_token_id", config.vocabSize); !tokens.empty() && config.bosToken < 0)
    config.bosToken = tokens.front();
}

std::vector<double> ropeInverseFrequencies(const RopeParameters &rope, int64_t headDim) {
  std::vector<double> frequencies(headDim / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    double frequency = std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(headDim));
    if (rope.type == RopeParameters::Type::Llama3) {
      auto original = static_cast<double>(rope.originalMaxPositions);
      double wavelength = 2 * std::numbers::pi / frequency;
      double ratio = original / wavelength; // how often the wave turns in the original context
      if (ratio < rope.lowFrequencyFactor) {
        frequency /= rope.factor;
      } else if (ratio <= rope.highFrequencyFactor) {
        double kept = (ratio - rope.lowFrequencyFactor) / (rope.highFrequencyFactor - rope.lowFrequencyFactor);
        frequency = (1 - kept) * frequency / rope.factor + kept * frequency;
      }
    }
    frequencies[i] = frequency;
  }
  return frequencies;
}

} // namespace cadenza
