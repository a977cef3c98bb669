// The `launch` schedule: the kernels of a step, one launch each, and with head a copy of the selected token to
// page-locked memory. The next step may be queued before that copy arrives: the token reaches it on the device.
#pragma once

#include "runtime/cuda/runners/runner.h"

#include <array>

namespace cadenza::cuda {

class LaunchRunner final : public Runner {
public:
  static StatusOr<std::unique_ptr<LaunchRunner>> make(const RunnerContext &context);

  Schedule schedule() const override { return Schedule::Launch; }
  void begin(int64_t) override {}
  Status enqueue(int64_t position, bool withHead) override;
  Status enqueued(int64_t position) override;
  StatusOr<int32_t> await(int64_t position) override;
  int64_t stepsAhead() const override { return 2; }

private:
  explicit LaunchRunner(const RunnerContext &context) : context_(context) {}
  Status await(CUevent event);

  RunnerContext context_;
  // The event of position p is events_[p % size]; once a later step has taken it over, waiting for that one serves too.
  std::array<Event, 32> events_;
};

} // namespace cadenza::cuda
