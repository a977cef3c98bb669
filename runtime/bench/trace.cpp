#include "runtime/bench/trace.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

namespace cadenza::bench {
namespace {

struct StateName {
  const char *name, *category;
};
constexpr const char *waiting = "waiting for activations", *computing = "computing", *copying = "copying";
constexpr std::array<StateName, trace_waits> waits = {{{"free buffer", "ring full"},
                                                       {"weights", "ring empty"},
                                                       {"rows of q, k, v", waiting},
                                                       {"parts of the context", waiting},
                                                       {"residual stream", waiting},
                                                       {"units", waiting},
                                                       {"partial sums", waiting},
                                                       {"candidates", waiting},
                                                       {"start of the step", waiting},
                                                       {"sums of all heads", waiting},
                                                       {"groups of the KV head", waiting}}};
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
                                              {"copy", copying}}};
static_assert(works.size() == static_cast<size_t>(PersistentWork::copy) + 1);
static_assert(trace_waits == static_cast<uint32_t>(PersistentWait::context) + 1);

constexpr uint32_t stateOf(PersistentWork work) { return 1 + trace_waits + static_cast<uint32_t>(work); }
constexpr uint32_t stateOf(PersistentWait wait) { return 1 + static_cast<uint32_t>(wait); }
constexpr uint32_t stateEnd = 1 + trace_waits + works.size();

/// The producer waits for data when as many copies are in flight as may be: the memory is busy.
bool isBusyMemory(const TraceSpan &span) { return span.row != 0 && span.state == stateOf(PersistentWait::ring_data); }
constexpr StateName busyMemory = {"copies in flight", copying};

const StateName &nameOf(const TraceSpan &span) {
  if (isBusyMemory(span))
    return busyMemory;
  const uint32_t index = span.state - 1;
  return index < trace_waits ? waits[index] : works[index - trace_waits];
}

/// Those of a row that were written.
std::span<const TraceRecord> rowOf(std::span<const TraceRecord> records, int block, int row) {
  const auto all = records.subspan((static_cast<size_t>(block) * trace_rows + row) * trace_capacity, trace_capacity);
  const auto end = std::find_if(all.begin(), all.end(), [](const TraceRecord &record) { return record.state == 0; });
  return all.first(static_cast<size_t>(end - all.begin()));
}

/// A record's time by the two clocks, both with more than 32 bits and relative to a record that all share.
struct Reading {
  double cycles, timer; // nanoseconds
};

std::vector<Reading> readingsOf(std::span<const TraceRecord> row, const TraceRecord &base, const TraceRecord &epoch) {
  std::vector<Reading> readings;
  readings.reserve(row.size());
  // Rows begin at about the same time, before or after the base.
  auto cycles = int64_t{static_cast<int32_t>(row[0].clock - base.clock)};
  auto timer = int64_t{static_cast<int32_t>(row[0].timer - epoch.timer)};
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) {
      cycles += row[i].clock - row[i - 1].clock;
      timer += row[i].timer - row[i - 1].timer;
    }
    readings.push_back({static_cast<double>(cycles), static_cast<double>(timer)});
  }
  return readings;
}

/// Nanoseconds of the global timer as a line over the cycles of one multiprocessor.
struct ClockLine {
  double period = 0, offset = 0;
  double microseconds(const Reading &at) const { return (offset + at.cycles * period) / 1e3; }
};

/// Least squares: the timer's steps, up to a microsecond, are longer than most spans, and average out over all records.
ClockLine fitClock(const std::vector<Reading> &readings) {
  const auto count = static_cast<double>(readings.size());
  double meanCycles = 0, meanTimer = 0;
  for (const Reading &r : readings) {
    meanCycles += r.cycles / count;
    meanTimer += r.timer / count;
  }
  double together = 0, square = 0;
  for (const Reading &r : readings) {
    together += (r.cycles - meanCycles) * (r.timer - meanTimer);
    square += (r.cycles - meanCycles) * (r.cycles - meanCycles);
  }
  const double period = square > 0 ? together / square : 0;
  return {period, meanTimer - period * meanCycles};
}

} // namespace

