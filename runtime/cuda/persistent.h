// The persistent schedule on a GPU: launches that each run several decode steps (codegen/kernels/persistent.cuh).
#pragma once

#include "runtime/cuda/kernels.h"
#include "runtime/cuda/storage.h"
#include "runtime/shared/persistent_state.h"

#include <array>
#include <vector>

namespace cadenza::cuda {

class PersistentLaunches {
public:
  /// `step` is the whole step's binding, `hostTokens` page-locked memory of context + 1 tokens, which the kernel writes
  /// as it selects them. Errors: IncompatiblePlan if the GPU cannot hold all blocks at once.
  static StatusOr<PersistentLaunches> load(Device &device, CUstream stream, const Program &program,
                                           const Kernels &kernels, const Addresses &addresses, const BoundStep &step,
                                           int32_t *hostTokens);

  /// Queues `steps` steps into the stream of `load`, the first `headless` of which select nothing.
  Status launch(Device &device, int64_t steps, int64_t headless);

  /// Forgets what was published; nothing may be queued.
  void begin();
  /// Tokens [0, published()) of the host's copy have arrived.
  int64_t published() const;
  /// Asks what is queued to end at the next token.
  void stop();
  /// What a wait that took too long was for, or "".
  std::string expired() const;

  bool isTraced() const { return blocks_ != 0; }
  /// What the last launch of a traced kernel recorded, in the layout of PersistentArgs::trace; waits for its end.
  StatusOr<std::vector<TraceRecord>> trace(Device &device) const;

private:
  uint64_t traceRecords() const { return uint64_t{blocks_} * trace_rows * trace_capacity; }
  PersistentControl &control() const { return *control_.as<PersistentControl>(); }

  CUfunction function_ = nullptr;
  CUlaunchConfig config_{};
  std::array<CUlaunchAttribute, 2> attributes_{};
  DeviceBuffer words_, packets_, trace_;
  uint32_t blocks_ = 0; // of a traced kernel
  PinnedBuffer control_;
  PersistentArgs args_{};
};

} // namespace cadenza::cuda
