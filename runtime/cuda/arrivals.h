// Selected tokens on their way to the host. A step writes its token to page-locked memory while it runs, then says so
// in a word beside it; no copy is queued and nothing is waited for but that word.
#pragma once

#include "runtime/cuda/resources.h"

#include <cstdint>

namespace cadenza::cuda {

class Arrivals {
public:
  Arrivals() = default;
  /// Both in page-locked memory: `tokens` holds those of all positions, 0 where there is none; tokens [0, *published)
  /// have arrived, or were given.
  static StatusOr<Arrivals> make(Device &device, CUstream stream, const int32_t *tokens, uint32_t *published);

  /// A sequence begins at `position`. Nothing is queued.
  void begin(int64_t position);
  /// Steps were queued, the last of which selects the token at `position`.
  Status queued(int64_t position);
  /// Whether the step that selects the token at `position` is among them.
  bool isQueued(int64_t position) const { return position <= lastQueued_; }
  /// Waits for the token at `position`, whose step was queued. 0 if all steps have run and it did not come: the
  /// sequence has ended before it.
  StatusOr<int32_t> await(int64_t position);

private:
  Device *device_ = nullptr;
  CUstream stream_ = nullptr;
  const int32_t *tokens_ = nullptr;
  uint32_t *published_ = nullptr;
  Event end_; // of what was queued last
  int64_t lastQueued_ = 0;
};

} // namespace cadenza::cuda
