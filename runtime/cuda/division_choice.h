// Which division of the persistent schedule a GPU runs. All schedules sum in its order.
#pragma once

#include "runtime/cuda/kernels.h"

#include <optional>
#include <string>
#include <string_view>

namespace cadenza::cuda {

struct DivisionChoice {
  std::optional<uint32_t> division; // of Program::divisions; none: phases keep the order that they carry
  std::string notice;               // why there is none, though the plan has the schedule
};

/// The division with the most blocks among those that the GPU holds, or the one of the name `wanted`. Errors:
/// InvalidArgument if the plan has none of that name, IncompatiblePlan if the GPU cannot run it.
StatusOr<DivisionChoice> chooseDivision(Device &device, const Plan &plan, const Kernels &kernels,
                                        std::string_view wanted);

/// Of Program::kernels; the plan reader has seen that there is one of that name.
uint32_t kernelIndex(const Program &program, const std::string &name);

/// The attributes of a launch of a division's kernel, which point into `attributes`: all blocks at once, and clusters.
struct DivisionLaunch {
  CUlaunchConfig config{};
  CUlaunchAttribute attributes[2] = {};
};
void prepareLaunch(const Kernel &kernel, const Division &division, CUstream stream, DivisionLaunch &launch);

} // namespace cadenza::cuda
