#include "compiler/import/hf/quantized/gptq_config.h"
#include "compiler/import/hf/config_parts.h"
#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/text.h"

#include <algorithm>

namespace cadenza {
namespace {

/// The fields that are the same for all modules and in a rule of `dynamic`; `scheme` has the values of fields that are
/// not there.
GptqScheme readScheme(ConfigReader &reader, GptqScheme scheme) {
  const int64_t bits = reader.integer("bits", 1, 64).value_or(scheme.bits);
  if (bits != 4 && bits != 8)
    refuseValue(reader, "bits", std::to_string(bits), "with quant_method 'gptq' (4 and 8 are)");
  scheme.bits = static_cast<int>(bits);
  scheme.group = readGroupSize(reader, "group_size", scheme.group).value_or(0);
  scheme.ordersByAct = reader.boolean("desc_act").value_or(scheme.ordersByAct);
  if (const auto symmetric = reader.boolean("sym"))
    scheme.symmetric = symmetric;
  return scheme;
}

void readRule(ConfigReader &dynamic, const std::string &key, GptqConfig &config) {
  const bool excludes = key.starts_with("-:");
  auto pattern = NamePattern::compile(excludes || key.starts_with("+:") ? std::string_view(key).substr(2) : key);
  if (!pattern.isOk())
    return dynamic.findings().add(pattern.status().withPrefix(dynamic.where(escaped(key, 80))));
  GptqRule rule{.key = key, .pattern = std::move(*pattern), .excludes = excludes, .scheme = config.scheme};
  if (!excludes) {
    ConfigReader overrides = dynamic.object(key);
    rule.scheme = readScheme(overrides, config.scheme);
  }
  config.rules.push_back(std::move(rule));
}

void readFormat(ConfigReader &reader, GptqConfig &config) {
  const std::string_view field = reader.has("checkpoint_format") ? "checkpoint_format" : "format";
  const std::string format = reader.string(field).value_or("gptq");
  config.storesZeros = format == "gptq_v2";
  if (format != "gptq" && format != "gptq_v2")
    refuseValue(reader, field, quotedName(format), "(gptq and gptq_v2 are)");
  if (reader.boolean("is_marlin_format").value_or(false))
    refuseValue(reader, "is_marlin_format", "true", "(gptq and gptq_v2 are)");
  const std::string word = reader.string("pack_dtype").value_or("int32");
  if (word != "int32")
    refuseValue(reader, "pack_dtype", quotedName(word), "(int32 is)");
  if (reader.has("adapter"))
    refuseValue(reader, "adapter", "that is not null", "(what it adds to the weights is not in them)");
}

} // namespace

GptqConfig readGptqConfig(ConfigReader &quantization) {
  GptqConfig config;
  config.scheme = readScheme(quantization, {});
  readFormat(quantization, config);
  config.notConverted = readModuleList(quantization, "modules_to_not_convert");
  if (quantization.has("dynamic")) {
    ConfigReader dynamic = quantization.object("dynamic");
    const nlohmann::json &rules = quantization.raw("dynamic");
    if (rules.is_object())
      for (const auto &[key, value] : rules.items())
        readRule(dynamic, key, config);
  }
  // What the quantiser did to get there changes nothing in what the tensors mean.
  quantization.ignore({"quant_method",
                       "damp_percent",
                       "damp_auto_increment",
                       "true_sequential",
                       "static_groups",
                       "meta",
                       "tokenizer",
                       "dataset",
                       "batch_size",
                       "backend",
                       "model_seqlen",
                       "block_name_to_quantize",
                       "module_name_preceding_first_block",
                       "pad_token_id",
                       "disable_exllama",
                       "use_cuda_fp16",
                       "use_exllama",
                       "exllama_config",
                       "max_input_length",
                       "cache_block_outputs",
                       "act_group_aware",
                       "modules_in_block_to_quantize",
                       "model_name_or_path",
                       "model_file_base_name",
                       "lm_head",
                       "mse",
                       "quantizer",
                       "rotation",
                       "desc_act",
                       "format",
                       "parallel_packing",
                       "hyb_act"});
  return config;
}

void restoreOrder(std::vector<GptqRule> &rules, std::string_view text) {
  // The text has been parsed once, within bounds.
  const auto parsed = nlohmann::ordered_json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> keys;
  for (const char *parent : {"", "text_config"}) {
    const auto &object = *parent != '\0' && parsed.is_object() && parsed.contains(parent) ? parsed[parent] : parsed;
    if (!object.is_object() || !object.contains("quantization_config"))
      continue;
    const auto &quantization = object["quantization_config"];
    if (quantization.is_object() && quantization.contains("dynamic") && quantization["dynamic"].is_object())
      for (const auto &[key, value] : quantization["dynamic"].items())
        keys.push_back(key);
  }
  const auto place = [&](const GptqRule &rule) { return std::find(keys.begin(), keys.end(), rule.key) - keys.begin(); };
  std::stable_sort(rules.begin(), rules.end(),
                   [&](const GptqRule &a, const GptqRule &b) { return place(a) < place(b); });
}

} // namespace cadenza
