#include "runtime/cuda/upload.h"

#include <algorithm>
#include <cstring>

namespace cadenza::cuda {

Uploader::~Uploader() {
  for (Slot &slot : slots_)
    if (slot.busy) {
      (void)device_.api().cuStreamSynchronize(stream_);
      return;
    }
}

Status Uploader::prepare(uint64_t largest) {
  uint64_t bytes = (std::clamp<uint64_t>(largest, 1, chunkBytes) + 4095) & ~uint64_t{4095};
  for (Slot &slot : slots_) {
    CADENZA_ASSIGN_OR_RETURN(slot.buffer, PinnedBuffer::make(device_, bytes, "uploads"));
    CADENZA_ASSIGN_OR_RETURN(slot.copied, Event::make(device_, CU_EVENT_DISABLE_TIMING));
  }
  return Status::ok();
}

Status Uploader::produce(CUdeviceptr destination, uint64_t bytes, const Fill &fill) {
  for (uint64_t offset = 0; offset < bytes;) {
    Slot &slot = slots_[next_];
    next_ = (next_ + 1) % slots_.size();
    if (slot.busy)
      CADENZA_CUDA_TRY(device_, cuEventSynchronize, slot.copied.get());
    uint64_t length = std::min(bytes - offset, slot.buffer.bytes());
    fill(offset, {slot.buffer.as<std::byte>(), static_cast<size_t>(length)});
    CADENZA_CUDA_TRY(device_, cuMemcpyHtoDAsync, destination + offset, slot.buffer.get(), length, stream_);
    slot.busy = true;
    CADENZA_CUDA_TRY(device_, cuEventRecord, slot.copied.get(), stream_);
    offset += length;
  }
  return Status::ok();
}

Status Uploader::copy(CUdeviceptr destination, std::span<const std::byte> bytes) {
  return produce(destination, bytes.size(), [&](uint64_t offset, std::span<std::byte> out) {
    std::memcpy(out.data(), bytes.data() + offset, out.size());
  });
}

Status Uploader::finish() {
  CADENZA_CUDA_TRY(device_, cuStreamSynchronize, stream_);
  for (Slot &slot : slots_)
    slot.busy = false;
  return Status::ok();
}

} // namespace cadenza::cuda
