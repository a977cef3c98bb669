#include "compiler/import/hf/config.h"
#include "compiler/import/text.h"
#include "runtime/plan/program.h"

#include <algorithm>
#include <cmath>
#include <map>
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

/// What config.json says of RoPE. transformers 5 writes it to rope_parameters, transformers 4 to rope_scaling and
/// fields beside it; files that were edited or converted have several of them. They are read as one object, `type` as
/// `rope_type`, in which each field may be said in several places if they agree.
class RopeFields {
public:
  RopeFields(ConfigReader &reader) : reader_(reader) {
    addObject("rope_parameters");
    addObject("rope_scaling");
    addBeside("rope_theta");
    addBeside("partial_rotary_factor");
  }
  /// For what Phi-3 and others keep beside the object.
  void addBeside(const char *name) {
    if (reader_.has(name))
      add(name, reader_.where(name), reader_.raw(name));
  }
  /// The object's name, for messages.
  std::string_view name() const { return name_; }
  const nlohmann::json &object() const { return object_; }

private:
  void addObject(const char *name) {
    reader_.object(name); // a finding if it is none
    const nlohmann::json &object = reader_.raw(name);
    if (!object.is_object())
      return;
    if (object_.empty())
      name_ = name;
    for (const auto &[field, value] : object.items()) {
      if (!value.is_null())
        add(field == "type" ? "rope_type" : field, reader_.where(name) + "." + escaped(field, 80), value);
    }
  }
  void add(const std::string &field, const std::string &where, const nlohmann::json &value) {
    auto [place, inserted] = object_.emplace(field, value);
    if (inserted)
      places_[field] = where;
    else if (*place != value)
      reader_.findings().invalid(where + " differs from " + places_[field].substr(places_[field].find(": ") + 2));
  }

  ConfigReader &reader_;
  std::string_view name_ = "rope_parameters";
  nlohmann::json object_ = nlohmann::json::object();
  std::map<std::string, std::string> places_; // "config.json: rope_scaling.factor" by field
};

/// The llama3 parameters. Without original_max_position_embeddings transformers takes max_position_embeddings.
void readLlama3Scaling(ConfigReader &fields, int64_t longest, RopeParameters &rope) {
  rope.type = RopeParameters::Type::Llama3;
  rope.factor = fields.requiredNumber("factor", 0, 1e6).value_or(1);
  auto low = fields.requiredNumber("low_freq_factor", 0, 1e6);
  auto high = fields.requiredNumber("high_freq_factor", 0, 1e6);
  rope.originalMaxPositions =
      fields.integerOr("original_max_position_embeddings", 1, maxPositions, longest).value_or(1);
  if (low && high && *low >= *high)
    fields.findings().invalid(fields.where("low_freq_factor") + " is not below high_freq_factor");
  rope.lowFrequencyFactor = low.value_or(1);
  rope.highFrequencyFactor = high.value_or(4);
}

RopeParameters readRope(ConfigReader &reader, const DecoderDefaults &defaults, int64_t longest) {
  constexpr double maxTheta = 1e15;
  RopeParameters rope;
  const nlohmann::json &parameters = reader.raw("rope_parameters");
  if (parameters.is_object() && !parameters.empty() && parameters.begin()->is_object()) {
    refuse(reader, "rope_parameters", "with one entry a layer type", "(one for all layers is)");
    reader.ignore({"rope_theta", "rope_scaling", "partial_rotary_factor"});
    return rope;
  }
  RopeFields merged(reader);
  std::string type = "default";
  if (auto found = merged.object().find("rope_type"); found != merged.object().end() && found->is_string())
    type = found->get<std::string>();
  if (type == "llama3")
    merged.addBeside("original_max_position_embeddings");

  ConfigReader fields = reader.nested(merged.name(), merged.object());
  const auto theta = fields.has("rope_theta") ? fields.number("rope_theta", 0, maxTheta)
                                              : reader.numberOr("rope_theta", 0, maxTheta, defaults.ropeTheta);
  rope.theta = theta.value_or(1);
  if (auto partial = fields.number("partial_rotary_factor", 0, 1); partial && *partial != 1)
    refuse(fields, "partial_rotary_factor", fields.raw("partial_rotary_factor").dump(), "(1 is)");
  fields.string("rope_type"); // a finding if it is none
  if (type == "llama3") {
    readLlama3Scaling(fields, longest, rope);
  } else if (type == "linear") {
    rope.type = RopeParameters::Type::Linear;
    rope.factor = fields.requiredNumber("factor", 0, 1e6).value_or(1);
  } else if (type != "default") {
    refuse(fields, "rope_type", quotedName(type), "(default, linear and llama3 are)");
  }
  fields.noteDefaults(defaults.configClass);
  fields.noteUnread();
  return rope;
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
  refuse(reader, field, quotedName(*name), "(bfloat16, float16 and float32 are)");
  return std::nullopt;
}

void refuseVariants(ConfigReader &reader, const DecoderDefaults &defaults) {
  std::string activation = reader.stringOr("hidden_act", defaults.hiddenAct).value_or("silu");
  if (activation != "silu" && activation != "swish")
    refuse(reader, "hidden_act", quotedName(activation), "(silu is); it needs an nn op: docs/add-an-op.md");

  if (reader.has("quantization_config")) {
    ConfigReader quantization = reader.object("quantization_config");
    refuse(quantization, "quant_method", quotedName(quantization.string("quant_method").value_or("unnamed")),
           "(unquantised bfloat16, float16 and float32 are)");
  }
}

