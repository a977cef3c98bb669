#include "compiler/import/hf/config_parts.h"
#include "compiler/import/text.h"

#include <algorithm>

namespace cadenza {
namespace {

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
      refuseValue(reader, "layer_types", type.is_string() ? quotedName(type.get_ref<const std::string &>()) : "entry",
                  "(full_attention is)");
      return std::nullopt;
    }
    windowed.push_back(type == "sliding_attention");
  }
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
    full = reader.integer("max_window_layers", 0, maxConfigLayers).value_or(defaults.fullLayers);
  if (on && reader.has("sliding_window"))
    window = reader.integer("sliding_window", 1, maxTextPositions);
  else if (on && !reader.contains("sliding_window") && defaults.slidingWindow)
    window = reader.integerOr("sliding_window", 1, maxTextPositions, *defaults.slidingWindow);

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
    refuseValue(reader, "layer_types", "'sliding_attention'", "without a sliding_window in force (full_attention is)");
  else if (*window < config.maxPositions)
    refuseValue(reader, "sliding_window", std::to_string(*window), "(null, or use_sliding_window false, is)");
}

} // namespace cadenza
