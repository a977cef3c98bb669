// What somebody gave instead of a model's directory, and what to do: for messages only.
#pragma once

#include "runtime/support/status.h"

#include <string>

namespace cadenza {

/// The error for a path that is no directory: a plan, a file of weights.
Status noDirectory(const std::string &path);

/// The error for a directory without config.json: the hub cache's folder of a model, a folder of GGUF files or of
/// PyTorch weights, one whose subfolder is the model.
Status noConfig(const std::string &path);

/// "; found only pytorch_model.bin: ...", of a directory without safetensors, or nothing.
std::string otherWeights(const std::string &path);

} // namespace cadenza