/// Which layers layer_types says have a window, or nothing if it says nothing (or nonsense, which is a finding).
std::optional<std::vector<bool>> readLayerTypes(ConfigReader &reader, int64_t layers) {
  const nlohmann::json &types = reader.raw("layer_types");
  if (types.is_null() || layers == 0)
    return std::nullopt;
  if (!types.is_array() || std::ssize(types) != layers) {
    reader.findings().invalid(reader.where("layer_types") + " must be a list of one name a layer, " +
                              std::to_string(layers));
    return std::nullopt;
  }
  std::vector<bool> windowed;
  for (const nlohmann::json &type : types) {
    if (type != "full_attention" && type != "sliding_attention") {
      refuse(reader, "layer_types", type.is_string() ? quotedName(type.get_ref<const std::string &>()) : "entry",
             "(full_attention is)");
      return std::nullopt;
    }
    windowed.push_back(type == "sliding_attention");
  }
  return windowed;
}

/// Which layers rotate queries and keys: those with a 1 in no_rope_layers (which says the opposite of its name), or
/// where there is no such list, all but every no_rope_layer_interval-th. A longer list is read as far as there are
/// layers (transformers, configuration_smollm3.py).
std::vector<bool> readRopeLayers(ConfigReader &reader, int64_t interval, int64_t layers) {
  std::vector<bool> rope;
  if (reader.has("no_rope_layers")) {
    reader.ignore({"no_rope_layer_interval"});
    const nlohmann::json &list = reader.raw("no_rope_layers");
    if (!list.is_array() || std::ssize(list) < layers) {
      reader.findings().invalid(reader.where("no_rope_layers") + " must be a list of one number a layer, " +
                                std::to_string(layers));
      return rope;
    }
    for (int64_t flag : reader.integers("no_rope_layers", 0, 1))
      rope.push_back(flag != 0);
    rope.resize(std::min<size_t>(rope.size(), layers)); // shorter if there was a finding
    return rope;
  }
  interval = reader.integerOr("no_rope_layer_interval", 1, maxLayers, interval).value_or(1);
  for (int64_t layer = 1; layer <= layers; ++layer)
    rope.push_back(layer % interval != 0);
  return rope;
}

/// Refuses a window that is in force on any layer. One as long as the model's longest text hides nothing.
void readWindow(ConfigReader &reader, const DecoderDefaults &defaults, const DecoderConfig &config) {
  std::optional<std::vector<bool>> windowed = readLayerTypes(reader, config.layers);
  std::optional<int64_t> window;
  bool on = defaults.window == Window::Always;
  int64_t full = 0; // layers before the first with a window
  if (defaults.window == Window::Switched || defaults.window == Window::NoRope) {
    on = reader.boolean("use_sliding_window").value_or(false);
    reader.ignore({"sliding_window", "max_window_layers"});
  }
  if (defaults.window == Window::Switched)
    full = reader.integer("max_window_layers", 0, maxLayers).value_or(defaults.fullLayers);
  if (on && reader.has("sliding_window"))
    window = reader.integer("sliding_window", 1, maxPositions);
  else if (on && !reader.contains("sliding_window") && defaults.slidingWindow)
    window = reader.integerOr("sliding_window", 1, maxPositions, *defaults.slidingWindow);

  if (window && defaults.window == Window::Always) {
    windowed = std::vector<bool>(1, true); // whatever layer_types says
  } else if (window && !windowed && defaults.window == Window::NoRope) {
    windowed = config.ropeLayers;
    windowed->flip();
  } else if (window && !windowed) {
    windowed = std::vector<bool>(1, full < config.layers); // any of them
  }
  if (!windowed || std::find(windowed->begin(), windowed->end(), true) == windowed->end())
    return;
  if (!window)
    refuse(reader, "layer_types", "'sliding_attention'", "without a sliding_window in force (full_attention is)");
  else if (*window < config.maxPositions)
    refuse(reader, "sliding_window", std::to_string(*window), "(null, or use_sliding_window false, is)");
}

/// The ids of a field. Those outside the vocabulary, where no model can ever be, are left out with a notice.
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
    refuse(reader, name, "with " + std::to_string(tokens.size()) + " ids",
           "(at most " + std::to_string(maxEosTokens) + " are)");
    tokens.resize(maxEosTokens);
  }
  return tokens;
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
  config.vocabSize = reader.requiredInteger("vocab_size", 1, maxVocab).value_or(0);
  config.hiddenSize = reader.requiredInteger("hidden_size", 1, maxHidden).value_or(0);
  config.intermediateSize = reader.requiredInteger("intermediate_size", 1, maxIntermediate).value_or(0);
  config.layers = reader.requiredInteger("num_hidden_layers", 1, maxLayers).value_or(0);
  readHeads(reader, defaults, config);
  config.maxPositions = reader.integerOr("max_position_embeddings", 1, maxPositions, defaults.maxPositions).value_or(0);
  config.rmsNormEps = reader.numberOr("rms_norm_eps", 0, 1, defaults.rmsNormEps).value_or(0);
  config.tieWordEmbeddings =
      reader.booleanOr("tie_word_embeddings", defaults.tieWordEmbeddings).value_or(defaults.tieWordEmbeddings);
  if (defaults.attentionBias == AttentionBias::Configured)
    config.queryKeyValueBias = config.outputBias = reader.boolean("attention_bias").value_or(false);
  else
    config.queryKeyValueBias = defaults.attentionBias == AttentionBias::QueryKeyValue;
  config.rope = readRope(reader, defaults, config.maxPositions);
  config.dtype = readDType(reader);
  refuseVariants(reader, defaults);
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
    if (rope.type == RopeParameters::Type::Linear) {
      frequency /= rope.factor;
    } else if (rope.type == RopeParameters::Type::Llama3) {
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
