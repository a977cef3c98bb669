// A result as people and programs read it.
#pragma once

#include "runtime/bench/measure.h"
#include "runtime/bench/table.h"

#include <nlohmann/json.hpp>

#include <string>

namespace cadenza::bench {

std::string formatReport(const BenchResult &result, ReportStyle style);

/// One object a context, then one a prompt, as docs/benchmarks/README.md describes them.
nlohmann::ordered_json toRecords(const BenchResult &result);

/// Everything: the records with their phases, the floor's method, memory use.
nlohmann::ordered_json toJson(const BenchResult &result);

/// Appends `records` to the array in the JSON file `path`, which is made if it is not there. Other writers and readers
/// see the old file or the new one. InvalidInput if the file holds anything but an array.
Status appendRecords(const std::string &path, const nlohmann::ordered_json &records);

} // namespace cadenza::bench
