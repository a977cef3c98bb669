// Traces from records made by hand.
#include "runtime/bench/trace.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace cadenza::bench {
namespace {

constexpr int consumers = 0, producer = 1;
constexpr uint32_t stateOf(PersistentWork work) { return 1 + trace_waits + static_cast<uint32_t>(work); }
constexpr uint32_t stateOf(PersistentWait wait) { return 1 + static_cast<uint32_t>(wait); }
constexpr uint32_t anyState = stateOf(PersistentWork::attend);

/// The records of a grid whose multiprocessors have clocks of their own.
class Grid {
public:
  explicit Grid(int blocks) : blocks(blocks), records(static_cast<size_t>(blocks) * trace_rows * trace_capacity) {
    used_.resize(static_cast<size_t>(blocks) * trace_rows);
    clocks.resize(static_cast<size_t>(blocks));
  }

  struct Clock {
    double start = 0, cyclesANanosecond = 1; // modulo 2^32 at time 0
  };
  std::vector<Clock> clocks;
  uint64_t timerStart = 5'000'000'000, timerStep = 1; // nanoseconds
  int blocks;
  std::vector<TraceRecord> records;

  /// From `nanoseconds` on the row is in `state`.
  void add(int block, int row, double nanoseconds, uint32_t state, uint32_t layer = 0) {
    const size_t at = static_cast<size_t>(block) * trace_rows + static_cast<size_t>(row);
    const uint64_t timer = (timerStart + static_cast<uint64_t>(nanoseconds)) / timerStep * timerStep;
    const Clock &clock = clocks[static_cast<size_t>(block)];
    const auto cycles = static_cast<uint64_t>(std::llround(clock.start + nanoseconds * clock.cyclesANanosecond));
    records[at * trace_capacity + used_[at]++] = {static_cast<uint32_t>(timer), static_cast<uint32_t>(cycles), state,
                                                  layer};
  }

  std::vector<TraceSpan> spans() const {
    auto result = traceSpans(records, blocks);
    EXPECT_TRUE(result.isOk()) << result.status().message();
    return result.isOk() ? *result : std::vector<TraceSpan>();
  }

private:
  std::vector<size_t> used_;
};

TEST(TraceSpans, EndWhereTheNextOneBegins) {
  Grid grid(1);
  grid.add(0, consumers, 1000, stateOf(PersistentWait::packets), 3);
  grid.add(0, consumers, 1500, stateOf(PersistentWork::sums), 4);
  grid.add(0, consumers, 4000, stateOf(PersistentWork::spread), 4); // has no end
  const auto spans = grid.spans();
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].state, stateOf(PersistentWait::packets));
  EXPECT_EQ(spans[0].layer, 3);
  EXPECT_NEAR(spans[0].begin, 0, 1e-6);
  EXPECT_NEAR(spans[0].end, 0.5, 1e-6);
  EXPECT_EQ(spans[1].layer, 4);
  EXPECT_NEAR(spans[1].begin, 0.5, 1e-6);
  EXPECT_NEAR(spans[1].end, 3, 1e-6);
}

TEST(TraceSpans, ClocksAndTimerComeRoundAt32Bits) {
  Grid grid(1);
  grid.clocks[0] = {4294967296.0 - 2500, 1.755};
  grid.timerStart = (uint64_t{3} << 32) - 2000;
  for (int i = 0; i < 6; ++i)
    grid.add(0, consumers, 1000 * i, anyState);
  grid.add(0, producer, 500, anyState); // after the first record of the consumers, and its clock is the same
  grid.add(0, producer, 4500, anyState);
  const auto spans = grid.spans();
  ASSERT_EQ(spans.size(), 6u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(spans[i].begin, static_cast<double>(i), 0.002);
    EXPECT_NEAR(spans[i].end, static_cast<double>(i) + 1, 0.002);
  }
  EXPECT_EQ(spans[5].row, producer);
  EXPECT_NEAR(spans[5].begin, 0.5, 0.002);
  EXPECT_NEAR(spans[5].end, 4.5, 0.002);
}

