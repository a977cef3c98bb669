#include "runtime/plan/program.h"

#include "runtime/plan/program_names.h"

#include <algorithm>

namespace cadenza {

std::string_view phaseKindName(PhaseKind kind) { return nameOf(phaseKindNames, kind); }

bool selectsToken(const Phase &phase) {
  return std::any_of(phase.epilogues.begin(), phase.epilogues.end(),
                     [](const Function &epilogue) { return epilogue.name == "argmax"; });
}

int64_t phaseTokens(const Program &program, const Phase &phase) {
  const bool reads = phase.outputs.empty() || phase.kind == PhaseKind::Last; // whose output is one token of its input
  const std::vector<uint32_t> &edges = reads ? phase.inputs : phase.outputs;
  return edges.empty() ? 1 : program.edges[edges[0]].tokens;
}

int64_t tileOf(const Entry &entry) {
  const auto port = std::find_if(entry.inputs.begin(), entry.inputs.end(),
                                 [](const Port &input) { return input.kind == PortKind::Token; });
  return port == entry.inputs.end() || port->shape.size() != 1 ? 0 : port->shape[0];
}

std::vector<uint32_t> prefillEntries(const Program &program) {
  std::vector<uint32_t> found;
  for (uint32_t e = 0; e < program.entries.size(); ++e)
    if (tileOf(program.entries[e]) > 1)
      found.push_back(e);
  std::stable_sort(found.begin(), found.end(),
                   [&](uint32_t a, uint32_t b) { return tileOf(program.entries[a]) < tileOf(program.entries[b]); });
  return found;
}

uint32_t headBlock(const Program &program, uint32_t entry) {
  const std::vector<Block> &blocks = program.entries[entry].blocks;
  if (program.decoder && program.decoder->entry == entry)
    return program.decoder->headBlock;
  const auto isLast = [](const Phase &phase) { return phase.kind == PhaseKind::Last; };
  for (uint32_t b = 0; b < blocks.size(); ++b)
    if (std::any_of(blocks[b].phases.begin(), blocks[b].phases.end(), isLast))
      return b + 1;
  return static_cast<uint32_t>(blocks.size());
}

const Launch &launchFor(const Phase &phase, std::string_view target) {
  for (const Variant &variant : phase.variants)
    if (std::find(variant.targets.begin(), variant.targets.end(), target) != variant.targets.end())
      return variant.launch;
  return phase.launch;
}

bool takesTile(const Entry &entry, const Phase &phase) { return tileOf(entry) > 1 || phase.launch.blocks != 0; }

int64_t launchesOf(const Program &program, const Entry &entry, const Phase &phase) {
  return takesTile(entry, phase) ? (phase.prepare ? 2 : 1) : phaseTokens(program, phase);
}

std::string describePort(const Program &program, const Port &port) {
  std::string text = port.kind == PortKind::Tensor ? '"' + port.name + '"' : std::string(portKindName(port.kind));
  text += " " + std::string(dtypeName(port.edge ? program.edges[*port.edge].dtype : DType::i32)) + " [";
  for (size_t i = 0; i < port.shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(port.shape[i]);
  return text + "]";
}

uint64_t storedBytes(const Weight &weight) {
  const uint64_t rows = static_cast<uint64_t>(weight.rows), columns = static_cast<uint64_t>(weight.columns);
  const EncodingFormat format = format_of(weight.encoding);
  if (weight.encoding == Encoding::tensor)
    return rows * dtypeSize(weight.dtype);
  return format.matrix() ? matrix_bytes(format, rows, columns) : (weight.longAfter > 0 ? 2 : 1) * rows * sizeof(float);
}

uint64_t denseBytes(const Weight &weight) {
  const uint64_t rows = static_cast<uint64_t>(weight.rows), columns = static_cast<uint64_t>(weight.columns);
  const EncodingFormat format = format_of(weight.encoding);
  if (weight.encoding == Encoding::tensor)
    return rows * dtypeSize(weight.dtype);
  return format.matrix() ? dense_bytes(format, rows, columns) : rows * sizeof(float);
}

uint64_t denseRowBytes(const Weight &weight) {
  return dense_bytes(format_of(weight.encoding), uint64_t{1}, static_cast<uint64_t>(weight.columns));
}

int64_t longAfter(const Program &program) {
  for (const Weight &weight : program.weights)
    if (weight.longAfter > 0)
      return weight.longAfter;
  return 0;
}

Phase inOrder(Phase phase, const PhaseOrder &order) {
  phase.kGroups = order.kGroups;
  phase.kWays = order.kWays;
  phase.normChunk = order.normChunk;
  if (phase.kind == PhaseKind::Attend) {
    phase.parameters["splits"] = order.splits;
    phase.parameters["warps"] = order.warps;
  }
  phase.launch = order.launch;
  return phase;
}

Program inDivision(Program program, uint32_t division) {
  for (const PhaseOrder &order : program.divisions[division].orders) {
    Phase &phase = program.entries[program.decoder->entry].blocks[order.block].phases[order.phase];
    phase = inOrder(std::move(phase), order);
  }
  return program;
}

StatusOr<uint32_t> findDivision(const Program &program, std::string_view name, const std::string &where) {
  std::string names;
  for (uint32_t i = 0; i < program.divisions.size(); ++i) {
    if (program.divisions[i].name == name)
      return i;
    names += (names.empty() ? "" : ", ") + program.divisions[i].name;
  }
  return Status(StatusCode::InvalidArgument, where + ": has no division '" + std::string(name) +
                                                 "' of the persistent " + "schedule; it has " +
                                                 (names.empty() ? "none" : names));
}

} // namespace cadenza
