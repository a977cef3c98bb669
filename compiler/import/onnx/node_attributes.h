// Attributes of a node by name. The reader has checked that those that are there are of the operator and of its type.
#pragma once

#include "compiler/import/onnx/graph.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::onnx {

class NodeAttributes {
public:
  explicit NodeAttributes(const Node &node) : node(node) {}

  const Node &node;

  std::optional<int64_t> integer(std::string_view name) const;
  int64_t integer(std::string_view name, int64_t otherwise) const { return integer(name).value_or(otherwise); }
  std::optional<std::vector<int64_t>> integers(std::string_view name) const;
  std::optional<double> real(std::string_view name) const;
  double real(std::string_view name, double otherwise) const { return real(name).value_or(otherwise); }
  std::string text(std::string_view name, std::string otherwise) const;
  const Tensor *tensor(std::string_view name) const; // null if it is not there
};

} // namespace cadenza::onnx
