// The executor for NVIDIA GPUs, through the driver API. It keeps what steps work on, and counts positions itself, so
// that a full cache is seen without asking the device; a runner (runners/runner.h) gets the steps to the GPU.
// Everything is allocated and every argument resolved at load.
#pragma once

#include "runtime/cuda/kernels.h"
#include "runtime/cuda/runners/persistent.h"
#include "runtime/cuda/runners/tiles.h"
#include "runtime/cuda/storage.h"
#include "runtime/decode/sequence.h"
#include "runtime/executor.h"

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
  std::string divisionName() const override { return division_ ? division_->name : ""; }
  using Executor::begin;
  Status begin(std::span<const int32_t> prompt, std::span<const int32_t> stopTokens, int64_t kept) override;
  Status sample(const SequenceSampling &sampling) override;
  Status updateRows(std::span<const RowHistory> rows) override;
  int64_t keepable(int64_t wanted, int64_t length) const override { return sequence_.keepable(wanted, length); }
  uint64_t sequenceNumber() const override { return sequence_.number(); }
  CacheState cacheState() const override { return sequence_.cacheState(); }
  Status readCache(const CachePart &part, std::span<std::byte> out) override;
  Status writeCache(const CachePart &part, std::span<const std::byte> bytes) override;
  Status restore(const CacheState &state) override;
  Status enqueueStep(bool withHead) override;
  std::span<const int64_t> tileSizes() const override { return sequence_.tileSizes(); }
  Status enqueueTile(int64_t size, bool withHead) override;
  Status runTileWithLogits(int64_t size, const LogitsRow &row) override;
  StatusOr<int32_t> awaitToken(int64_t position) override;
  int64_t stepsAhead() const override { return runner_->stepsAhead(); }
  Status stop() override;
  Status synchronize() override;
  StatusOr<std::span<const float>> logits() override;
  Status stepWithVisitor(const PhaseVisitor &visitor) override;
  Status fillCache(int64_t length, uint64_t seed) override;

  // For benchmarks.
  Device &device() { return *device_; }
  CUstream stream() const { return stream_.get(); }
  const DeviceBuffer &weights() const { return storage_.weights(); }
  /// Of the sequence: tokens whose filters kept so many rows that the slow path drew them.
  StatusOr<uint32_t> slowDraws();
  const BoundStep &step() const { return step_; }
  Schedule schedule() const { return runner_->schedule(); }
  /// Why Schedule::Auto took no faster one; else empty.
  const std::string &scheduleNotice() const { return scheduleNotice_; }
  /// In whose order steps sum; null if the GPU holds no division of the plan, or the plan has none.
  const Division *division() const { return division_; }
  /// Kernels of a step with head: 1 if one kernel runs many steps.
  uint64_t kernelsPerToken() const;
  double hostLaunchesPerToken() const { return runner_->hostLaunchesPerToken(); }
  bool isTraced() const { return persistent_ && persistent_->isTraced(); }
  /// Of a traced kernel: what its last launch recorded.
  StatusOr<std::vector<TraceRecord>> trace();
  /// One step with head and an event after every launch: the microseconds between them, one a launch. An untimed step
  /// goes first, so that the launches are queued before the GPU gets to them. Both are ordinary steps (two positions).
  StatusOr<std::vector<float>> timeStep();
  /// The same of a tile of the given size (one of tileSizes()), which runs twice at the same place: it takes what
  /// enqueueTile takes, and leaves what that leaves.
  StatusOr<std::vector<float>> timeTile(int64_t size, bool withHead);
  /// The launches of the tile of that number in tileSizes().
  const BoundStep &tileStep(size_t tile) const { return tiles_->step(tile); }

private:
  CudaExecutor() = default;
  Status load(const Plan &plan, const ExecutorOptions &options, int ordinal);
  /// `notDivided`: why the GPU runs no division of the persistent schedule, if the plan has that.
  Status chooseRunner(const RunnerContext &context, const Plan &plan, const ExecutorOptions &options,
                      const std::string &notDivided);
  /// Among the sizes, which there is.
  size_t tileIndex(int64_t size) const;
  /// The logits that a head computes that is queued, after waiting for it. InvalidArgument if nobody asked for any.
  StatusOr<std::span<const float>> copyLogits();
  /// Starts every public call: the context is current, and a latched fault is reported.
  Status enter(const CurrentContext &current) const;
  /// Begins a sequence of `length` tokens at least.
  Status writeState(int64_t nextPosition, int64_t forcedTokens, std::span<const int32_t> stopTokens, int64_t length);
  /// InvalidArgument if steps have no phases to run one by one.
  Status checkPhases() const;
  /// Before and after the kernels of a step with head are queued one by one.
  Status beginPhases();
  Status finishPhases();
  /// Queues launches one by one, with an event before the first and after each, and waits: the microseconds of each.
  StatusOr<std::vector<float>> timeLaunches(StepLaunches &launches, bool withHead);
  Status readOutputs(const BoundLaunch &launch, std::vector<std::vector<float>> &values);

  const Program *program_ = nullptr;
  std::optional<Program> ordered_; // the plan's in the order of another division than the first
  const Division *division_ = nullptr;
  int64_t context_ = 0;
  // Destroyed in reverse: the device last.
  std::shared_ptr<Device> device_;
  Stream stream_;
  Kernels kernels_;
  Storage storage_;
  BoundStep step_;
  StepLaunches launches_;
  PinnedBuffer hostState_;   // SequenceState
  PinnedBuffer hostTokens_;  // int32 [context + 1]: the prompt, then what was selected, 0 where nothing was
  PinnedBuffer hostRows_;    // RowHistory [vocabulary]
  PinnedBuffer hostControl_; // HostControl
  Arrivals arrivals_;
  PinnedBuffer hostLogits_; // f32 [vocabulary], if asked for
  PinnedBuffer hostOutput_; // what readOutputs copies to; made when it is first needed
  std::vector<Event> timers_;
  std::unique_ptr<Runner> runner_;
  PersistentRunner *persistent_ = nullptr; // the runner, if it is that one
  std::unique_ptr<TileRunner> tiles_;      // null: the program has none, or they are not wanted
  std::string scheduleNotice_;

  Sequence sequence_;
  // Positions [0, length) hold the values of fillCache(_, seed): a benchmark need not write them again for each run.
  // (Of caches that keep them: steps and longer fills overwrite what a ring held.)
  struct {
    int64_t length = 0;
    uint64_t seed = 0;
  } filled_;
};

} // namespace cadenza::cuda
