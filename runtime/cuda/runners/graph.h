// The `graph` schedule: the kernels of the `launch` schedule, captured once into graphs of several steps. Position and
// token are in device memory, so one graph serves every length. From sm_90 on, a kernel is the programmatic dependent
// of the one before it: it is launched while that one still runs, requests its weights, and waits for the other's
// results (arch.cuh says what kernels promise for that).
#pragma once

#include "runtime/cuda/resources.h"
#include "runtime/cuda/runners/runner.h"

#include <array>

namespace cadenza::cuda {

class GraphRunner final : public Runner {
public:
  /// Errors: Unsupported if the driver cannot make the graphs; InvalidArgument for options out of range.
  static StatusOr<std::unique_ptr<GraphRunner>> make(const RunnerContext &context, const GraphOptions &options);

  Schedule schedule() const override { return Schedule::Graph; }
  void begin() override { kept_ = 0; }
  Status enqueue(int64_t position, bool withHead) override;
  Status flush() override;
  int64_t stepsAhead() const override { return 2 * options_.steps; }
  /// Steps that are queued repeat the one in work from the next selected token on, and change nothing.
  Status stop() override;
  double hostLaunchesPerToken() const override { return 1.0 / options_.steps; }

private:
  GraphRunner(const RunnerContext &context, const GraphOptions &options) : context_(context), options_(options) {}
  Status load();
  StatusOr<GraphExec> capture(int steps, bool withHead);

  /// A graph of as many steps as a launch has, and one of a single step for what is left.
  struct Graphs {
    GraphExec several, single;
  };

  RunnerContext context_;
  GraphOptions options_;
  bool dependentLaunch_ = false;
  std::array<Graphs, 2> graphs_; // without head, with head
  Stream aside_;                 // for what must not wait for queued steps
  PinnedBuffer one_;             // a 1
  // Steps that wait to be launched with those that follow; all with head or all without.
  int64_t kept_ = 0;
  bool keptWithHead_ = false;
  int64_t lastToken_ = 0; // the position of the token that the last of them selects
};

} // namespace cadenza::cuda