TEST(TraceSpans, AProducerThatBeginsFirstHasTheSameClock) {
  Grid grid(1);
  grid.clocks[0] = {4294967296.0 - 100, 1}; // comes round between the two
  grid.add(0, consumers, 1000, anyState);
  grid.add(0, consumers, 9000, anyState);
  grid.add(0, producer, 0, anyState);
  grid.add(0, producer, 8000, anyState);
  const auto spans = grid.spans();
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_NEAR(spans[0].begin, 1, 1e-6);
  EXPECT_NEAR(spans[1].begin, 0, 1e-6);
  EXPECT_NEAR(spans[1].end, 8, 1e-6);
}

TEST(TraceSpans, BlocksWithDifferentClocksAgreeWithinTheStepsOfTheTimer) {
  Grid grid(3);
  grid.clocks = {{17, 1.755}, {3e9, 1.755}, {4294967000.0, 1.41}};
  grid.timerStep = 1024; // longer than most spans
  uint32_t random = 1;
  std::vector<double> times;
  for (double at = 0; times.size() < 1000; at += 200 + (random >> 22)) {
    times.push_back(at);
    random = random * 1664525 + 1013904223;
  }
  for (size_t i = 0; i < times.size(); ++i)
    for (int block = 0; block < 3; ++block)
      grid.add(block, consumers, times[i] + 100 * block, anyState);
  const auto spans = grid.spans();
  ASSERT_EQ(spans.size(), 3 * (times.size() - 1));
  for (const TraceSpan &span : spans) {
    const size_t i = static_cast<size_t>(&span - spans.data()) % (times.size() - 1);
    ASSERT_NEAR(span.begin - spans[0].begin, (times[i] + 100 * span.block) / 1e3, 0.1) << i;
    ASSERT_NEAR(span.end - span.begin, (times[i + 1] - times[i]) / 1e3, 0.002) << i; // cycles do not have steps
  }
}

TEST(TraceSpans, BeginAtZero) {
  Grid grid(2);
  grid.add(0, consumers, 7000, anyState);
  grid.add(0, consumers, 8000, anyState);
  grid.add(1, producer, 2000, anyState);
  grid.add(1, producer, 9000, anyState);
  const auto spans = grid.spans();
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_NEAR(spans[0].begin, 5, 1e-6);
  EXPECT_NEAR(spans[1].begin, 0, 1e-6);
}

TEST(TraceSpans, EmptyRowsHaveNone) {
  EXPECT_TRUE(Grid(0).spans().empty());
  EXPECT_TRUE(Grid(2).spans().empty());
  Grid grid(3); // of the first block nothing, of the second one a beginning without an end
  grid.add(1, producer, 0, anyState);
  grid.add(2, consumers, 100, anyState);
  grid.add(2, consumers, 300, anyState);
  const auto spans = grid.spans();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].block, 2);
  EXPECT_NEAR(spans[0].begin, 0, 1e-6);
  EXPECT_NEAR(spans[0].end, 0.2, 1e-6);
}

TEST(TraceSpans, AFullRowNeedsNoZeros) {
  Grid grid(2);
  EXPECT_FALSE(traceIsCut(grid.records));
  for (int i = 0; i < trace_capacity - 1; ++i)
    grid.add(0, consumers, 10 * i, anyState);
  EXPECT_TRUE(traceIsCut(grid.records)); // a kernel leaves it like this
  grid.add(0, consumers, 10 * (trace_capacity - 1), anyState);
  grid.add(0, producer, 0, stateOf(PersistentWork::copy));
  grid.add(0, producer, 20, stateOf(PersistentWork::copy));
  const auto spans = grid.spans();
  ASSERT_EQ(spans.size(), static_cast<size_t>(trace_capacity));
  EXPECT_EQ(spans[trace_capacity - 2].row, consumers);
  EXPECT_NEAR(spans[trace_capacity - 2].end, 0.01 * (trace_capacity - 1), 1e-6);
  EXPECT_EQ(spans[trace_capacity - 1].row, producer);
}

