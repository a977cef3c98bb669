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
  const std::vector<uint32_t> &edges = phase.outputs.empty() ? phase.inputs : phase.outputs;
  return edges.empty() ? 1 : program.edges[edges[0]].tokens;
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
  if (weight.layout == WeightLayout::Tiles)
    return paddedRows(rows) * paddedColumns(columns) * dtypeSize(weight.dtype);
  return rows * dtypeSize(weight.dtype);
}

} // namespace cadenza
