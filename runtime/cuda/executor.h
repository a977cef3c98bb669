// The executor for NVIDIA GPUs: the plan's `launch` schedule, one kernel a phase, through the driver API.
//
// Everything is allocated and every argument resolved at load; a step queues prepared launches and, with head, the copy
// of the selected token to page-locked memory. The next step may be queued before that copy arrives: the token reaches
// it on the device. The host counts positions itself, so a full cache is seen without asking the device.
#pragma once

#include "runtime/cuda/kernels.h"
#include "runtime/cuda/persistent.h"
#include "runtime/cuda/storage.h"
#include "runtime/decode/sequence.h"
#include "runtime/executor.h"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace cadenza::cuda {

class CudaExecutor final : public Executor {
public:
  /// `plan` must outlive the executor.
  static StatusOr<std::unique_ptr<CudaExecutor>> make(const Plan &plan, const ExecutorOptions &options, int ordinal);
  ~CudaExecutor() override;

  const Program &program() const override { return *program_; }
  int64_t context() const override { return context_; }
  MemoryUse memory() const override { return storage_.memory(); }
  std::string deviceName() const override;
  Status begin(std::span<const int32_t> prompt, std::span<const int32_t> stopTokens) override;
  Status enqueueStep(bool withHead) override;
  StatusOr<int32_t> awaitToken(int64_t position) override;
  int64_t stepsAhead() const override;
  void stop() override;
  Status synchronize() override;
  StatusOr<std::span<const float>> logits() override;
  Status stepWithVisitor(const PhaseVisitor &visitor) override;
  Status fillCache(int64_t length, uint64_t seed) override;

  // For benchmarks.
  Device &device() { return *device_; }
  CUstream stream() const { return stream_.get(); }
  const DeviceBuffer &weights() const { return storage_.weights(); }
  const BoundStep &step() const { return step_; }
  bool isPersistent() const { return persistent_.has_value(); }
  bool isTraced() const { return persistent_ && persistent_->isTraced(); }
  /// Of a traced kernel: what its last launch recorded.
  StatusOr<std::vector<TraceRecord>> trace();
  /// One step with head and an event after every launch: the microseconds between them, one a launch. An untimed step
  /// goes first, so that the launches are queued before the GPU gets to them. Both are ordinary steps (two positions).
  StatusOr<std::vector<float>> timeStep();

private:
  struct PreparedLaunch {
    CUfunction function = nullptr;
    CUlaunchConfig config{};
    uint64_t *words = nullptr;
  };

  CudaExecutor() = default;
  Status load(const Plan &plan, const ExecutorOptions &options, int ordinal);
  /// Starts every public call: the context is current, and a latched fault is reported.
  Status enter(const CurrentContext &current) const;
  Status writeState(int64_t nextPosition, int64_t forcedTokens, std::span<const int32_t> stopTokens);
  /// A step: Sequence::beginStep, the launches, finishStep.
  Status launch(size_t index);
  Status finishStep(bool withHead);
  Status await(CUevent event);
  /// The persistent schedule: launches the steps that wait to be one launch with those that follow them.
  Status flush();
  StatusOr<int32_t> awaitPublished(size_t position);
  /// InvalidArgument if steps have no phases to run one by one.
  Status checkPhases() const;
  Status readOutputs(const BoundLaunch &launch, std::vector<std::vector<float>> &values);

  const Program *program_ = nullptr;
  int64_t context_ = 0;
  // Destroyed in reverse: the device last.
  std::shared_ptr<Device> device_;
  Stream stream_;
  Kernels kernels_;
  Storage storage_;
  BoundStep step_;
  std::vector<PreparedLaunch> launches_;
  PinnedBuffer hostState_;  // DecodeState
  PinnedBuffer hostTokens_; // int32 [context + 1]: the prompt, then what was selected, 0 where nothing was
  PinnedBuffer hostLogits_; // f32 [vocabulary], if asked for
  PinnedBuffer hostOutput_; // what readOutputs copies to; made when it is first needed
  // The event of position p is events_[p % size]; once a later step has taken it over, waiting for that one serves too.
  std::array<Event, 32> events_;
  std::vector<Event> timers_;

  // The persistent schedule, if it is the one that runs. Steps are collected, then launched together.
  std::optional<PersistentLaunches> persistent_;
  int64_t collected_ = 0, collectedHeadless_ = 0;
  int64_t launchedTokens_ = 0; // tokens [0, launchedTokens_) are those of launched steps, or given
  Event launchEnd_;

  Sequence sequence_;
  // Positions [0, length) hold the values of fillCache(_, seed): a benchmark need not write them again for each run.
  struct {
    int64_t length = 0;
    uint64_t seed = 0;
  } filled_;
};

} // namespace cadenza::cuda
