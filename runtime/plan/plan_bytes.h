// The size of a plan that is not written yet.
#pragma once

#include "runtime/plan/plan.h"

namespace cadenza {

/// How long the file is that writePlan makes of the contents. Errors are those of writePlan before it packs weights.
StatusOr<uint64_t> planBytes(const PlanContents &contents);

} // namespace cadenza
