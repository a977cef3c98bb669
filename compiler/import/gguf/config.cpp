#include "compiler/import/gguf/config.h"
#include "compiler/import/convert.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <set>

namespace cadenza::gguf {
namespace {

using nlohmann::json;

double shortestDecimal(float value) {
  if (!std::isfinite(value))
    return value;
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof(text) - 1, value);
  *end = '\0';
  return error == std::errc() ? std::strtod(text, nullptr) : value;
}

/// A number, a truth value or a string; null for an array.
json toJson(const Value &value) {
  return std::visit(
      [](const auto &held) -> json {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, float>)
          return shortestDecimal(held);
        else if constexpr (std::is_same_v<Held, Array>)
          return nullptr;
        else if constexpr (std::is_same_v<Held, std::string_view>)
          return escaped(held, 256);
        else
          return held;
      },
      value);
}

/// The elements of a small tensor of floats.
std::vector<float> readFloats(const Tensor &tensor) {
  const size_t count = tensor.data.size() / dtypeSize(*tensor.type->dtype());
  std::vector<float> values(count);
  convert(tensor.data.data(), *tensor.type->dtype(), DType::f32, DType::f32,
          reinterpret_cast<std::byte *>(values.data()), count);
  return values;
}

/// The divisors of RoPE's frequencies in `name`, one a pair that is rotated; empty and a finding if they are none.
std::vector<double> readFactors(const File &file, std::string_view name, int64_t pairs, Findings &findings) {
  const Tensor &tensor = *file.findTensor(name);
  const std::string where = file.name() + ": tensor " + quotedName(name);
  if (!tensor.type->dtype() || tensor.shape != std::vector<int64_t>{pairs}) {
    findings.invalid(where + " is " + std::string(tensor.type->name) + " " + shapeText(tensor.shape) +
                     "; expected floats " + shapeText({pairs}));
    return {};
  }
  std::vector<double> factors;
  for (float factor : readFloats(tensor)) {
    if (!(factor > 0) || !std::isfinite(factor)) {
      findings.invalid(where + " divides a frequency of RoPE by a number that is not positive and finite");
      return {};
    }
    factors.push_back(shortestDecimal(factor));
  }
  return factors;
}

class ConfigMaker {
public:
  ConfigMaker(const File &file, const Architecture &architecture, Findings &findings)
      : file_(file), architecture_(architecture), findings_(findings) {}

  Config make() {
    if (architecture_.name == "gpt2")
      addGpt2();
    else if (architecture_.name == "gptneox")
      addGptNeox();
    else
      addLlama();
    set("architectures", json::array({architectureName()}));
    set("vocab_size", embeddingRows(), "token_embd.weight");
    set("tie_word_embeddings", !file_.findTensor("output.weight"), "output.weight");
    setOrNull("bos_token_id", tokenizerValue("bos_token_id"), "tokenizer.ggml.bos_token_id");
    set("eos_token_id", endTokens(file_), "tokenizer.ggml.eos_token_id");
    refuseOthers();
    noteUnread();
    return std::move(config_);
  }

private:
  std::string key(std::string_view name) const { return std::string(architecture_.name) + "." + std::string(name); }

  void set(const std::string &field, json value, const std::string &place = "") {
    if (!value.is_null())
      config_.json[field] = std::move(value);
    if (!place.empty())
      config_.places[field] = place;
  }

  /// Null says that there is none, where no field would mean what the family's class has.
  void setOrNull(const std::string &field, json value, const std::string &place) {
    config_.json[field] = std::move(value);
    config_.places[field] = place;
  }

  /// The value of a key of the architecture, which may be one for each layer if they are all the same; null if there is
  /// none.
  json value(std::string_view name) {
    const std::string full = key(name);
    read_.insert(full);
    const Value *found = file_.find(full);
    if (!found)
      return nullptr;
    const auto *array = std::get_if<Array>(found);
    if (!array)
      return toJson(*found);
    const std::vector<double> numbers = array->count <= maxLayers ? array->numbers() : std::vector<double>();
    const auto isFirst = [&](double number) { return number == numbers.front(); };
    if (!numbers.empty() && numbers.front() == std::floor(numbers.front()) && std::abs(numbers.front()) < 9e15 &&
        std::all_of(numbers.begin(), numbers.end(), isFirst))
      return static_cast<int64_t>(numbers.front());
    findings_.unsupported(file_.name() + ": " + full +
                          " is a list, which is not supported (one number for all layers is)");
    return nullptr;
  }

