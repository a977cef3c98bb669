// Where names of a file mean something: the model's graph, a function's body for one call of it, a branch.
#pragma once

#include "compiler/import/onnx/graph.h"
#include "compiler/import/onnx/opsets.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace onnx {
class AttributeProto;
class FunctionProto;
} // namespace onnx

namespace cadenza::onnx {

/// A call of a function: what its body's references to attributes stand for.
struct Call {
  const ::onnx::FunctionProto *function;
  const Call *caller; // null: the model's graph
  int depth;
  std::unordered_map<std::string_view, const ::onnx::AttributeProto *> attributes;
};

struct Scope {
  const Scope *outer = nullptr; // of a branch: it sees the names around it
  const Opsets *opsets = nullptr;
  const Call *call = nullptr; // null outside of functions
  std::string prefix;         // of the names of what is made here: "", or "CALL/"
  /// `none`: an input of a function that its call leaves out.
  std::unordered_map<std::string_view, ValueId> values;
  /// Which node of this scope's list makes a value, for those that have not been made yet.
  std::unordered_map<std::string_view, int> later;

  std::optional<ValueId> find(std::string_view name) const {
    for (const Scope *scope = this; scope; scope = scope->outer)
      if (auto found = scope->values.find(name); found != scope->values.end())
        return found->second;
    return std::nullopt;
  }
};

} // namespace cadenza::onnx
