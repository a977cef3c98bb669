// Entries: what they take, do and give.
#include "runtime/plan/program_check.h"
#include "runtime/support/checked.h"

#include <algorithm>

namespace cadenza {
namespace {

constexpr uint64_t maximumLaunches = uint64_t(1) << 20; // a run

std::string text(uint64_t value) { return std::to_string(value); }

/// `port` alone: its edge, and that its shape is the edge's.
void checkPort(const Program &program, const Port &port, bool isInput, const std::string &path, FieldErrors &errors) {
  const bool onlyInput = port.kind == PortKind::Token || port.kind == PortKind::Position;
  const bool onlyOutput = port.kind == PortKind::Next || port.kind == PortKind::Logits;
  if (isInput ? onlyOutput : onlyInput)
    errors.add(path + ".kind", std::string(portKindName(port.kind)) + " is an " + (isInput ? "output" : "input"));
  if ((port.kind == PortKind::Tensor) == port.name.empty())
    errors.add(path + ".name", port.name.empty() ? "is empty" : "only a tensor has one; expected an empty string");
  if (onlyInput || port.kind == PortKind::Next) {
    if (port.edge)
      errors.add(path + ".edge", "the decode state holds what is at this port; expected null");
    if (port.shape.size() != 1)
      errors.add(path + ".shape", nn::text(port.shape) + "; expected one dimension, the tokens");
    return;
  }
  if (!port.edge)
    return errors.add(path + ".edge", "null; expected an edge");
  if (!checkIndex(*port.edge, program.edges.size(), "edge", path + ".edge", errors))
    return;
  const Edge &edge = program.edges[*port.edge];
  if (edge.shape) {
    if (port.kind != PortKind::Tensor)
      errors.add(path + ".edge", "edge '" + edge.name + "' is a tensor; expected one of tokens");
    if (port.shape != *edge.shape)
      errors.add(path + ".shape",
                 nn::text(port.shape) + "; edge '" + edge.name + "' has the shape " + nn::text(*edge.shape));
    return;
  }
  const auto elements = checked::byteSize(port.shape, 1);
  const auto expected = static_cast<uint64_t>(edge.tokens) * static_cast<uint64_t>(edge.elements); // below 2^62
  if (port.shape.empty() || port.shape.back() != edge.elements || !elements || *elements != expected)
    errors.add(path + ".shape", nn::text(port.shape) + "; edge '" + edge.name + "' has " + text(edge.tokens) +
                                    " tokens of " + text(edge.elements) + " elements");
}

/// The edges that hold something once the entry has run: its inputs, and what its phases compute.
std::set<uint32_t> writtenEdges(const Entry &entry) {
  std::set<uint32_t> edges;
  for (const Port &port : entry.inputs)
    if (port.edge)
      edges.insert(*port.edge);
  for (const Block &block : entry.blocks)
    for (const Phase &phase : block.phases)
      edges.insert(phase.outputs.begin(), phase.outputs.end());
  return edges;
}

/// Whoever runs the entry writes all inputs before its first phase and reads all outputs after its last one, so ports
/// of a list have bytes of their own. Two outputs may be one edge: the same value.
void checkApart(const Program &program, const std::vector<Port> &ports, bool mayShare, const std::string &path,
                FieldErrors &errors) {
  std::vector<size_t> order; // of ports, by where they lie
  for (size_t i = 0; i < ports.size(); ++i)
    if (ports[i].edge)
      order.push_back(i);
  const auto edge = [&](size_t port) -> const Edge & { return program.edges[*ports[port].edge]; };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return edge(a).offset < edge(b).offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    const size_t first = order[i - 1], second = order[i];
    if (mayShare && ports[first].edge == ports[second].edge)
      continue;
    if (edge(first).offset + edgeBytes(edge(first)) > edge(second).offset) // both lie in the arena
      errors.add(at(path, second) + ".edge",
                 "edge '" + edge(second).name + "' overlaps that of '" + ports[first].name + "'");
  }
}

void checkPorts(const Program &program, const Entry &entry, const std::string &path, FieldErrors &errors) {
  const std::set<uint32_t> written = writtenEdges(entry);
  std::set<std::pair<PortKind, std::string>> taken;
  for (bool isInput : {true, false}) {
    const std::vector<Port> &ports = isInput ? entry.inputs : entry.outputs;
    for (size_t i = 0; i < ports.size(); ++i) {
      const std::string place = at(path + (isInput ? ".inputs" : ".outputs"), i);
      checkPort(program, ports[i], isInput, place, errors);
      if (!taken.emplace(ports[i].kind, ports[i].name).second)
        errors.add(place, ports[i].name.empty() ? std::string(portKindName(ports[i].kind)) + " is a port already"
                                                : "'" + ports[i].name + "' is the name of another port");
      if (errors.none() && !isInput && ports[i].edge && !written.contains(*ports[i].edge))
        errors.add(place + ".edge",
                   "no phase of this entry computes edge '" + program.edges[*ports[i].edge].name + "'");
    }
  }
  if (errors.none()) {
    checkApart(program, entry.inputs, /*mayShare=*/false, path + ".inputs", errors);
    checkApart(program, entry.outputs, /*mayShare=*/true, path + ".outputs", errors);
  }
  if (entry.outputs.empty())
    errors.add(path + ".outputs", "is empty");
}

} // namespace

void checkEntries(const Program &program, const std::set<std::string_view> &kernels, FieldErrors &errors) {
  if (program.entries.empty())
    errors.add("program.entries", "is empty");
  std::set<std::string_view> names;
  for (size_t e = 0; errors.none() && e < program.entries.size(); ++e) {
    const Entry &entry = program.entries[e];
    const std::string path = at("program.entries", e);
    if (entry.name.empty() || !names.insert(entry.name).second)
      errors.add(path + ".name", entry.name.empty() ? "is empty" : "'" + entry.name + "' occurs twice");
    uint64_t launches = 0;
    for (size_t b = 0; b < entry.blocks.size(); ++b) {
      const Block &block = entry.blocks[b];
      const std::string place = at(path + ".blocks", b);
      if (block.phases.empty())
        errors.add(place + ".phases", "is empty");
      for (size_t i = 0; errors.none() && i < block.phases.size(); ++i) {
        checkPhase(program, kernels, block.phases[i], block.count, at(place + ".phases", i), errors);
        if (errors.none()) // each factor is below 2^31
          launches += std::min(static_cast<uint64_t>(block.count) *
                                   static_cast<uint64_t>(launchesOf(program, entry, block.phases[i])),
                               maximumLaunches + 1);
      }
      if (launches > maximumLaunches)
        errors.add(place + ".count", "makes more than " + text(maximumLaunches) + " launches a run");
    }
    checkPorts(program, entry, path, errors);
  }
}

} // namespace cadenza