  /// `field` is what `name` says, or `otherwise`.
  void take(const std::string &field, std::string_view name, json otherwise = nullptr) {
    json found = value(name);
    set(field, found.is_null() ? std::move(otherwise) : std::move(found), key(name));
  }

  json tokenizerValue(const std::string &name) const {
    const Value *found = file_.find("tokenizer.ggml." + name);
    return found ? toJson(*found) : json();
  }

  bool hasWindow() {
    const json window = value("attention.sliding_window");
    return window.is_number() && window != 0;
  }

  std::string architectureName() {
    return architecture_.name == "olmo2" && hasWindow() ? "Olmo3ForCausalLM" : std::string(architecture_.huggingFace);
  }

  json embeddingRows() const {
    const Tensor *tensor = file_.findTensor("token_embd.weight");
    return tensor ? json(tensor->shape.front()) : json();
  }

  /// A positive integer for a computation here; 1 where it is none, which the family's reader reports.
  int64_t integer(const std::string &field) const {
    const auto found = config_.json.find(field);
    const bool sound = found != config_.json.end() && found->is_number_integer() && *found > 0 && *found <= INT32_MAX;
    return sound ? found->get<int64_t>() : 1;
  }

  /// What part of a head is rotated, so that the product with head_dim is what the file says.
  void takeRotaryPart(const std::string &field, int64_t headDim) {
    const json dimension = value("rope.dimension_count");
    if (!dimension.is_number_integer() || dimension <= 0 || dimension > headDim)
      return set(field, dimension.is_null() ? json(1.0) : dimension, key("rope.dimension_count"));
    const auto rotated = dimension.get<double>();
    double part = rotated / static_cast<double>(headDim);
    if (part * static_cast<double>(headDim) < rotated)
      part = std::nextafter(part, 2);
    set(field, part, key("rope.dimension_count"));
  }

  void addGpt2() {
    take("n_embd", "embedding_length");
    take("n_inner", "feed_forward_length");
    take("n_layer", "block_count");
    take("n_head", "attention.head_count");
    take("n_positions", "context_length");
    take("layer_norm_epsilon", "attention.layer_norm_epsilon");
    set("activation_function", "gelu_new");
    ignore({"attention.head_count_kv"});
  }

  void addGptNeox() {
    take("hidden_size", "embedding_length");
    take("intermediate_size", "feed_forward_length");
    take("num_hidden_layers", "block_count");
    take("num_attention_heads", "attention.head_count");
    take("max_position_embeddings", "context_length");
    take("layer_norm_eps", "attention.layer_norm_epsilon");
    take("use_parallel_residual", "use_parallel_residual", true);
    take("rotary_emb_base", "rope.freq_base", 10000);
    takeRotaryPart("rotary_pct", integer("hidden_size") / integer("num_attention_heads"));
    set("hidden_act", "gelu");
    set("attention_bias", true);
    ignore({"attention.head_count_kv", "rope.scaling.type"});
  }

  void addLlama() {
    take("hidden_size", "embedding_length");
    take("intermediate_size", "feed_forward_length");
    take("num_hidden_layers", "block_count");
    take("num_attention_heads", "attention.head_count");
    take("num_key_value_heads", "attention.head_count_kv", config_.json.value("num_attention_heads", json()));
    const int64_t hidden = integer("hidden_size"), heads = integer("num_attention_heads");
    take("head_dim", "attention.key_length", hidden % heads == 0 ? json(hidden / heads) : json());
    const json values = value("attention.value_length");
    if (!values.is_null() && values != config_.json.value("head_dim", json()))
      findings_.unsupported(file_.name() + ": " + key("attention.value_length") + " " + values.dump() +
                            " is not supported (what " + key("attention.key_length") + " says is)");
    take("max_position_embeddings", "context_length");
    take("rms_norm_eps", "attention.layer_norm_rms_epsilon");
    set("hidden_act", "silu");
    set("attention_bias", file_.findTensor("blk.0.attn_q.bias") || file_.findTensor("blk.0.attn_qkv.bias"));
    set("mlp_bias", file_.findTensor("blk.0.ffn_up.bias") != nullptr);
    addRope();
    addOwn();
  }

