#include "runtime/cuda/arrivals.h"

#include <atomic>
#include <chrono>
#include <thread>

namespace cadenza::cuda {

StatusOr<Arrivals> Arrivals::make(Device &device, CUstream stream, const int32_t *tokens, uint32_t *published) {
  Arrivals arrivals;
  arrivals.device_ = &device;
  arrivals.stream_ = stream;
  arrivals.tokens_ = tokens;
  arrivals.published_ = published;
  CADENZA_ASSIGN_OR_RETURN(arrivals.end_, Event::make(device, CU_EVENT_DISABLE_TIMING));
  return arrivals;
}

void Arrivals::begin(int64_t position) {
  std::atomic_ref(*published_).store(0, std::memory_order_relaxed);
  lastQueued_ = position;
}

Status Arrivals::queued(int64_t position) {
  CADENZA_CUDA_TRY(*device_, cuEventRecord, end_.get(), stream_);
  lastQueued_ = position;
  return Status::ok();
}

StatusOr<int32_t> Arrivals::await(int64_t position) {
  const auto arrived = [&] { return std::atomic_ref(*published_).load(std::memory_order_acquire) > position; };
  // The event is asked now and then, because what was queued may end without the token: at a stop token before it, or
  // by a fault. A step that takes longer than `spin` is not slowed down by naps, which leave the core to others.
  constexpr int looks = 2000;
  constexpr auto spin = std::chrono::milliseconds(2);
  constexpr auto nap = std::chrono::microseconds(20);
  const auto patience = std::chrono::steady_clock::now() + spin;
  for (;;) {
    for (int i = 0; i < looks; ++i)
      if (arrived())
        return tokens_[position];
    const CUresult result = device_->api().cuEventQuery(end_.get());
    if (result != CUDA_ERROR_NOT_READY) {
      CADENZA_RETURN_IF_ERROR(device_->check(result, "cuEventQuery"));
      return arrived() ? tokens_[position] : 0;
    }
    if (std::chrono::steady_clock::now() > patience)
      std::this_thread::sleep_for(nap);
  }
}

} // namespace cadenza::cuda