StatusOr<std::vector<TraceSpan>> traceSpans(std::span<const TraceRecord> records, int blocks) {
  if (blocks < 0 || records.size() != static_cast<size_t>(blocks) * trace_rows * trace_capacity)
    return Status(StatusCode::InvalidPlan,
                  "trace: " + std::to_string(records.size()) + " records of " + std::to_string(blocks) + " blocks");
  std::vector<TraceSpan> spans;
  std::optional<TraceRecord> epoch;
  double first = 0;
  for (int block = 0; block < blocks; ++block) {
    // Both rows have the clock of the same multiprocessor.
    std::optional<TraceRecord> base;
    std::array<std::vector<Reading>, trace_rows> readings;
    std::vector<Reading> all;
    for (int row = 0; row < trace_rows; ++row) {
      const auto written = rowOf(records, block, row);
      if (written.empty())
        continue;
      for (const TraceRecord &record : written)
        if (record.state >= stateEnd)
          return Status(StatusCode::InvalidPlan, "trace: state " + std::to_string(record.state) + " of block " +
                                                     std::to_string(block) + " is unknown");
      if (!epoch)
        epoch = written[0];
      if (!base)
        base = written[0];
      readings[row] = readingsOf(written, *base, *epoch);
      all.insert(all.end(), readings[row].begin(), readings[row].end());
    }
    const ClockLine clock = fitClock(all);
    for (int row = 0; row < trace_rows; ++row) {
      const auto written = rowOf(records, block, row);
      for (size_t i = 0; i + 1 < written.size(); ++i) {
        const double begin = clock.microseconds(readings[row][i]), end = clock.microseconds(readings[row][i + 1]);
        first = spans.empty() ? begin : std::min(first, begin);
        spans.push_back({block, row, written[i].state, static_cast<int>(written[i].layer), begin, end});
      }
    }
  }
  for (TraceSpan &span : spans) {
    span.begin -= first;
    span.end -= first;
  }
  return spans;
}

bool traceIsCut(std::span<const TraceRecord> records) {
  for (size_t end = trace_capacity; end <= records.size(); end += trace_capacity)
    if (records[end - 2].state != 0) // the last one is always of zeros
      return true;
  return false;
}

const char *traceCategory(const TraceSpan &span) { return nameOf(span).category; }

std::string traceStateName(const TraceSpan &span) {
  return (span.state <= trace_waits ? "wait: " : "") + std::string(nameOf(span).name);
}

nlohmann::ordered_json chromeTrace(const std::vector<TraceSpan> &spans, int ranks) {
  nlohmann::ordered_json events = nlohmann::ordered_json::array();
  std::set<std::pair<int, int>> rows;
  std::set<int> groups;
  for (const TraceSpan &span : spans)
    rows.insert({span.block, span.row});
  for (const auto &[block, row] : rows) {
    const int group = block / ranks, thread = block % ranks * trace_rows + row;
    if (groups.insert(group).second)
      events.push_back({{"ph", "M"},
                        {"name", "process_name"},
                        {"pid", group},
                        {"tid", thread},
                        {"args", {{"name", "group " + std::to_string(group)}}}});
    events.push_back(
        {{"ph", "M"},
         {"name", "thread_name"},
         {"pid", group},
         {"tid", thread},
         {"args", {{"name", "block " + std::to_string(block) + (row == 0 ? " consumers" : " producer")}}}});
  }
  for (const TraceSpan &span : spans)
    events.push_back({{"ph", "X"},
                      {"name", traceStateName(span)},
                      {"cat", traceCategory(span)},
                      {"pid", span.block / ranks},
                      {"tid", span.block % ranks * trace_rows + span.row},
                      {"ts", span.begin},
                      {"dur", span.end - span.begin},
                      {"args", {{"layer", span.layer}}}});
  return {{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}};
}

std::string formatTraceTable(const std::vector<TraceSpan> &spans, int tokens, ReportStyle style) {
  std::set<int> attending;
  for (const TraceSpan &span : spans)
    if (span.state == stateOf(PersistentWork::query_key_value))
      attending.insert(span.block);
  enum Column { WithHead, Others, Producers, columns };
  struct Line {
    std::string name, category;
    std::array<double, columns> sums{};
  };
  std::map<std::pair<uint32_t, bool>, Line> lines;
  Line total{"total", "", {}};
  std::array<std::set<int>, columns> blocks;
  for (const TraceSpan &span : spans) {
    const Column column = span.row != 0 ? Producers : attending.contains(span.block) ? WithHead : Others;
    Line &line = lines[{span.state, isBusyMemory(span)}];
    line.name = traceStateName(span);
    line.category = traceCategory(span);
    line.sums[column] += span.end - span.begin;
    total.sums[column] += span.end - span.begin;
    blocks[column].insert(span.block);
  }
  std::vector<std::vector<std::string>> rows = {
      {"state", "category", "blocks with a KV head", "other blocks", "producers"}};
  const auto add = [&](const Line &line) {
    auto &row = rows.emplace_back(std::vector{line.name, line.category});
    for (int c = 0; c < columns; ++c)
      row.push_back(blocks[c].empty() ? "-" : fixed(line.sums[c] / static_cast<double>(blocks[c].size()) / tokens, 1));
  };
  for (const auto &[state, line] : lines)
    add(line);
  add(total);
  const std::string gap = style == ReportStyle::Markdown ? "\n" : "";
  return "Microseconds a token, mean over the blocks (recording slows the kernel down: look at shares):\n" + gap +
         formatTable(rows, style, 2);
}

} // namespace cadenza::bench
