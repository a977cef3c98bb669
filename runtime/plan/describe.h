// A plan in words and numbers, for cadenza-inspect and for everything else that speaks of bytes.
#pragma once

#include "runtime/plan/plan.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace cadenza {

/// What one position takes: its key and value in a cache, its row of an expanded rope table.
uint64_t positionBytes(const Cache &cache);
uint64_t positionBytes(const Weight &ropeTable);

/// Bytes that running a program takes, whatever the executor.
struct MemoryNeeds {
  uint64_t weights = 0;
  uint64_t activations = 0;       // the arena and scratch
  uint64_t cachePerPosition = 0;  // keys and values of the layers that keep all positions
  uint64_t cacheOfWindows = 0;    // of those that keep their last positions only, at the longest context
  uint64_t windowCaches = 0;      // how many those are
  uint64_t tablesPerPosition = 0; // rope tables, token ids
};
MemoryNeeds memoryNeeds(const Program &program);

/// Kernel launches that running an entry takes; of a decoder's step, head included.
uint64_t launchesPerRun(const Program &program, const Entry &entry);
/// Weight bytes that it reads, by what the kernels say.
uint64_t weightBytesPerRun(const Program &program, const Entry &entry);

/// "1.19 GB": SI units, three digits.
std::string formatBytes(uint64_t bytes);

/// Header, model, targets, program, memory and kernels on one page.
std::string describePlan(const Plan &plan);
/// The same as one JSON object.
nlohmann::ordered_json planToJson(const Plan &plan);
/// Every phase with its functions, references and launch arguments.
std::string describeProgram(const Program &program);
/// How a project phase sums K: "8 ways", "3 groups of 8 ways".
std::string describeSumOrder(const Phase &phase);
/// One line a weight.
std::string describeWeights(const Program &program);

} // namespace cadenza