  void addRope() {
    take("rope_theta", "rope.freq_base", 10000);
    if (const json dimension = value("rope.dimension_count"); !dimension.is_null())
      takeRotaryPart("partial_rotary_factor", integer("head_dim"));
    json type = value("rope.scaling.type");
    const json factor = value("rope.scaling.factor"), old = value("rope.scale_linear");
    if (type.is_null() && (factor.is_number() || old.is_number())) // as llama.cpp reads files of its first year
      type = "linear";
    ignore({"rope.scaling.finetuned", "rope.scaling.original_context_length"});
    if (type.is_null() || type == "none" || architecture_.name == "phi3")
      return;
    json scaling = {{"rope_type", type}};
    placeScaling("rope_type", "type");
    if (type == "linear" || type == "yarn") {
      scaling["factor"] = factor.is_null() ? old : factor;
      placeScaling("factor", "factor");
    }
    if (type == "yarn")
      addYarn(scaling);
    set("rope_scaling", scaling, key("rope.scaling"));
  }

  void placeScaling(const std::string &field, const std::string &name) {
    for (const char *object : {"rope_scaling.", "rope_parameters.", "rope_parameters.full_attention."})
      config_.places[object + field] = key("rope.scaling." + name);
  }

  void addYarn(json &scaling) {
    const std::pair<const char *, const char *> fields[] = {
        {"original_max_position_embeddings", "original_context_length"},
        {"beta_fast", "yarn_beta_fast"},
        {"beta_slow", "yarn_beta_slow"},
        {"attention_factor", "yarn_attn_factor"}};
    for (const auto &[field, name] : fields) {
      if (json found = value("rope.scaling." + std::string(name)); !found.is_null())
        scaling[field] = std::move(found);
      placeScaling(field, name);
    }
    if (const json extrapolation = value("rope.scaling.yarn_ext_factor");
        !extrapolation.is_null() && extrapolation != 1)
      findings_.unsupported(file_.name() + ": " + key("rope.scaling.yarn_ext_factor") + " " + extrapolation.dump() +
                            " is not supported (1 is)");
  }

  /// What only one architecture has.
  void addOwn() {
    if (architecture_.name == "gemma2")
      addGemma2();
    else if (architecture_.name == "gemma3")
      addGemma3();
    else if (architecture_.name == "phi3")
      addPhi3();
    else if (architecture_.name == "granite")
      addGranite();
    else if (architecture_.name == "smollm3")
      set("no_rope_layer_interval", 4);
    else if (architecture_.name == "olmo2" && hasWindow())
      addOlmo3();
    else if (architecture_.name == "mistral3")
      addMinistral3();
    else if (hasWindow())
      findings_.unsupported(file_.name() + ": " + key("attention.sliding_window") + " is not supported in " +
                            std::string(architecture_.name));
  }

  /// Which layers have the window: a truth value each, or all but every `interval`-th.
  void addLayerTypes(int64_t interval) {
    const std::string pattern = key("attention.sliding_window_pattern");
    const int64_t layers = integer("num_hidden_layers");
    std::vector<double> flags;
    read_.insert(pattern);
    if (const Value *found = file_.find(pattern)) {
      if (const auto *array = std::get_if<Array>(found); array && array->count == static_cast<uint64_t>(layers))
        flags = array->numbers();
      else if (const auto *number = std::get_if<int64_t>(found); number && *number > 0)
        interval = *number;
      if (std::holds_alternative<Array>(*found) && std::ssize(flags) != layers)
        return findings_.invalid(file_.name() + ": " + pattern + " must be a list of one truth value a layer, " +
                                 std::to_string(layers));
    }
    if (layers > static_cast<int64_t>(maxLayers))
      return; // the family's reader reports it
    json types = json::array();
    for (int64_t layer = 0; layer < layers; ++layer) {
      const bool windowed = flags.empty() ? layer % interval < interval - 1 : flags[layer] != 0;
      types.push_back(windowed ? "sliding_attention" : "full_attention");
    }
    set("layer_types", types, pattern);
  }

