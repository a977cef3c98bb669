#include "runtime/cuda/runners/launch.h"

#include "runtime/support/profile_range.h"

namespace cadenza::cuda {

Status LaunchRunner::enqueue(int64_t position, bool withHead) {
  const ProfileRange range("step", position);
  CADENZA_RETURN_IF_ERROR(context_.launches.launchStep(context_.device, withHead));
  return withHead ? context_.arrivals.queued(position + 1) : Status::ok();
}

} // namespace cadenza::cuda