TEST(TraceSpans, UnknownStatesAreRefused) {
  for (size_t last : {0, 1}) { // a record that ends a span, too
    Grid grid(2);
    grid.add(1, producer, 0, last == 0 ? 77 : anyState);
    grid.add(1, producer, 10, last == 1 ? 77 : anyState);
    auto spans = traceSpans(grid.records, 2);
    EXPECT_EQ(spans.status().code(), StatusCode::InvalidPlan);
    EXPECT_EQ(spans.status().message(), "trace: state 77 of block 1 is unknown");
  }
}

TEST(TraceSpans, ATraceOfAnotherGridIsRefused) {
  Grid grid(2);
  auto spans = traceSpans(grid.records, 3);
  EXPECT_EQ(spans.status().code(), StatusCode::InvalidPlan);
  EXPECT_EQ(spans.status().message(), "trace: 32768 records of 3 blocks");
}

TEST(TraceNames, EveryStateHasOne) {
  for (uint32_t state = 1; state <= stateOf(PersistentWork::copy); ++state)
    for (int row : {consumers, producer}) {
      const TraceSpan span{.block = 0, .row = row, .state = state, .layer = 0, .begin = 0, .end = 1};
      EXPECT_NE(traceStateName(span), "");
      EXPECT_EQ(traceStateName(span).starts_with("wait: "), state <= trace_waits);
      EXPECT_STRNE(traceCategory(span), "");
    }
}

/// Waiting for data is another matter in a producer.
TEST(TraceNames, SayWhoIsTheBottleneck) {
  TraceSpan span{.block = 0, .row = consumers, .state = stateOf(PersistentWait::ring_data)};
  EXPECT_EQ(traceStateName(span), "wait: weights");
  EXPECT_STREQ(traceCategory(span), "ring empty");
  span.row = producer;
  EXPECT_EQ(traceStateName(span), "wait: copies in flight");
  EXPECT_STREQ(traceCategory(span), "copying");
  span.state = stateOf(PersistentWait::ring_slot);
  EXPECT_STREQ(traceCategory(span), "ring full");
  span.state = stateOf(PersistentWork::copy);
  EXPECT_STREQ(traceCategory(span), "copying");
}

TEST(ChromeTrace, HasAProcessAGroupAndTwoThreadsABlock) {
  const std::vector<TraceSpan> spans = {{0, consumers, stateOf(PersistentWait::packets), 0, 0, 1.5},
                                        {2, consumers, stateOf(PersistentWork::down), 6, 0.25, 0.75},
                                        {3, consumers, stateOf(PersistentWork::down), 6, 1, 2},
                                        {3, producer, stateOf(PersistentWork::copy), 7, 2, 3}};
  const auto trace = nlohmann::ordered_json::parse(chromeTrace(spans, 2).dump());
  const auto &events = trace["traceEvents"];
  ASSERT_EQ(events.size(), 2u + 4 + 4); // groups, rows, spans
  std::vector<std::string> processes, threads;
  for (const auto &event : events) {
    if (event["ph"] != "M")
      continue;
    const std::string name = std::to_string(event["pid"].get<int>()) + " " +
                             (event["name"] == "thread_name" ? std::to_string(event["tid"].get<int>()) + " " : "") +
                             event["args"]["name"].get<std::string>();
    (event["name"] == "thread_name" ? threads : processes).push_back(name);
  }
  EXPECT_EQ(processes, (std::vector<std::string>{"0 group 0", "1 group 1"}));
  EXPECT_EQ(threads, (std::vector<std::string>{"0 0 block 0 consumers", "1 0 block 2 consumers",
                                               "1 2 block 3 consumers", "1 3 block 3 producer"}));
  const auto &first = events[events.size() - 4], &second = events[events.size() - 3], &last = events.back();
  EXPECT_EQ(first, (nlohmann::ordered_json{{"ph", "X"},
                                           {"name", "wait: partial sums"},
                                           {"cat", "waiting for activations"},
                                           {"pid", 0},
                                           {"tid", 0},
                                           {"ts", 0.0},
                                           {"dur", 1.5},
                                           {"args", {{"layer", 0}}}}));
  EXPECT_EQ(second["name"], "product down");
  EXPECT_EQ(second["ts"], 0.25);
  EXPECT_EQ(second["dur"], 0.5);
  EXPECT_EQ(second["args"]["layer"], 6);
  EXPECT_EQ(last["pid"], 1);
  EXPECT_EQ(last["tid"], 3);
}

