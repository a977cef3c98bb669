// Initialisation, errors, the device, its primary context.
#include "test/emulation/driver.h"

#include <cstring>

using namespace cadenza::emulation;

namespace {

struct ErrorName {
  CUresult code;
  const char *name, *text;
};
constexpr ErrorName errorNames[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_DEINITIALIZED, "CUDA_ERROR_DEINITIALIZED", "driver shutting down"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for the device"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {CUDA_ERROR_LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped"},
    {CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region"},
    {CUDA_ERROR_MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {CUDA_ERROR_ILLEGAL_INSTRUCTION, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE",
     "too many blocks in cooperative launch"},
    {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not ended in the same stream as it began"},
    {CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {CUDA_ERROR_CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
    {CUDA_ERROR_INVALID_CLUSTER_SIZE, "CUDA_ERROR_INVALID_CLUSTER_SIZE", "invalid cluster size"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const ErrorName *find(CUresult code) {
  for (const ErrorName &entry : errorNames)
    if (entry.code == code)
      return &entry;
  return nullptr;
}

CUcontext primary() { return reinterpret_cast<CUcontext>(&driver()); }

} // namespace

CADENZA_CUDA_API CUresult cuInit(unsigned flags) {
  CADENZA_CALL(cuInit, nothing)
  if (flags != 0)
    return CUDA_ERROR_INVALID_VALUE;
  driver().initialised = true;
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuDriverGetVersion(int *version) {
  CADENZA_CALL(cuDriverGetVersion, nothing)
  *version = 13000;
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuGetErrorName(CUresult code, const char **text) {
  const ErrorName *entry = find(code);
  *text = entry ? entry->name : nullptr;
  return entry ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CADENZA_CUDA_API CUresult cuGetErrorString(CUresult code, const char **text) {
  const ErrorName *entry = find(code);
  *text = entry ? entry->text : nullptr;
  return entry ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// The device ---------------------------------------------------------------------------------------------------------

CADENZA_CUDA_API CUresult cuDeviceGetCount(int *count) {
  CADENZA_CALL(cuDeviceGetCount, initialised)
  *count = 1;
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  CADENZA_CALL(cuDeviceGet, initialised)
  if (ordinal != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  *device = 0;
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  CADENZA_CALL(cuDeviceGetName, initialised)
  if (device != 0 || length < 1)
    return device != 0 ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_INVALID_VALUE;
  std::strncpy(name, "Cadenza emulated GPU", static_cast<size_t>(length));
  name[length - 1] = '\0';
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  CADENZA_CALL(cuDeviceGetUuid, initialised)
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  std::memcpy(uuid->bytes, "cadenza-emulated", 16);
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  CADENZA_CALL(cuDeviceTotalMem, initialised)
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  *bytes = driver().properties.memoryBytes;
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
  CADENZA_CALL(cuDeviceGetAttribute, initialised)
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  const DeviceProperties &p = driver().properties;
  switch (attribute) {
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
    *value = 1024;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
    *value = 0x7fffffff;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
    *value = 48 * 1024;
    break;
  case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
    *value = 32;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
    *value = 65536;
    break;
  case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
  case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
    *value = 1000000; // kHz: nothing real runs at any clock here
    break;
  case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
    *value = 64;
    break;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
    *value = p.multiprocessors;
    break;
  case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
    *value = 50 << 20;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
    *value = p.threadsPerMultiprocessor;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
    *value = p.blocksPerMultiprocessor;
    break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
    *value = p.major;
    break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
    *value = p.minor;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
    *value = p.sharedPerMultiprocessor;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
    *value = p.sharedPerBlockOptin;
    break;
  case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
    *value = 1024;
    break;
  case CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH:
    *value = p.hasClusters();
    break;
  case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
  case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
  case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
  case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
    *value = 1;
    break;
  default: // every other attribute is a feature that is absent
    *value = 0;
  }
  return CUDA_SUCCESS;
}

// Contexts: the primary one only -------------------------------------------------------------------------------------

CADENZA_CUDA_API CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  CADENZA_CALL(cuDevicePrimaryCtxRetain, initialised)
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  if (driver().retained++ == 0)
    driver().createContext();
  *context = primary();
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  CADENZA_CALL(cuDevicePrimaryCtxRelease, initialised)
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  if (driver().retained == 0)
    return CUDA_ERROR_INVALID_CONTEXT;
  if (--driver().retained == 0) {
    drainAll();
    driver().destroyContext();
  }
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  CADENZA_CALL(cuDevicePrimaryCtxReset, initialised)
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  driver().destroyContext();
  if (driver().retained > 0)
    driver().createContext();
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuCtxSetCurrent(CUcontext context) {
  CADENZA_CALL(cuCtxSetCurrent, initialised)
  if (context && context != primary())
    return CUDA_ERROR_INVALID_CONTEXT;
  threadContext() = context;
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuCtxGetCurrent(CUcontext *context) {
  CADENZA_CALL(cuCtxGetCurrent, initialised)
  *context = threadContext();
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuCtxPushCurrent_v2(CUcontext context) {
  CADENZA_CALL(cuCtxPushCurrent, initialised)
  if (context != primary())
    return CUDA_ERROR_INVALID_CONTEXT;
  threadContext() = context; // one context: a stack would hold nothing else
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  CADENZA_CALL(cuCtxPopCurrent, initialised)
  if (!threadContext())
    return CUDA_ERROR_INVALID_CONTEXT;
  if (context)
    *context = threadContext();
  threadContext() = nullptr;
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuCtxGetDevice(CUdevice *device) {
  CADENZA_CALL(cuCtxGetDevice, context)
  *device = 0;
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuCtxSynchronize() {
  CADENZA_CALL(cuCtxSynchronize, context)
  if (CUresult error = forbidDuringCapture(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED); error != CUDA_SUCCESS)
    return error;
  return drainAll();
}

CADENZA_CUDA_API CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  CADENZA_CALL(cuCtxGetStreamPriorityRange, context)
  if (least)
    *least = 0;
  if (greatest)
    *greatest = -5;
  return CUDA_SUCCESS;
}
