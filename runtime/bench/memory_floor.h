// How fast this machine reads memory when it does nothing else: the rate that a step's bytes are compared with,
// measured in the same process.
#pragma once

#include "runtime/cuda/executor.h"

#include <string>

namespace cadenza::bench {

struct MemoryFloor {
  double gbPerSecond = 0; // 1e9 bytes
  std::string method;     // "read-only kernel, 1.19 GB, 132 x 2 blocks of 512 threads, 8 loads of 16 bytes a turn"
};

/// Streams the executor's weights (or a buffer of 1 GiB, if they are smaller) with a read-only kernel of several
/// shapes; the best median of repeated runs. Unsupported on the emulator.
StatusOr<MemoryFloor> measureGpuFloor(cuda::CudaExecutor &executor);

/// Sums a large buffer on all cores; the best of several runs.
StatusOr<MemoryFloor> measureHostFloor();

} // namespace cadenza::bench
