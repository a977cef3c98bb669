// A plan's parts as files.
#pragma once

#include "runtime/plan/plan.h"

#include <string>
#include <vector>

namespace cadenza {

/// Writes sources (under their paths), code images (sm_90.cubin, compute_90.ptx, host.so), program.json, metadata.json
/// and, where the plan has them, tokenizer.json and step.mlir to `folder`, which is made if needed. Existing files are
/// replaced. Returns the names, relative to `folder`.
StatusOr<std::vector<std::string>> extractPlan(const Plan &plan, const std::string &folder);

} // namespace cadenza
