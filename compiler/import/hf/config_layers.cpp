#include "compiler/import/hf/config_parts.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <set>

namespace cadenza {
namespace {

/// Which layers layer_types says have a window, or nothing if it says nothing (or nonsense, which is a finding).
std::optional<std::vector<bool>> readLayerTypes(ConfigReader &reader, int64_t layers) {
  const nlohmann::json &types = reader.raw("layer_types");
  if (types.is_null() || layers == 0)
    return std::nullopt;
  if (!types.is_array() || std::ssize(types) != layers) {
    reader.findings().invalid(reader.where("layer_types") + " must be a list of one name a layer, " +
                              std::to_string(layers) +
                              (types.is_array() ? ", not of " + std::to_string(types.size()) : ""));
    return std::nullopt;
  }
  std::vector<bool> windowed;
  std::set<std::string> unknown; // each is said once
  for (const nlohmann::json &type : types) {
    const std::string name = type.is_string() ? type.get<std::string>() : "";
    if (name != "full_attention" && name != "sliding_attention")
      unknown.insert(type.is_string() ? quotedName(name) : "entry");
    windowed.push_back(name == "sliding_attention");
  }
  for (const std::string &name : unknown)
    refuseValue(reader, "layer_types", name, "(full_attention and sliding_attention are)");
  if (!unknown.empty())
    return std::nullopt;
  return windowed;
}

} // namespace

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
  interval = reader.integerOr("no_rope_layer_interval", 1, maxConfigLayers, interval).value_or(1);
  for (int64_t layer = 1; layer <= layers; ++layer)
    rope.push_back(layer % interval != 0);
  return rope;
}

namespace {

/// Which layers have the window where layer_types does not say it.
std::vector<bool> windowLayers(ConfigReader &reader, const DecoderDefaults &defaults, const DecoderConfig &config) {
  std::vector<bool> windowed(config.layers, defaults.window == Window::Always);
  if (defaults.window == Window::NoRope) {
    windowed = config.ropeLayers;
    windowed.flip();
  } else if (defaults.window == Window::Switched) {
    const int64_t full = reader.integer("max_window_layers", 0, maxConfigLayers).value_or(defaults.fullLayers);
    for (int64_t layer = full; layer < config.layers; ++layer)
      windowed[layer] = true;
  } else if (defaults.window == Window::Interval) {
    int64_t interval = defaults.fullInterval;
    if (!defaults.fullIntervalField.empty())
      interval = reader.integer(defaults.fullIntervalField, 1, maxConfigLayers).value_or(interval);
    for (int64_t layer = 0; layer < config.layers; ++layer)
      windowed[layer] = (layer + 1) % interval != 0;
  }
  return windowed;
}

} // namespace

void readWindow(ConfigReader &reader, const DecoderDefaults &defaults, DecoderConfig &config) {
  const std::optional<std::vector<bool>> types = readLayerTypes(reader, config.layers);
  bool on = defaults.window == Window::Always || defaults.window == Window::Interval;
  if (defaults.window == Window::Switched || defaults.window == Window::NoRope) {
    on = reader.boolean("use_sliding_window").value_or(false);
    reader.ignore({"sliding_window", "max_window_layers"});
  }
  std::optional<int64_t> window;
  bool wrong = false;
  if (on && reader.has("sliding_window")) {
    window = reader.integer("sliding_window", 1, maxTextPositions);
    wrong = !window;
  } else if (on && !reader.contains("sliding_window") && defaults.slidingWindow) {
    window = reader.integerOr("sliding_window", 1, maxTextPositions, *defaults.slidingWindow);
  }

  const std::vector<bool> byRule = windowLayers(reader, defaults, config);
  if (types && defaults.window != Window::Always) { // there layer_types says nothing
    config.slidingLayers = *types;
    if (!defaults.fullIntervalField.empty() && reader.has(defaults.fullIntervalField) && *types != byRule)
      reader.findings().invalid(reader.where(defaults.fullIntervalField) + " contradicts layer_types");
  } else if (window || defaults.window == Window::Interval) {
    config.slidingLayers = byRule;
  }
  if (std::find(config.slidingLayers.begin(), config.slidingLayers.end(), true) == config.slidingLayers.end()) {
    config.slidingLayers.clear();
  } else if (!window) {
    if (!wrong)
      refuseValue(reader, "layer_types", "'sliding_attention'",
                  "without a sliding_window in force (full_attention is)");
  } else if (*window < config.maxPositions) {
    config.window = *window;
  }
}

} // namespace cadenza
