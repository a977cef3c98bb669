#include "runtime/cuda/runners/step_launches.h"

namespace cadenza::cuda {

StepLaunches::StepLaunches(CUstream stream, const Program &program, const Kernels &kernels, BoundStep &step)
    : headLaunch_(step.headLaunch) {
  for (const BoundLaunch &bound : step.launches) {
    launches_.push_back({.function = kernels.function(bound.kernel),
                         .config = launchConfig(program.kernels[bound.kernel], stream),
                         .cluster = program.kernels[bound.kernel].cluster,
                         .words = step.words.data() + bound.firstWord});
    if (bound.blocks > 0)
      launches_.back().config.gridDimX = bound.blocks;
  }
}

Status StepLaunches::launch(Device &device, size_t index, bool dependent) {
  const Prepared &prepared = launches_[index];
  CUlaunchAttribute attributes[2] = {};
  CUlaunchConfig config = prepared.config;
  config.attrs = attributes;
  if (dependent) {
    CUlaunchAttribute &serialization = attributes[config.numAttrs++];
    serialization.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    serialization.value.programmaticStreamSerializationAllowed = 1;
  }
  if (prepared.cluster > 1) {
    CUlaunchAttribute &cluster = attributes[config.numAttrs++];
    cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    cluster.value.clusterDim = {prepared.cluster, 1, 1};
  }
  void *parameters[] = {prepared.words};
  CADENZA_CUDA_TRY(device, cuLaunchKernelEx, &config, prepared.function, parameters, nullptr);
  return Status::ok();
}

Status StepLaunches::launchStep(Device &device, bool withHead, bool dependent) {
  for (size_t i = 0; i < count(withHead); ++i)
    CADENZA_RETURN_IF_ERROR(launch(device, i, dependent && i > 0));
  return Status::ok();
}

} // namespace cadenza::cuda
