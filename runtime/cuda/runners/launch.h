// The `launch` schedule: the kernels of a step, one launch each. The next step may be queued before the token of this
// one has arrived: the token reaches it on the device.
#pragma once

#include "runtime/cuda/runners/runner.h"

namespace cadenza::cuda {

class LaunchRunner final : public Runner {
public:
  explicit LaunchRunner(const RunnerContext &context) : context_(context) {}

  Schedule schedule() const override { return Schedule::Launch; }
  Status enqueue(int64_t position, bool withHead) override;
  int64_t stepsAhead() const override { return 2; }
  /// What is queued, two steps or what a caller queued beyond that, runs.
  Status stop() override { return Status::ok(); }
  double hostLaunchesPerToken() const override { return static_cast<double>(context_.launches.count(true)); }

private:
  RunnerContext context_;
};

} // namespace cadenza::cuda