  /// Scores are scaled by 1 / sqrt(head_dim), but in the largest models of Gemma, which their number of layers tells
  /// apart in llama.cpp: by that of an equal share of the hidden size.
  void addGemma(int64_t layersOfLargest, int64_t interval) {
    const bool isLargest = integer("num_hidden_layers") == layersOfLargest;
    set("query_pre_attn_scalar",
        isLargest ? integer("hidden_size") / integer("num_attention_heads") : integer("head_dim"));
    set("hidden_activation", "gelu_pytorch_tanh");
    config_.json.erase("hidden_act");
    addLayerTypes(interval);
  }

  void addGemma2() {
    addGemma(46, 2);
    take("sliding_window", "attention.sliding_window", 4096);
    take("attn_logit_softcapping", "attn_logit_softcapping", 50);
    take("final_logit_softcapping", "final_logit_softcapping", 30);
  }

  void addGemma3() {
    addGemma(62, hasWindow() ? 6 : 1);
    setOrNull("sliding_window", hasWindow() ? value("attention.sliding_window") : json(),
              key("attention.sliding_window"));
    take("final_logit_softcapping", "final_logit_softcapping");
    addRopeByType(10000);
  }

  void addOlmo3() {
    addLayerTypes(4);
    take("sliding_window", "attention.sliding_window");
    addRopeByType(config_.json["rope_theta"]);
  }

  /// What scales RoPE is for layers without a window only.
  void addRopeByType(const json &slidingTheta) {
    json full = config_.json.value("rope_scaling", json{{"rope_type", "default"}});
    full["rope_theta"] = config_.json["rope_theta"];
    const json theta = value("rope.freq_base_swa");
    const json sliding = {{"rope_type", "default"}, {"rope_theta", theta.is_null() ? slidingTheta : theta}};
    for (const char *field : {"rope_theta", "rope_scaling"})
      config_.json.erase(field);
    set("rope_parameters", {{"full_attention", full}, {"sliding_attention", sliding}}, key("rope"));
    config_.places["rope_parameters.full_attention.rope_theta"] = key("rope.freq_base");
    config_.places["rope_parameters.sliding_attention.rope_theta"] = key("rope.freq_base_swa");
  }

  void addPhi3() {
    take("original_max_position_embeddings", "rope.scaling.original_context_length",
         config_.json.value("max_position_embeddings", json()));
    setOrNull("sliding_window", hasWindow() ? value("attention.sliding_window") : json(),
              key("attention.sliding_window"));
    const json attention = value("rope.scaling.attn_factor");
    if (!config_.json.contains("partial_rotary_factor"))
      set("partial_rotary_factor", 1.0);
    const bool isLong = file_.findTensor("rope_factors_long.weight"),
               isShort = file_.findTensor("rope_factors_short.weight");
    if (!isLong && !isShort)
      return;
    if (isLong != isShort)
      return findings_.invalid(file_.name() + ": tensor 'rope_factors_" + (isLong ? "short" : "long") +
                               ".weight' is missing");
    const json dimension = value("rope.dimension_count");
    const int64_t pairs =
        (dimension.is_number_integer() && dimension > 0 ? dimension.get<int64_t>() : integer("head_dim")) / 2;
    json scaling = {{"rope_type", "longrope"},
                    {"long_factor", readFactors(file_, "rope_factors_long.weight", pairs, findings_)},
                    {"short_factor", readFactors(file_, "rope_factors_short.weight", pairs, findings_)}};
    if (!attention.is_null())
      scaling["attention_factor"] = attention;
    placeScaling("attention_factor", "attn_factor");
    set("rope_scaling", scaling, key("rope.scaling"));
  }

  void addGranite() {
    const double usual = 1 / std::sqrt(static_cast<double>(integer("head_dim")));
    take("embedding_multiplier", "embedding_scale", 1);
    take("attention_multiplier", "attention.scale", usual);
    take("residual_multiplier", "residual_scale", 1);
    take("logits_scaling", "logit_scale");
  }

  void addMinistral3() {
    json parameters = config_.json.value("rope_scaling", json{{"rope_type", "default"}});
    parameters["rope_theta"] = config_.json["rope_theta"];
    if (const json multiplier = value("rope.scaling.yarn_log_multiplier"); !multiplier.is_null()) {
      parameters["mscale"] = 1.0;
      parameters["mscale_all_dim"] = multiplier;
    }
    parameters["llama_4_scaling_beta"] = value("attention.temperature_scale");
    placeScaling("mscale_all_dim", "yarn_log_multiplier");
    config_.places["rope_parameters.llama_4_scaling_beta"] = key("attention.temperature_scale");
    config_.places["rope_parameters.rope_theta"] = key("rope.freq_base");
    for (const char *field : {"rope_theta", "rope_scaling"})
      config_.json.erase(field);
    set("rope_parameters", parameters, key("rope"));
    setOrNull("sliding_window", hasWindow() ? value("attention.sliding_window") : json(),
              key("attention.sliding_window"));
  }

