// The operators that ONNX defines, version by version. An operator of opset N is its newest version that is not newer
// than N; as long as a later opset does not redefine it, it is the same operator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cadenza::onnx {

/// The standard domain, which files also call "ai.onnx", and ONNX Runtime's.
inline constexpr std::string_view standardDomain, microsoftDomain = "com.microsoft";
inline constexpr int64_t oldestOpset = 13;
/// The newest opset that the table knows.
inline constexpr int64_t newestOpset = 28;

/// The type of an attribute by a letter: float, int, string, tensor, graph, sparse tensor (x), type; upper case: lists.
using AttributeLetter = char;

struct OperatorVersion {
  std::string_view domain, name;
  int64_t since; // the first opset of its domain that has it
  int minInputs, maxInputs, minOutputs, maxOutputs;
  bool deprecated;
  std::string_view attributes; // "axis:i epsilon:f num_heads:i!", where "!" means that it must be there

  struct Attribute {
    std::string_view name;
    AttributeLetter type;
    bool required;
  };
  /// Takes the first attribute off `list`, which begins as `attributes`; nothing at its end.
  static std::optional<Attribute> next(std::string_view &list);
  std::optional<Attribute> find(std::string_view attribute) const;
};

/// What `name` of `domain` ("" for the standard one) means at `opset`; null if there is no such operator.
const OperatorVersion *findOperator(std::string_view domain, std::string_view name, int64_t opset);
/// The first opset of `domain` in which `name` exists; nothing if the table does not have it.
std::optional<int64_t> firstOpset(std::string_view domain, std::string_view name);

/// "float", "list of int", ...
std::string_view attributeTypeName(AttributeLetter type);

} // namespace cadenza::onnx
