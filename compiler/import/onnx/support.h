// Which operators the compiler can do something with. The reader reads any model; what the stages after it support is
// said by a list that stands beside their code, one line an operator.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/graph.h"

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::onnx {

/// An operator in the versions that are supported: {"", "Relu", {13, 14}}. A version is the opset that defined it last,
/// so the list needs no change when later opsets leave the operator as it is.
struct SupportedOperator {
  std::string_view domain, name;
  std::vector<int64_t> since;
};

/// Files one finding for each operator, in each version, that `supported` does not have: its name, opset, all nodes
/// (the first hundred by name) and the nearest version that is supported. Control flow says what it would take.
void checkSupport(const Model &model, std::span<const SupportedOperator> supported, Findings &findings);

} // namespace cadenza::onnx
