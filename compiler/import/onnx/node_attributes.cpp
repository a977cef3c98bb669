#include "compiler/import/onnx/node_attributes.h"

namespace cadenza::onnx {
namespace {

template <typename T> const T *find(const Node &node, std::string_view name) {
  const Attribute *attribute = node.find(name);
  return attribute ? std::get_if<T>(&attribute->value) : nullptr;
}

template <typename T> std::optional<T> copy(const Node &node, std::string_view name) {
  const T *value = find<T>(node, name);
  return value ? std::optional<T>(*value) : std::nullopt;
}

} // namespace

std::optional<int64_t> NodeAttributes::integer(std::string_view name) const { return copy<int64_t>(node, name); }

std::optional<std::vector<int64_t>> NodeAttributes::integers(std::string_view name) const {
  return copy<std::vector<int64_t>>(node, name);
}

std::optional<double> NodeAttributes::real(std::string_view name) const {
  const auto *value = find<float>(node, name);
  return value ? std::optional<double>(*value) : std::nullopt;
}

std::string NodeAttributes::text(std::string_view name, std::string otherwise) const {
  const auto *value = find<std::string>(node, name);
  return value ? *value : otherwise;
}

const Tensor *NodeAttributes::tensor(std::string_view name) const { return find<Tensor>(node, name); }

} // namespace cadenza::onnx
