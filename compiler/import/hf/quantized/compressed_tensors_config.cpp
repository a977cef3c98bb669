#include "compiler/import/hf/quantized/compressed_tensors_config.h"
#include "compiler/import/hf/config_parts.h"
#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/text.h"

#include <algorithm>

namespace cadenza {
namespace {

constexpr int64_t maxSize = int64_t{1} << 24;
constexpr std::string_view formats =
    "(pack-quantized, int-quantized, float-quantized, naive-quantized and mxfp4-pack-quantized are)";

/// The layout of a format with weights of that type; a finding if there is none.
CompressedScheme::Layout readLayout(ConfigReader &reader, std::string_view field, const std::string &format,
                                    bool isFloat) {
  if (format == "pack-quantized" && !isFloat)
    return CompressedScheme::Layout::packed;
  if (format == "mxfp4-pack-quantized" && isFloat)
    return CompressedScheme::Layout::mxfp4;
  if ((format == "int-quantized" && !isFloat) || (format == "float-quantized" && isFloat) ||
      format == "naive-quantized")
    return CompressedScheme::Layout::bytes;
  refuseValue(reader, field, quotedName(format),
              (isFloat ? "with weights of type float " : "with weights of type int ") + std::string(formats));
  return CompressedScheme::Layout::packed;
}

void checkBits(ConfigReader &weights, const CompressedScheme &scheme) {
  using Layout = CompressedScheme::Layout;
  const bool known = scheme.layout == Layout::mxfp4    ? scheme.bits == 4
                     : scheme.layout == Layout::packed ? scheme.bits == 4 || scheme.bits == 8
                                                       : scheme.bits == 8;
  if (!known)
    refuseValue(weights, "num_bits", std::to_string(scheme.bits),
                "in this format (" +
                    std::string(scheme.layout == Layout::mxfp4    ? "4 is"
                                : scheme.layout == Layout::packed ? "4 and 8 are"
                                                                  : "8 is") +
                    ")");
  if (scheme.isFloat && !scheme.symmetric)
    refuseValue(weights, "symmetric", "false", "with weights of type float (true is)");
}

void readStrategy(ConfigReader &weights, CompressedScheme &scheme) {
  const bool hasGroup = weights.has("group_size");
  const int64_t group = readGroupSize(weights, "group_size", 0).value_or(0);
  std::string strategy = weights.string("strategy").value_or(!hasGroup ? "tensor" : group == 0 ? "channel" : "group");
  if (strategy == "group" && group > 0) {
    scheme.strategy = ScaleStrategy::group;
    scheme.group = group;
  } else if (strategy == "channel") {
    scheme.strategy = ScaleStrategy::channel;
  } else if (strategy == "tensor") {
    scheme.strategy = ScaleStrategy::tensor;
  } else if (strategy == "block") {
    scheme.strategy = ScaleStrategy::block;
    const std::vector<int64_t> sizes = weights.integers("block_structure", 1, maxSize);
    if (sizes.size() == 2)
      scheme.block = {sizes[0], sizes[1]};
    else
      weights.findings().invalid(weights.where("block_structure") + " must be two numbers, rows and columns");
  } else if (strategy == "group") {
    weights.findings().invalid(weights.where("group_size") + " is missing; strategy 'group' needs one");
  } else {
    refuseValue(weights, "strategy", quotedName(strategy), "(tensor, channel, group and block are)");
  }
}

/// actorder: true, "group" and "dynamic" are one thing, false, "weight" and "static" change nothing in the file.
bool readPermuted(ConfigReader &weights) {
  if (weights.raw("actorder").is_boolean())
    return weights.raw("actorder").get<bool>();
  const std::string order = weights.string("actorder").value_or("weight");
  if (order != "group" && order != "dynamic" && order != "weight" && order != "static")
    refuseValue(weights, "actorder", quotedName(order), "(group, dynamic, weight and static are)");
  return order == "group" || order == "dynamic";
}

std::optional<CompressedScheme> readScheme(ConfigReader &group, ConfigReader &config) {
  if (!group.has("weights"))
    return std::nullopt;
  ConfigReader weights = group.object("weights");
  CompressedScheme scheme;
  const std::string type = weights.string("type").value_or("int");
  if (type != "int" && type != "float")
    refuseValue(weights, "type", quotedName(type), "(int and float are)");
  scheme.isFloat = type == "float";
  scheme.bits = static_cast<int>(weights.integer("num_bits", 1, 64).value_or(8));
  scheme.symmetric = weights.boolean("symmetric").value_or(true);
  scheme.permuted = readPermuted(weights);
  const bool own = group.has("format");
  ConfigReader &where = own ? group : config;
  scheme.layout = readLayout(where, "format", where.string("format").value_or("missing"), scheme.isFloat);
  checkBits(weights, scheme);
  readStrategy(weights, scheme);
  weights.ignore(
      {"dynamic", "observer", "observer_kwargs", "scale_dtype", "zp_dtype", "block_structure", "group_size"});
  weights.noteUnread();
  return scheme;
}

/// The targets of a list, and findings for those that are none.
std::vector<CompressedTarget> readTargets(ConfigReader &reader, std::string_view field) {
  std::vector<CompressedTarget> targets;
  for (std::string &name : readModuleList(reader, field)) {
    auto target = CompressedTarget::parse(std::move(name));
    if (target.isOk())
      targets.push_back(std::move(*target));
    else
      reader.findings().add(target.status().withPrefix(reader.where(field)));
  }
  return targets;
}

void readGroup(ConfigReader &groups, ConfigReader &config, const std::string &name, bool &activations,
               CompressedConfig &result) {
  if (groups.raw(name).is_array())
    return refuseValue(groups, name, "as the name of a preset", "(a scheme is)");
  ConfigReader group = groups.object(name);
  const std::optional<CompressedScheme> scheme = readScheme(group, config);
  activations = activations || group.has("input_activations") || group.has("output_activations");
  for (CompressedTarget &target : readTargets(group, "targets"))
    result.groups.push_back({std::move(target), scheme});
  group.ignore({"format", "targets"});
  group.noteUnread();
}

/// The order of the library (compressed_tensors/utils/match.py, match_targets): names, then patterns, each by the
/// alphabet. Of two groups with the same target the last one counts.
void order(std::vector<CompressedConfig::Group> &groups) {
  std::reverse(groups.begin(), groups.end());
  const auto key = [](const CompressedConfig::Group &group) {
    return std::pair(group.target.text().find("re:") != std::string::npos, group.target.text());
  };
  std::stable_sort(groups.begin(), groups.end(), [&](const auto &a, const auto &b) { return key(a) < key(b); });
}

void refuseTransforms(ConfigReader &quantization) {
  const auto isEmpty = [](const nlohmann::json &value) { return value.is_null() || value.empty(); };
  if (const nlohmann::json &transforms = quantization.raw("transform_config"); !isEmpty(transforms))
    refuseValue(quantization, "transform_config", "that is not empty", "(the model would have to apply it)");
  const nlohmann::json &sparsity = quantization.raw("sparsity_config");
  if (sparsity.is_object() && sparsity.contains("format") && sparsity["format"].is_string() &&
      sparsity["format"].get<std::string>() != "dense")
    refuseValue(quantization, "sparsity_config.format", quotedName(sparsity["format"].get<std::string>()),
                "(dense is)");
}

} // namespace

StatusOr<CompressedTarget> CompressedTarget::parse(std::string text) {
  CompressedTarget target(std::move(text));
  constexpr std::string_view regex = "re:";
  if (target.text_.starts_with(regex)) {
    CADENZA_ASSIGN_OR_RETURN(NamePattern pattern,
                             NamePattern::compile(std::string_view(target.text_).substr(regex.size())));
    target.pattern_ = std::move(pattern);
  }
  return target;
}

CompressedConfig readCompressedConfig(ConfigReader &quantization) {
  CompressedConfig config;
  bool activations = false;
  if (!quantization.has("config_groups"))
    quantization.findings().invalid(quantization.where("config_groups") + " is missing");
  ConfigReader groups = quantization.object("config_groups");
  const nlohmann::json &names = quantization.raw("config_groups");
  if (names.is_object())
    for (const auto &[name, value] : names.items())
      readGroup(groups, quantization, name, activations, config);
  order(config.groups);
  config.ignore = readTargets(quantization, "ignore");
  refuseTransforms(quantization);
  const bool cache = quantization.has("kv_cache_scheme");
  if (activations || cache)
    quantization.findings().notice(
        quantization.where(activations ? "config_groups" : "kv_cache_scheme") + ": " +
        (activations ? cache ? "activations and the cache are" : "activations are" : "the cache is") +
        " not quantised; only the weights are taken as the file has them");
  quantization.ignore(
      {"quant_method", "format", "quantization_status", "global_compression_ratio", "version", "run_compressed"});
  return config;
}

} // namespace cadenza
