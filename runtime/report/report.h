// A plan as one static page of HTML, without network: what a layer computes and which kernel each op ended in, what a
// token reads, how blocks of the persistent schedule divide it, and, if given, what was measured.
#pragma once

#include "runtime/plan/plan.h"

#include <nlohmann/json.hpp>

#include <string>

namespace cadenza {

/// bench: the records of `cadenza-bench --json`; trace: of `cadenza-bench --trace` (Chrome's trace events). Null: none.
/// InvalidArgument if they are something else.
StatusOr<std::string> htmlReport(const Plan &plan, const nlohmann::json &bench, const nlohmann::json &trace);

} // namespace cadenza
