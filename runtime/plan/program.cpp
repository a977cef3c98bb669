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

std::vector<std::string_view> matrixEncodingNames() {
  std::vector<std::string_view> names;
  for (int i = 0; i < encoding_count; ++i)
    if (const EncodingFormat format = format_of(static_cast<Encoding>(i)); format.matrix())
      names.emplace_back(format.name);
  return names;
}

uint64_t storedBytes(const Weight &weight) {
  const uint64_t rows = static_cast<uint64_t>(weight.rows), columns = static_cast<uint64_t>(weight.columns);
  const EncodingFormat format = format_of(weight.encoding);
  return format.matrix() ? matrix_bytes(format, rows, columns) : rows * sizeof(float);
}

uint64_t denseBytes(const Weight &weight) {
  const uint64_t rows = static_cast<uint64_t>(weight.rows), columns = static_cast<uint64_t>(weight.columns);
  const EncodingFormat format = format_of(weight.encoding);
  return format.matrix() ? dense_bytes(format, rows, columns) : rows * sizeof(float);
}

uint64_t denseRowBytes(const Weight &weight) {
  return dense_bytes(format_of(weight.encoding), uint64_t{1}, static_cast<uint64_t>(weight.columns));
}

} // namespace cadenza
