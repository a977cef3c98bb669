// cadenza-run --input: a plan's entry on tensors from .npy files.
#pragma once

#include "runtime/cadenza.h"

#include <string>
#include <vector>

namespace cadenza {

struct TensorArguments {
  std::vector<std::string> inputs, outputs; // "NAME=FILE.npy"
  std::string entry;                        // empty: the only one, or the one for the inputs
};

/// Reads the inputs, runs the entry and writes the outputs that are asked for; none is there unless all are
/// written.
Status runTensors(const std::string &plan, const TensorArguments &arguments, const TensorSessionOptions &options);

} // namespace cadenza
