// The `persistent` schedule: launches that each run several decode steps (codegen/kernels/persistent.cuh). Steps are
// kept until they fill a launch or a token of theirs is waited for. Tokens come through mapped memory while the kernel
// runs.
#pragma once

#include "runtime/cuda/runners/runner.h"
#include "runtime/shared/persistent_state.h"

#include <array>
#include <vector>

namespace cadenza::cuda {

class PersistentRunner final : public Runner {
public:
  /// For a program that has the schedule. Errors: IncompatiblePlan if the GPU cannot hold all blocks at once.
  static StatusOr<std::unique_ptr<PersistentRunner>> make(const RunnerContext &context);

  Schedule schedule() const override { return Schedule::Persistent; }
  void begin(int64_t position) override;
  Status enqueue(int64_t position, bool withHead) override;
  Status flush() override;
  Status enqueued(int64_t position) override;
  StatusOr<int32_t> await(int64_t position) override;
  int64_t stepsAhead() const override;
  /// What is queued ends at the next token.
  void stop() override;
  /// What a wait that took too long was for.
  std::string explainFault() const override;

  bool isTraced() const { return blocks_ != 0; }
  /// What the last launch of a traced kernel recorded, in the layout of PersistentArgs::trace; waits for its end.
  StatusOr<std::vector<TraceRecord>> trace() const;

private:
  explicit PersistentRunner(const RunnerContext &context) : context_(context) {}
  Status load();
  /// Whether the GPU can run all blocks at once, as they need.
  Status checkRoom(const Kernel &kernel, const PersistentLaunch &plan);
  uint64_t traceRecords() const { return uint64_t{blocks_} * trace_rows * trace_capacity; }
  PersistentControl &control() const { return *control_.as<PersistentControl>(); }
  /// Tokens [0, published()) of the host's copy have arrived.
  int64_t published() const;

  RunnerContext context_;

  CUfunction function_ = nullptr;
  CUlaunchConfig config_{};
  std::array<CUlaunchAttribute, 2> attributes_{};
  DeviceBuffer words_, packets_, trace_;
  uint32_t blocks_ = 0; // of a traced kernel
  PinnedBuffer control_;
  PersistentArgs args_{};
  Event launchEnd_;
  int64_t collected_ = 0, collectedHeadless_ = 0; // steps that wait to be one launch with those that follow
  int64_t collectedTokens_ = 0;                   // tokens [0, collectedTokens_) are those of enqueued steps, or given
  int64_t launchedTokens_ = 0;                    // the same of launched steps
};

} // namespace cadenza::cuda
