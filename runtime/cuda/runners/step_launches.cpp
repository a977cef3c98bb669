#include "runtime/cuda/runners/step_launches.h"

namespace cadenza::cuda {

StepLaunches::StepLaunches(CUstream stream, const Program &program, const Kernels &kernels, BoundStep &step)
    : headLaunch_(step.headLaunch) {
  for (const BoundLaunch &bound : step.launches)
    launches_.push_back({.function = kernels.function(bound.kernel),
                         .config = launchConfig(program.kernels[bound.kernel], stream),
                         .words = step.words.data() + bound.firstWord});
}

Status StepLaunches::launch(Device &device, size_t index) {
  Prepared &prepared = launches_[index];
  void *parameters[] = {prepared.words};
  CADENZA_CUDA_TRY(device, cuLaunchKernelEx, &prepared.config, prepared.function, parameters, nullptr);
  return Status::ok();
}

Status StepLaunches::launchStep(Device &device, bool withHead) {
  for (size_t i = 0; i < count(withHead); ++i)
    CADENZA_RETURN_IF_ERROR(launch(device, i));
  return Status::ok();
}

} // namespace cadenza::cuda
