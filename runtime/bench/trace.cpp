#include "runtime/bench/trace.h"

#include "runtime/bench/report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <set>

namespace cadenza::bench {
namespace {

struct StateName {
  const char *name, *category;
};
constexpr const char *waiting = "waiting for activations", *computing = "computing";
constexpr std::array<StateName, trace_waits> waits = {{{"free buffer", "ring full"},
                                                       {"weights", "ring empty"},
                                                       {"rows of q, k, v", waiting},
                                                       {"parts of the context", waiting},
                                                       {"residual stream", waiting},
                                                       {"units", waiting},
                                                       {"partial sums", waiting},
                                                       {"candidates", waiting},
                                                       {"start of the step", waiting}}};
constexpr std::array<StateName, 16> works = {{{"begin step", computing},
                                              {"embed", computing},
                                              {"take first weights", computing},
                                              {"add partial sums", computing},
                                              {"spread residual stream", computing},
                                              {"product q, k, v", computing},
                                              {"norms and rotations", computing},
                                              {"attention", computing},
                                              {"merge parts", computing},
                                              {"product output", computing},
                                              {"product gate, up", computing},
                                              {"activation", computing},
                                              {"product down", computing},
                                              {"product head", computing},
                                              {"select", computing},
                                              {"copy", "copying"}}};
static_assert(works.size() == static_cast<size_t>(PersistentWork::copy) + 1);
static_assert(trace_waits == static_cast<uint32_t>(PersistentWait::step_start) + 1);

constexpr uint32_t stateOf(PersistentWork work) { return 1 + trace_waits + static_cast<uint32_t>(work); }
constexpr uint32_t stateOf(PersistentWait wait) { return 1 + static_cast<uint32_t>(wait); }
constexpr uint32_t stateEnd = 1 + trace_waits + works.size();

/// In the producer, waiting for data means that as many copies are in flight as may be.
const StateName &nameOf(uint32_t state) {
  const uint32_t index = state - 1;
  return index < trace_waits ? waits[index] : works[index - trace_waits];
}

} // namespace

StatusOr<std::vector<TraceSpan>> traceSpans(std::span<const TraceRecord> records, int blocks) {
  std::vector<TraceSpan> spans;
  const uint32_t epoch = records[0].timer;
  double first = 0;
  for (int block = 0; block < blocks; ++block)
    for (int row = 0; row < trace_rows; ++row) {
      const auto all = records.subspan((static_cast<size_t>(block) * trace_rows + row) * trace_capacity, trace_capacity);
      const auto count = static_cast<size_t>(
          std::find_if(all.begin(), all.end(), [](const TraceRecord &r) { return r.state == 0; }) - all.begin());
      if (count < 2)
        continue;
      // The clock counts cycles since the block's first record; the global timer, in coarse steps, nanoseconds.
      const auto cycles = [&](size_t i) { return static_cast<double>(all[i].clock - all[0].clock); };
      const auto timer = [&](size_t i) { return static_cast<double>(static_cast<int32_t>(all[i].timer - epoch)); };
      const double period = (timer(count - 1) - timer(0)) / std::max(cycles(count - 1), 1.0);
      double offset = timer(0);
      for (size_t i = 0; i < count; ++i)
        offset = std::max(offset, timer(i) - cycles(i) * period); // the timer is never ahead of the time
      for (size_t i = 0; i + 1 < count; ++i) {
        if (all[i].state >= stateEnd)
          return Status(StatusCode::InvalidPlan, "trace: state " + std::to_string(all[i].state) + " of block " +
                                                     std::to_string(block) + " is unknown");
        const double begin = (offset + cycles(i) * period) / 1e3, end = (offset + cycles(i + 1) * period) / 1e3;
        first = spans.empty() ? begin : std::min(first, begin);
        spans.push_back({block, row, all[i].state, static_cast<int>(all[i].layer), begin, end});
      }
    }
  for (TraceSpan &span : spans) {
    span.begin -= first;
    span.end -= first;
  }
  return spans;
}

const char *traceCategory(uint32_t state) { return nameOf(state).category; }

std::string traceStateName(uint32_t state) {
  const StateName &name = nameOf(state);
  return (state <= trace_waits ? "wait: " : "") + std::string(name.name);
}

nlohmann::ordered_json chromeTrace(const std::vector<TraceSpan> &spans, int ranks) {
  nlohmann::ordered_json events = nlohmann::ordered_json::array();
  std::set<std::pair<int, int>> rows;
  for (const TraceSpan &span : spans)
    rows.insert({span.block, span.row});
  for (const auto &[block, row] : rows) {
    const int group = block / ranks, thread = block % ranks * trace_rows + row;
    events.push_back({{"ph", "M"},
                      {"name", "process_name"},
                      {"pid", group},
                      {"tid", thread},
                      {"args", {{"name", "group " + std::to_string(group)}}}});
    events.push_back({{"ph", "M"},
                      {"name", "thread_name"},
                      {"pid", group},
                      {"tid", thread},
                      {"args", {{"name", "block " + std::to_string(block) + (row == 0 ? " consumers" : " producer")}}}});
  }
  for (const TraceSpan &span : spans)
    events.push_back({{"ph", "X"},
                      {"name", traceStateName(span.state)},
                      {"cat", traceCategory(span.state)},
                      {"pid", span.block / ranks},
                      {"tid", span.block % ranks * trace_rows + span.row},
                      {"ts", span.begin},
                      {"dur", span.end - span.begin},
                      {"args", {{"layer", span.layer}}}});
  return {{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}};
}

std::string formatTraceTable(const std::vector<TraceSpan> &spans, int tokens) {
  std::set<int> attending;
  for (const TraceSpan &span : spans)
    if (span.state == stateOf(PersistentWork::query_key_value))
      attending.insert(span.block);
  enum Column { WithHead, Others, Producers, columns };
  std::map<uint32_t, std::array<double, columns>> times;
  std::array<std::set<int>, columns> blocks;
  for (const TraceSpan &span : spans) {
    const Column column = span.row != 0 ? Producers : attending.contains(span.block) ? WithHead : Others;
    times[span.state][column] += span.end - span.begin;
    blocks[column].insert(span.block);
  }
  char line[160];
  std::string text = "microseconds a token, mean of the blocks      with a KV head      others   producers\n";
  for (const auto &[state, sums] : times) {
    std::array<double, columns> mean{};
    for (int c = 0; c < columns; ++c)
      mean[c] = blocks[c].empty() ? 0 : sums[c] / static_cast<double>(blocks[c].size()) / tokens;
    std::snprintf(line, sizeof line, "%-24s %-20s %11.1f %11.1f %11.1f\n", traceStateName(state).c_str(),
                  traceCategory(state), mean[WithHead], mean[Others], mean[Producers]);
    text += line;
  }
  return text;
}

} // namespace cadenza::bench
