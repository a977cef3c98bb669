// What cadenza-bench measures of a plan that is no decoder: the latency of an entry of named tensors.
#pragma once

#include "runtime/bench/graph_inputs.h"
#include "runtime/bench/origin.h"
#include "runtime/bench/table.h"
#include "runtime/executor.h"

#include <functional>
#include <optional>

namespace cadenza::bench {

struct GraphBenchOptions {
  std::string entry; // empty: the only one
  GraphInputOptions inputs;
  int runs = 20;        // timed
  int warmup = 3;       // runs before them
  std::string schedule; // as TensorSessionOptions
};

struct GraphBenchResult {
  std::string model, weights, entry, schedule, device, driver;
  Origin origin;
  bool emulated = false;
  MemoryUse memory;
  struct Input {
    std::string name, type, values; // "f32 [1, 3]", "ones"
  };
  std::vector<Input> inputs;
  int runs = 0, warmup = 0;
  struct Times {
    double median = 0, p10 = 0, p90 = 0; // milliseconds of a run
  };
  Times times;
  int deviceRepeats = 0, deviceRuns = 0; // of which that is: so often so many runs, queued one after the other
  std::optional<Times> onDevice;         // without what the host does; of a GPU
  size_t copiedAgain = 0;                // inputs that are copied within those, because a run uses their bytes

  bool randomWeights() const { return weights.starts_with("random"); }
};

/// Runs the entry on `device`, one run after the other. A run is from tensors in host memory to results in host memory;
/// on a GPU, the kernels alone are timed beside that.
StatusOr<GraphBenchResult> measureGraph(const Plan &plan, const std::string &device, const GraphBenchOptions &options,
                                        const std::function<void(const std::string &)> &progress);

std::string formatReport(const GraphBenchResult &result, ReportStyle style);
/// An array of one object, as docs/benchmarks/README.md describes it.
nlohmann::ordered_json toRecords(const GraphBenchResult &result);
nlohmann::ordered_json toJson(const GraphBenchResult &result);

} // namespace cadenza::bench
