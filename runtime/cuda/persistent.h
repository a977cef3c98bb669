// The persistent schedule on a GPU: launches that each run several decode steps (codegen/kernels/persistent.cuh).
#pragma once

#include "codegen/kernels/persistent_state.cuh"
#include "runtime/cuda/kernels.h"
#include "runtime/cuda/storage.h"

#include <array>

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

private:
  PersistentControl &control() const { return *control_.as<PersistentControl>(); }

  CUfunction function_ = nullptr;
  CUlaunchConfig config_{};
  std::array<CUlaunchAttribute, 2> attributes_{};
  DeviceBuffer words_, packets_;
  PinnedBuffer control_;
  PersistentArgs args_{};
};

} // namespace cadenza::cuda
