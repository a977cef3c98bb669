// What an instrumented persistent kernel recorded, for people: a Chrome trace and a table of where the time goes.
#pragma once

#include "codegen/kernels/persistent_state.cuh"
#include "runtime/support/status.h"

#include <nlohmann/json.hpp>

#include <span>
#include <string>
#include <vector>

namespace cadenza::bench {

/// A block's consumers (row 0) or producer (row 1) were in a state from `begin` to `end`, microseconds since the first
/// record.
struct TraceSpan {
  int block = 0, row = 0;
  uint32_t state = 0; // as TraceRecord::state
  int layer = 0;
  double begin = 0, end = 0;
};

/// Spans by block, row and time. Times are those of the multiprocessors' clocks, which are set against each other by the
/// global timer. InvalidPlan if the records make no sense.
StatusOr<std::vector<TraceSpan>> traceSpans(std::span<const TraceRecord> records, int blocks);

/// "waiting for activations", "computing", "ring empty", "ring full", "memory": what the spans of a state are about.
const char *traceCategory(uint32_t state);
std::string traceStateName(uint32_t state);

/// Chrome's trace event format, which Perfetto reads, too: a process a group of `ranks` blocks, two threads a block.
nlohmann::ordered_json chromeTrace(const std::vector<TraceSpan> &spans, int ranks);

/// Mean time of each state in `tokens` tokens, microseconds a token: blocks that have a KV head, the others, producers.
std::string formatTraceTable(const std::vector<TraceSpan> &spans, int tokens);

} // namespace cadenza::bench
