// Host to device copies of large data through two page-locked buffers: while one is copied by the GPU, the next is
// filled.
#pragma once

#include "runtime/cuda/resources.h"

#include <array>
#include <functional>

namespace cadenza::cuda {

class Uploader {
public:
  Uploader(Device &device, CUstream stream) : device_(device), stream_(stream) {}
  Uploader(const Uploader &) = delete;
  Uploader &operator=(const Uploader &) = delete;
  ~Uploader(); // waits for copies in flight before their buffers go

  /// Allocates the two buffers, for copies of at most `largest` bytes.
  Status prepare(uint64_t largest);

  /// Copies `bytes` to `destination`. Returns when the last chunk is queued; `finish` waits for it.
  Status copy(CUdeviceptr destination, std::span<const std::byte> bytes);

  /// The same for bytes that are made on the way: `fill(offset, out)` writes bytes [offset, offset + out.size()).
  using Fill = std::function<void(uint64_t offset, std::span<std::byte> out)>;
  Status produce(CUdeviceptr destination, uint64_t bytes, const Fill &fill);

  Status finish();

private:
  static constexpr uint64_t chunkBytes = 16 << 20;
  struct Slot {
    PinnedBuffer buffer;
    Event copied;
    bool busy = false;
  };
  Device &device_;
  CUstream stream_;
  std::array<Slot, 2> slots_;
  size_t next_ = 0;
};

} // namespace cadenza::cuda
