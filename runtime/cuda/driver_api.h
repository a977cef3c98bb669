// The CUDA driver API, loaded at run time: dlopen("libcuda.so.1"), then cuGetProcAddress for each function. A machine
// without a driver gets a NoDevice error that says what to do, not a loader failure.
#pragma once

#include "runtime/cuda/driver_types.h"
#include "runtime/support/status.h"

#include <string>

namespace cadenza::cuda {

/// The entry points are asked for as CUDA 12.0 defined them: the oldest driver that can run a plan.
constexpr int minimumDriverVersion = 12000;

/// Every function that is used: X(name, (parameters)).
#define CADENZA_CUDA_FUNCTIONS(X)                                                                                      \
  X(cuInit, (unsigned int flags))                                                                                      \
  X(cuDriverGetVersion, (int *version))                                                                                \
  X(cuGetErrorName, (CUresult error, const char **name))                                                               \
  X(cuGetErrorString, (CUresult error, const char **text))                                                             \
  X(cuDeviceGetCount, (int *count))                                                                                    \
  X(cuDeviceGet, (CUdevice * device, int ordinal))                                                                     \
  X(cuDeviceGetName, (char *name, int length, CUdevice device))                                                        \
  X(cuDeviceGetAttribute, (int *value, CUdevice_attribute attribute, CUdevice device))                                 \
  X(cuDeviceTotalMem, (size_t *bytes, CUdevice device))                                                                \
  X(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))                                                  \
  X(cuDevicePrimaryCtxRelease, (CUdevice device))                                                                      \
  X(cuCtxGetCurrent, (CUcontext * context))                                                                            \
  X(cuCtxPushCurrent, (CUcontext context))                                                                             \
  X(cuCtxPopCurrent, (CUcontext * context))                                                                            \
  X(cuModuleLoadDataEx,                                                                                                \
    (CUmodule * module, const void *image, unsigned int count, CUjit_option *options, void **values))                  \
  X(cuModuleUnload, (CUmodule module))                                                                                 \
  X(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char *name))                                   \
  X(cuFuncGetAttribute, (int *value, CUfunction_attribute attribute, CUfunction function))                             \
  X(cuFuncSetAttribute, (CUfunction function, CUfunction_attribute attribute, int value))                              \
  X(cuMemGetInfo, (size_t *free, size_t *total))                                                                       \
  X(cuMemAlloc, (CUdeviceptr * address, size_t bytes))                                                                 \
  X(cuMemFree, (CUdeviceptr address))                                                                                  \
  X(cuMemHostAlloc, (void **address, size_t bytes, unsigned int flags))                                                \
  X(cuMemFreeHost, (void *address))                                                                                    \
  X(cuMemcpyHtoDAsync, (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))                              \
  X(cuMemcpyDtoHAsync, (void *to, CUdeviceptr from, size_t bytes, CUstream stream))                                    \
  X(cuMemsetD8Async, (CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream))                             \
  X(cuStreamCreate, (CUstream * stream, unsigned int flags))                                                           \
  X(cuStreamDestroy, (CUstream stream))                                                                                \
  X(cuStreamSynchronize, (CUstream stream))                                                                            \
  X(cuStreamBeginCapture, (CUstream stream, CUstreamCaptureMode mode))                                                 \
  X(cuStreamEndCapture, (CUstream stream, CUgraph * graph))                                                            \
  X(cuGraphInstantiateWithFlags, (CUgraphExec * exec, CUgraph graph, unsigned long long flags))                        \
  X(cuGraphUpload, (CUgraphExec exec, CUstream stream))                                                                \
  X(cuGraphLaunch, (CUgraphExec exec, CUstream stream))                                                                \
  X(cuGraphExecDestroy, (CUgraphExec exec))                                                                            \
  X(cuGraphDestroy, (CUgraph graph))                                                                                   \
  X(cuEventCreate, (CUevent * event, unsigned int flags))                                                              \
  X(cuEventDestroy, (CUevent event))                                                                                   \
  X(cuEventRecord, (CUevent event, CUstream stream))                                                                   \
  X(cuEventQuery, (CUevent event))                                                                                     \
  X(cuEventSynchronize, (CUevent event))                                                                               \
  X(cuEventElapsedTime, (float *milliseconds, CUevent start, CUevent end))                                             \
  X(cuTensorMapEncodeTiled,                                                                                            \
    (CUtensorMap * map, CUtensorMapDataType type, unsigned int rank, void *address, const uint64_t *extents,           \
     const uint64_t *strides, const unsigned int *box, const unsigned int *elementStrides,                             \
     CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle, CUtensorMapL2promotion promotion,                   \
     CUtensorMapFloatOOBfill fill))                                                                                    \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor, (int *blocks, CUfunction function, int threads, size_t sharedBytes))  \
  X(cuOccupancyMaxActiveClusters, (int *clusters, CUfunction function, const CUlaunchConfig *config))                  \
  X(cuLaunchKernelEx, (const CUlaunchConfig *config, CUfunction function, void **parameters, void **extra))

/// The loaded functions, by their names in cuda.h.
struct DriverApi {
#define CADENZA_CUDA_MEMBER(name, parameters) CUresult(*name) parameters = nullptr;
  CADENZA_CUDA_FUNCTIONS(CADENZA_CUDA_MEMBER)
#undef CADENZA_CUDA_MEMBER
  int driverVersion = 0; // 13000: CUDA 13.0

  /// Loads and initialises the driver on the first call; later ones return the same table. It stays loaded until the
  /// process ends. Errors: NoDevice, with what to do.
  static StatusOr<const DriverApi *> load();
};

/// "12.4" for 12040.
std::string formatDriverVersion(int version);

/// "CUDA_ERROR_NO_DEVICE (no CUDA-capable device is detected)".
std::string describe(const DriverApi &api, CUresult result);

/// What kind of failure `result` is; Internal for what a correct caller never sees.
StatusCode statusCodeOf(CUresult result);

/// Ok, or an error "call: NAME (text)" with the code of `statusCodeOf`.
Status toStatus(const DriverApi &api, CUresult result, const char *call);

} // namespace cadenza::cuda