TEST(ChromeTrace, OfNothingIsATrace) {
  const auto trace = chromeTrace({}, 8);
  EXPECT_TRUE(trace["traceEvents"].is_array());
  EXPECT_TRUE(trace["traceEvents"].empty());
}

/// Four blocks, two of them with a KV head; 10 tokens.
std::vector<TraceSpan> fourBlocks() {
  std::vector<TraceSpan> spans;
  for (int block = 0; block < 4; ++block) {
    const double more = block == 1 ? 20 : 0;
    if (block < 2)
      spans.push_back({block, consumers, stateOf(PersistentWork::query_key_value), 0, 0, 30 + more});
    spans.push_back({block, consumers, stateOf(PersistentWait::hop_parts), 0, 100, 107});
    spans.push_back({block, consumers, stateOf(PersistentWait::ring_data), 0, 200, 203});
    spans.push_back({block, producer, stateOf(PersistentWait::ring_data), 0, 200, 265});
  }
  return spans;
}

TEST(TraceTable, IsTheMeanOfBlocksAToken) {
  EXPECT_EQ(formatTraceTable(fourBlocks(), 10),
            "Microseconds a token, mean over the blocks (recording slows the kernel down: look at shares):\n"
            "state                       category                 blocks with a KV head  other blocks  producers\n"
            "--------------------------  -----------------------  ---------------------  ------------  ---------\n"
            "wait: weights               ring empty                                 0.3           0.3        0.0\n"
            "wait: copies in flight      copying                                    0.0           0.0        6.5\n"
            "wait: parts of the context  waiting for activations                    0.7           0.7        0.0\n"
            "product q, k, v             computing                                  4.0           0.0        0.0\n"
            "total                                                                  5.0           1.0        6.5\n");
}

TEST(TraceTable, OfAGridWhoseBlocksAllHaveAHead) {
  auto spans = fourBlocks();
  std::erase_if(spans, [](const TraceSpan &span) { return span.block >= 2 || span.row == producer; });
  const std::string text = formatTraceTable(spans, 1, ReportStyle::Markdown);
  EXPECT_NE(
      text.find("| product q, k, v            | computing               |                  40.0 |            - |"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("|                  50.0 |            - |         - |"), std::string::npos) << text;
}

TEST(TraceTable, IsAlignedWhateverItsStates) {
  std::vector<TraceSpan> spans;
  for (uint32_t state = 1; state <= stateOf(PersistentWork::copy); ++state)
    for (int row : {consumers, producer})
      spans.push_back({0, row, state, 0, 0, 12345.6 * state});
  std::istringstream lines(formatTraceTable(spans, 1));
  std::string line;
  std::getline(lines, line); // the title
  size_t count = 0, width = 0;
  for (; std::getline(lines, line); ++count) {
    width = count == 0 ? line.size() : width;
    EXPECT_EQ(line.size(), width) << line;
  }
  EXPECT_EQ(count, 2 + spans.size() / 2 + 1 + 1); // header, rule; states, the producer's own one, the total
}

} // namespace
} // namespace cadenza::bench
