#include "compiler/import/onnx/operators.h"

#include <algorithm>
#include <climits>
#include <iterator>
#include <tuple>

namespace cadenza::onnx {
namespace {

constexpr int many = INT_MAX;

constexpr OperatorVersion table[] = {
#include "compiler/import/onnx/operators.inc"
};

constexpr bool before(const OperatorVersion &a, const OperatorVersion &b) {
  return std::tie(a.domain, a.name, a.since) < std::tie(b.domain, b.name, b.since);
}
static_assert(std::is_sorted(std::begin(table), std::end(table), before));
static_assert(std::all_of(std::begin(table), std::end(table),
                          [](auto &version) { return version.since <= newestOpset; }));

} // namespace

std::optional<OperatorVersion::Attribute> OperatorVersion::next(std::string_view &list) {
  if (list.empty())
    return std::nullopt;
  const std::string_view item = list.substr(0, list.find(' '));
  list.remove_prefix(std::min(list.size(), item.size() + 1));
  const size_t colon = item.find(':');
  return Attribute{item.substr(0, colon), item[colon + 1], item.back() == '!'};
}

std::optional<OperatorVersion::Attribute> OperatorVersion::find(std::string_view attribute) const {
  std::string_view rest = attributes;
  while (auto found = next(rest))
    if (found->name == attribute)
      return found;
  return std::nullopt;
}

const OperatorVersion *findOperator(std::string_view domain, std::string_view name, int64_t opset) {
  OperatorVersion key{};
  key.domain = domain;
  key.name = name;
  key.since = opset;
  const auto *after = std::upper_bound(std::begin(table), std::end(table), key, before);
  if (after == std::begin(table))
    return nullptr;
  const OperatorVersion &found = *std::prev(after);
  return found.domain == domain && found.name == name ? &found : nullptr;
}

std::optional<int64_t> firstOpset(std::string_view domain, std::string_view name) {
  for (const OperatorVersion &version : table)
    if (version.domain == domain && version.name == name)
      return version.since;
  return std::nullopt;
}

std::string_view attributeTypeName(AttributeLetter type) {
  switch (type) {
  case 'f':
    return "float";
  case 'i':
    return "int";
  case 's':
    return "string";
  case 't':
    return "tensor";
  case 'g':
    return "graph";
  case 'x':
    return "sparse tensor";
  case 'p':
    return "type";
  case 'F':
    return "list of float";
  case 'I':
    return "list of int";
  case 'S':
    return "list of string";
  case 'T':
    return "list of tensor";
  case 'G':
    return "list of graph";
  case 'X':
    return "list of sparse tensor";
  default:
    return "list of type";
  }
}

} // namespace cadenza::onnx
