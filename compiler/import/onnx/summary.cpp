#include "compiler/import/onnx/summary.h"
#include "compiler/import/onnx/opsets.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace cadenza::onnx {
namespace {

std::string portLines(std::string_view kind, const std::vector<Port> &ports) {
  std::string text;
  for (const Port &port : ports)
    text += std::string(kind) + " " + quotedName(port.name) + ": " + typeText(port.type.get()) + "\n";
  return text;
}

/// "Add 57", the most frequent first; operators of other domains than the standard one with theirs.
std::string operatorLines(const Graph &graph) {
  std::map<std::string, size_t> counts;
  for (const Node &node : graph.nodes)
    ++counts[(node.domain.empty() ? "" : domainName(node.domain) + ".") + escaped(node.op, 80)];
  std::vector<std::pair<std::string, size_t>> sorted(counts.begin(), counts.end());
  std::ranges::sort(
      sorted, [](const auto &a, const auto &b) { return std::tie(b.second, a.first) < std::tie(a.second, b.first); });
  std::string text;
  for (const auto &[name, count] : sorted)
    text += "  " + name + " " + std::to_string(count) + "\n";
  return text;
}

} // namespace

std::string summarize(const Model &model) {
  std::string text = model.file + ": ir_version " + std::to_string(model.irVersion);
  for (const auto &[domain, version] : model.opsets)
    text += ", " + domainName(domain) + " " + std::to_string(version);
  text += (model.producer.empty() ? "" : ", by " + escaped(model.producer, 80)) + "\n";
  text += portLines("input", model.graph.inputs) + portLines("output", model.graph.outputs);

  uint64_t constants = 0, elements = 0, bytes = 0;
  std::set<const std::byte *> places; // tensors that share their bytes count once
  for (const Value &value : model.graph.values) {
    if (!value.constant)
      continue;
    ++constants;
    elements += static_cast<uint64_t>(value.constant->elements());
    if (places.insert(value.constant->bytes.data()).second)
      bytes += value.constant->bytes.size();
  }
  text += "constants: " + std::to_string(constants) + ", " + std::to_string(elements) + " elements, " +
          std::to_string(bytes) + " bytes\n";
  text += "nodes: " + std::to_string(model.graph.nodes.size()) + "\n" + operatorLines(model.graph);
  return text;
}

} // namespace cadenza::onnx
