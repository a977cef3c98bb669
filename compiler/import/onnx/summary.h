// What a model holds, for a person: cadenza-compile model.onnx --check.
#pragma once

#include "compiler/import/onnx/graph.h"

#include <string>

namespace cadenza::onnx {

/// Lines: producer and opsets, inputs and outputs with their types, numbers of parameters and nodes, operators by
/// count.
std::string summarize(const Model &model);

} // namespace cadenza::onnx