  /// What would make another model of it, in any architecture.
  void refuseOthers() {
    const json experts = value("expert_count"), causal = value("attention.causal");
    if (!experts.is_null() && experts != 0)
      findings_.unsupported(file_.name() + ": " + key("expert_count") + " " + experts.dump() +
                            " is not supported: it is a mixture of experts");
    if (causal == false)
      findings_.unsupported(file_.name() + ": " + key("attention.causal") +
                            " false is not supported: a token would attend to later ones");
    // What only says how something was made, or is said elsewhere.
    ignore({"vocab_size", "tensor_data_layout", "expert_used_count", "attention.causal", "pooling_type"});
  }

  void ignore(std::initializer_list<std::string_view> names) {
    for (std::string_view name : names)
      read_.insert(key(name));
  }

  void noteUnread() {
    for (const auto &[name, value] : file_.metadata())
      if (name.starts_with(key("")) && !read_.contains(name))
        findings_.notice(file_.name() + ": " + escaped(name, 80) + " is not known and was ignored");
  }

  static constexpr uint64_t maxLayers = 4096;

  const File &file_;
  const Architecture &architecture_;
  Findings &findings_;
  Config config_;
  std::set<std::string, std::less<>> read_;
};

/// How the ends of turns are written (llama.cpp, llama-vocab.cpp).
constexpr std::string_view turnEnds[] = {"<|eot_id|>",    "<|im_end|>",      "<|end|>", "<end_of_turn>",
                                         "<|endoftext|>", "<|end_of_text|>", "<EOT>"};

} // namespace

Config makeConfig(const File &file, const Architecture &architecture, Findings &findings) {
  return ConfigMaker(file, architecture, findings).make();
}

void applyTensors(const File &file, const Architecture &architecture, DecoderConfig &config, Findings &findings) {
  if (architecture.normsHaveOne)
    config.normPlus = 0;
  constexpr std::string_view name = "rope_freqs.weight";
  if (!file.findTensor(name) || config.rotaryDim == 0)
    return;
  if (config.rope.type != RopeParameters::Type::Default)
    return findings.unsupported(file.name() + ": tensor " + quotedName(name) + " beside " +
                                std::string(architecture.name) + ".rope.scaling is not supported");
  config.rope.shortFactors = config.rope.longFactors = readFactors(file, name, config.rotaryDim / 2, findings);
  if (config.rope.shortFactors.empty())
    return;
  // LongRoPE whose long text never begins.
  config.rope.type = RopeParameters::Type::LongRope;
  config.rope.originalMaxPositions = config.maxPositions;
}

std::vector<int64_t> endTokens(const File &file) {
  std::vector<int64_t> tokens;
  bool turns = false;
  for (const char *name : {"eos", "eot", "eom"}) {
    const Value *value = file.find("tokenizer.ggml." + std::string(name) + "_token_id");
    const auto *id = value ? std::get_if<int64_t>(value) : nullptr;
    if (id && std::find(tokens.begin(), tokens.end(), *id) == tokens.end())
      tokens.push_back(*id);
    turns = turns || (id && std::string_view(name) == "eot");
  }
  const Value *list = file.find("tokenizer.ggml.tokens");
  const auto *array = list ? std::get_if<Array>(list) : nullptr;
  constexpr uint64_t maxTokens = uint64_t{1} << 22; // tokenizer.cpp refuses more
  if (turns || !array || array->count > maxTokens)
    return tokens;
  const std::vector<std::string_view> texts = array->strings();
  for (std::string_view end : turnEnds)
    if (const auto found = std::find(texts.begin(), texts.end(), end); found != texts.end()) {
      const int64_t id = found - texts.begin();
      if (std::find(tokens.begin(), tokens.end(), id) == tokens.end())
        tokens.push_back(id);
      break;
    }
  return tokens;
}

} // namespace cadenza::gguf
