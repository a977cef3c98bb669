// The `persistent` schedule: launches that each run several decode steps (codegen/kernels/persistent.cuh). Steps are
// kept until they fill a launch or a token of theirs is waited for. Tokens come through mapped memory while the kernel
// runs.
#pragma once

#include "runtime/cuda/division_choice.h"
#include "runtime/cuda/runners/runner.h"
#include "runtime/shared/persistent_state.h"

#include <vector>

namespace cadenza::cuda {

/// Of one wait of a kernel. A step takes milliseconds; the emulation, which is slower, has its own clock.
constexpr uint64_t persistentWaitLimitNs = 2'000'000'000;

class PersistentRunner final : public Runner {
public:
  /// For a context with a division, which the GPU holds.
  static StatusOr<std::unique_ptr<PersistentRunner>> make(const RunnerContext &context);

  Schedule schedule() const override { return Schedule::Persistent; }
  void begin() override;
  void sample(bool samples) override;
  Status enqueue(int64_t position, bool withHead) override;
  Status flush() override;
  int64_t stepsAhead() const override;
  /// What is queued ends at the next token.
  Status stop() override;
  double hostLaunchesPerToken() const override;
  /// What a wait that took too long was for.
  std::string explainFault() const override;

  bool isTraced() const { return blocks_ != 0; }
  /// What the last launch of a traced kernel recorded, in the layout of PersistentArgs::trace; waits for its end.
  StatusOr<std::vector<TraceRecord>> trace() const;

private:
  explicit PersistentRunner(const RunnerContext &context) : context_(context) {}
  Status load();
  uint64_t traceRecords() const { return uint64_t{blocks_} * trace_rows * trace_capacity; }

  RunnerContext context_;

  /// One of the division's kernels.
  struct StepsKernel {
    CUfunction function = nullptr, drawing = nullptr; // the second one also draws tokens
    DivisionLaunch launch;
  };
  void prepare(const std::string &name, StepsKernel &kernel);

  StepsKernel kernel_, longKernel_;
  int64_t longFrom_ = INT64_MAX; // the first position of a run of steps for which longKernel_ is launched
  DeviceBuffer words_, packets_, trace_;
  uint32_t blocks_ = 0; // of a traced kernel
  PersistentArgs args_{};
  int64_t kept_ = 0, keptHeadless_ = 0; // steps that wait to be one launch with those that follow
  int64_t firstPosition_ = 0;           // that the first of them processes
  int64_t lastToken_ = 0;               // the position of the token that the last of them selects
};

} // namespace cadenza::cuda
