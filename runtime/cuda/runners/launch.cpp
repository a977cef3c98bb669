#include "runtime/cuda/runners/launch.h"

#include <chrono>

namespace cadenza::cuda {

StatusOr<std::unique_ptr<LaunchRunner>> LaunchRunner::make(const RunnerContext &context) {
  std::unique_ptr<LaunchRunner> runner(new LaunchRunner(context));
  for (Event &event : runner->events_) {
    CADENZA_ASSIGN_OR_RETURN(event, Event::make(context.device, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC));
  }
  return runner;
}

Status LaunchRunner::enqueue(int64_t position, bool withHead) {
  CADENZA_RETURN_IF_ERROR(context_.launches.launchStep(context_.device, withHead));
  return withHead ? enqueued(position) : Status::ok();
}

Status LaunchRunner::enqueued(int64_t position) {
  // Each position has its own host slot, so that steps queued ahead overwrite nothing.
  const size_t next = static_cast<size_t>(position) + 1;
  CADENZA_CUDA_TRY(context_.device, cuMemcpyDtoHAsync, context_.hostTokens + next,
                   context_.addresses.tokens + next * sizeof(int32_t), sizeof(int32_t), context_.stream);
  CADENZA_CUDA_TRY(context_.device, cuEventRecord, events_[next % events_.size()].get(), context_.stream);
  return Status::ok();
}

StatusOr<int32_t> LaunchRunner::await(int64_t position) {
  const size_t index = static_cast<size_t>(position);
  CADENZA_RETURN_IF_ERROR(await(events_[index % events_.size()].get()));
  return context_.hostTokens[index];
}

Status LaunchRunner::await(CUevent event) {
  // Spin first: waking up from a blocking wait costs tens of microseconds, which a small model feels at every token. A
  // step that takes longer than this can afford it, and leaves the core to others.
  constexpr auto spin = std::chrono::milliseconds(2);
  auto deadline = std::chrono::steady_clock::now() + spin;
  do {
    CUresult result = context_.device.api().cuEventQuery(event);
    if (result != CUDA_ERROR_NOT_READY)
      return context_.device.check(result, "cuEventQuery");
  } while (std::chrono::steady_clock::now() < deadline);
  CADENZA_CUDA_TRY(context_.device, cuEventSynchronize, event);
  return Status::ok();
}

} // namespace cadenza::cuda
