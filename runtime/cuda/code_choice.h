// Which of a plan's code sections runs on a GPU.
#pragma once

#include "runtime/cuda/device.h"
#include "runtime/plan/plan.h"

#include <span>

namespace cadenza::cuda {

/// In order of preference: a cubin for exactly this GPU ("sm_90a" before "sm_90"), the newest cubin of the same major
/// version and a lower minor one, the newest PTX that the GPU is not too old for. The emulator takes Host code and
/// nothing else does. Error: IncompatiblePlan, naming the GPU, the plan's targets and the command that rebuilds it;
/// `planPath` is used in it.
StatusOr<const CodeSection *> chooseCode(std::span<const CodeSection> code, const DeviceProperties &device,
                                         std::string_view planPath);

/// Whether the kernels of a section wait for the launch before them (grid_dependency_wait of arch.cuh), so that they
/// may be launched as its programmatic dependents: below sm_90 that wait is nothing, and PTX for compute_80 lacks it on
/// every GPU.
bool hasDependencyWaits(const CodeSection &code);

} // namespace cadenza::cuda
