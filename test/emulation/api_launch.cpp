// Launches and occupancy. Everything a real driver refuses at the call is refused at the call.
#include "test/emulation/driver.h"

#include <cstdio>

using namespace cadenza::emulation;

namespace {

struct Attributes {
  bool cooperative = false, programmatic = false;
  unsigned clusterBlocks = 1;
};

CUresult readAttributes(const CUlaunchConfig &config, Attributes &result) {
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const CUlaunchAttribute &attribute = config.attrs[i];
    switch (attribute.id) {
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
      break;
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
      result.cooperative = attribute.value.cooperative != 0;
      break;
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION: {
      const auto &dimension = attribute.value.clusterDim;
      if (!driver().properties.hasClusters())
        return CUDA_ERROR_NOT_SUPPORTED;
      if (dimension.x == 0 || dimension.y != 1 || dimension.z != 1)
        return CUDA_ERROR_INVALID_CLUSTER_SIZE;
      result.clusterBlocks = dimension.x;
      break;
    }
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
      if (attribute.value.programmaticStreamSerializationAllowed && driver().properties.major < 9)
        return CUDA_ERROR_NOT_SUPPORTED;
      result.programmatic = attribute.value.programmaticStreamSerializationAllowed != 0;
      break;
    default:
      std::fprintf(stderr, "cadenza emulation: launch attribute %d is not emulated\n", attribute.id);
      return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
  return CUDA_SUCCESS;
}

CUresult launch(const CUlaunchConfig &config, CUfunction handle, void **parameters, void **extra) {
  Driver &d = driver();
  const CUfunction function = functionHandle(handle);
  CUstream stream = d.stream(config.hStream);
  if (!function || !stream)
    return CUDA_ERROR_INVALID_HANDLE;
  const Kernel &kernel = *function->kernel;
  Attributes attributes;
  if (CUresult error = readAttributes(config, attributes); error != CUDA_SUCCESS)
    return error;
  if (config.gridDimX == 0 || config.blockDimX == 0 || config.gridDimY != 1 || config.gridDimZ != 1 ||
      config.blockDimY != 1 || config.blockDimZ != 1 || config.blockDimX > 1024)
    return CUDA_ERROR_INVALID_VALUE; // arch.cuh is one-dimensional
  if (config.sharedMemBytes > kernel.maxDynamicShared)
    return CUDA_ERROR_INVALID_VALUE; // 48 KB unless cuFuncSetAttribute asked for more
  if (!parameters || extra)
    return CUDA_ERROR_INVALID_VALUE;
  const int perSm = d.properties.blocksPerSm(kernel, static_cast<int>(config.blockDimX), config.sharedMemBytes);
  if (perSm == 0)
    return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;

  uint32_t resident = static_cast<uint32_t>(perSm * d.properties.multiprocessors);
  if (attributes.clusterBlocks > 1) {
    if (config.gridDimX % attributes.clusterBlocks != 0 ||
        attributes.clusterBlocks > (kernel.nonPortableCluster ? 16 : 8))
      return CUDA_ERROR_INVALID_CLUSTER_SIZE;
    resident = attributes.clusterBlocks * d.properties.activeClusters(kernel, static_cast<int>(config.blockDimX),
                                                                      config.sharedMemBytes,
                                                                      static_cast<int>(attributes.clusterBlocks));
    if (resident == 0)
      return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  }
  if (attributes.cooperative && config.gridDimX > resident)
    return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;

  const auto *arguments = static_cast<const unsigned char *>(parameters[0]);
  Launch result{function->kernel,
                config.gridDimX,
                config.blockDimX,
                config.sharedMemBytes,
                attributes.clusterBlocks,
                attributes.cooperative,
                attributes.programmatic,
                resident,
                {}};
  result.arguments.assign(arguments, arguments + kernel.descriptor.param_bytes);
  return enqueue(stream, {KernelWork{std::move(result)}, nullptr});
}

} // namespace

CADENZA_CUDA_API CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                                         unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,
                                         CUstream stream, void **parameters, void **extra) {
  CADENZA_CALL(cuLaunchKernel, context)
  return launch({gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, stream, nullptr, 0}, function, parameters,
                extra);
}

CADENZA_CUDA_API CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **parameters,
                                           void **extra) {
  CADENZA_CALL(cuLaunchKernelEx, context)
  return launch(*config, function, parameters, extra);
}

CADENZA_CUDA_API CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                                                    unsigned blockX, unsigned blockY, unsigned blockZ,
                                                    unsigned sharedBytes, CUstream stream, void **parameters) {
  CADENZA_CALL(cuLaunchCooperativeKernel, context)
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  attribute.value.cooperative = 1;
  return launch({gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, stream, &attribute, 1}, function, parameters,
                nullptr);
}

CADENZA_CUDA_API CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void *data) {
  CADENZA_CALL(cuLaunchHostFunc, context)
  CUstream stream = driver().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  return enqueue(stream, {HostWork{function, data}, nullptr});
}

// Occupancy ----------------------------------------------------------------------------------------------------------

CADENZA_CUDA_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int threads,
                                                                      size_t dynamicShared) {
  CADENZA_CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor, context)
  const CUfunction function = functionHandle(handle);
  if (!function)
    return CUDA_ERROR_INVALID_HANDLE;
  *blocks = driver().properties.blocksPerSm(*function->kernel, threads, dynamicShared);
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, CUfunction handle,
                                                                               int threads, size_t dynamicShared,
                                                                               unsigned) {
  CADENZA_CALL(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, context)
  const CUfunction function = functionHandle(handle);
  if (!function)
    return CUDA_ERROR_INVALID_HANDLE;
  *blocks = driver().properties.blocksPerSm(*function->kernel, threads, dynamicShared);
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuOccupancyMaxActiveClusters(int *clusters, CUfunction handle, const CUlaunchConfig *config) {
  CADENZA_CALL(cuOccupancyMaxActiveClusters, context)
  const CUfunction function = functionHandle(handle);
  if (!function)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!driver().properties.hasClusters())
    return CUDA_ERROR_NOT_SUPPORTED;
  Attributes attributes;
  if (CUresult error = readAttributes(*config, attributes); error != CUDA_SUCCESS)
    return error;
  if (attributes.clusterBlocks > (function->kernel->nonPortableCluster ? 16u : 8u))
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  *clusters = driver().properties.activeClusters(*function->kernel, static_cast<int>(config->blockDimX),
                                                 config->sharedMemBytes, static_cast<int>(attributes.clusterBlocks));
  return CUDA_SUCCESS;
}
