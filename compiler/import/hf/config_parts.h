// The parts of readDecoderConfig (config.h), a file each: RoPE (config_rope.cpp) and which layers do what
// (config_layers.cpp).
#pragma once

#include "compiler/import/hf/config.h"

namespace cadenza {

// Limits far above any model, low enough that products of two such numbers stay below 2^63.
inline constexpr int64_t maxConfigLayers = 4096;
inline constexpr int64_t maxTextPositions = int64_t{1} << 28;

/// "config.json: hidden_act 'relu2' is not supported (silu is); it needs an nn op: docs/add-an-op.md".
void refuseValue(ConfigReader &reader, std::string_view name, const std::string &value, const std::string &rest);

/// What config.json says of RoPE: rope, slidingRope and rotaryDim of `config`, whose headDim and maxPositions have been
/// read.
void readRope(ConfigReader &reader, const DecoderDefaults &defaults, DecoderConfig &config);

/// Which layers rotate queries and keys: those with a 1 in no_rope_layers (which says the opposite of its name), or
/// where there is no such list, all but every no_rope_layer_interval-th. A longer list is read as far as there are
/// layers (transformers, configuration_smollm3.py).
std::vector<bool> readRopeLayers(ConfigReader &reader, int64_t interval, int64_t layers);

/// Which layers have a window, and how long it is: config.slidingLayers and window. One as long as the model's longest
/// text hides nothing and is none.
void readWindow(ConfigReader &reader, const DecoderDefaults &defaults, DecoderConfig &config);

} // namespace cadenza
