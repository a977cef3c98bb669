// The kernels of one step or tile, ready to be launched: what the schedules with a kernel a phase are made of, and what
// looks into a step phase by phase.
#pragma once

#include "runtime/cuda/kernels.h"
#include "runtime/cuda/step_binding.h"

#include <vector>

namespace cadenza::cuda {

class StepLaunches {
public:
  StepLaunches() = default;
  /// `step`, with its words, outlives this.
  StepLaunches(CUstream stream, const Program &program, const Kernels &kernels, BoundStep &step);

  /// Those of a step with its head, and of one without.
  size_t count(bool withHead) const { return withHead ? launches_.size() : headLaunch_; }

  /// Queues launch `index` of the step. `dependent`: as the programmatic dependent of what was queued before it.
  Status launch(Device &device, size_t index, bool dependent = false);
  /// Queues a whole step. `dependent`: each launch as the programmatic dependent of the one before it, but for the
  /// first.
  Status launchStep(Device &device, bool withHead, bool dependent = false);

private:
  struct Prepared {
    CUfunction function = nullptr;
    CUlaunchConfig config{};
    uint32_t cluster = 1;
    uint64_t *words = nullptr; // the kernel's parameter
  };
  std::vector<Prepared> launches_;
  size_t headLaunch_ = 0;
};

} // namespace cadenza::cuda
