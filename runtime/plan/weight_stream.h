// The weight section, packed by several threads straight into the file.
#pragma once

#include "runtime/plan/plan.h"
#include "runtime/support/atomic_file.h"

namespace cadenza {

/// Packs all weights of contents.program and writes them to `file` from `sectionOffset` on. Returns the CRC-32C of the
/// section. Weights begin in order; how many are in work at once is bounded by their bytes.
StatusOr<uint32_t> writeWeights(const AtomicFile &file, uint64_t sectionOffset, const PlanContents &contents);

} // namespace cadenza
