// What GLM-4's two architectures have in common.
#pragma once

#include "compiler/import/hf/config.h"

namespace cadenza::families {

/// The configuration of GLM-4 of either class, which have the same defaults.
DecoderConfig readGlmConfig(ConfigReader &reader, std::string_view configClass);

} // namespace cadenza::families
