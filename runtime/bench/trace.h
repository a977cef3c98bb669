// What an instrumented persistent kernel recorded, for people: a Chrome trace and a table of where the time goes.
#pragma once

#include "runtime/bench/table.h"
#include "runtime/shared/persistent_state.h"
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

/// Spans by block, row and time. Times are those of the multiprocessors' clocks, which are set against each other by
/// the global timer. InvalidPlan if the records make no sense.
StatusOr<std::vector<TraceSpan>> traceSpans(std::span<const TraceRecord> records, int blocks);

/// Whether a row had no room for more records: what came later is missing.
bool traceIsCut(std::span<const TraceRecord> records);

/// What a span is about: "waiting for activations", "ring empty" (consumers wait for weights), "ring full" (the
/// producer waits for consumers), "computing" or "copying".
const char *traceCategory(const TraceSpan &span);
std::string traceStateName(const TraceSpan &span);

/// Chrome's trace event format, which Perfetto reads, too: a process a group of `ranks` blocks, two threads a block.
nlohmann::ordered_json chromeTrace(const std::vector<TraceSpan> &spans, int ranks);

/// Mean time of each state in `tokens` tokens, microseconds a token: blocks that have a KV head, the others, producers.
std::string formatTraceTable(const std::vector<TraceSpan> &spans, int tokens, ReportStyle style = ReportStyle::Text);

} // namespace cadenza::bench
