#include "runtime/plan/program.h"

#include "runtime/plan/program_names.h"

#include <algorithm>

namespace cadenza {

std::string_view phaseKindName(PhaseKind kind) { return nameOf(phaseKindNames, kind); }

bool selectsToken(const Phase &phase) {
  return std::any_of(phase.epilogues.begin(), phase.epilogues.end(),
                     [](const Function &epilogue) { return epilogue.name == "argmax"; });
}

uint64_t storedBytes(const Weight &weight) {
  const uint64_t rows = static_cast<uint64_t>(weight.rows), columns = static_cast<uint64_t>(weight.columns);
  if (weight.layout == WeightLayout::Tiles)
    return paddedRows(rows) * paddedColumns(columns) * dtypeSize(weight.dtype);
  return rows * dtypeSize(weight.dtype);
}

} // namespace cadenza
