// Tensor maps, through which kernels for sm_90 read their operands: descriptors of 128 bytes in device memory, which
// the driver encodes at load. A kernel's argument is the address of one.
#pragma once

#include "runtime/cuda/resources.h"
#include "runtime/cuda/step_binding.h"

namespace cadenza::cuda {

class TensorMaps {
public:
  TensorMaps() = default;
  /// Makes the maps of `step`, whose words become their addresses. Everything has arrived when it returns. InvalidPlan
  /// for a map that the driver refuses.
  static StatusOr<TensorMaps> place(Device &device, CUstream stream, BoundStep &step);

private:
  DeviceBuffer maps_;
};

} // namespace cadenza::cuda
