// Device memory, pinned host memory, copies and fills.
#include "test/emulation/driver.h"

using namespace cadenza::emulation;

namespace {

using Kind = DeviceMemory::Kind;

void *pointer(CUdeviceptr address) { return reinterpret_cast<void *>(address); }
CUdeviceptr address(const void *p) { return reinterpret_cast<CUdeviceptr>(p); }

/// Whether the device may access the range: device memory, pinned or registered host memory.
bool onDevice(const void *p, uint64_t bytes) {
  const DeviceMemory &memory = *driver().memory;
  return memory.contains(p, bytes, Kind::device) || memory.contains(p, bytes, Kind::host) ||
         memory.isRegistered(p, bytes);
}
bool isPinned(const void *p, uint64_t bytes) {
  return driver().memory->contains(p, bytes, Kind::host) || driver().memory->isRegistered(p, bytes);
}

enum class Direction { hostToDevice, deviceToHost, deviceToDevice };

/// Copies to pageable memory and synchronous copies end before the call returns; from pageable memory the source is
/// read at the call; all others read and write when the stream gets there.
CUresult copy(void *to, const void *from, uint64_t bytes, CUstream handle, Direction direction, bool wait) {
  CUstream stream = driver().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if ((direction != Direction::hostToDevice && !onDevice(from, bytes)) ||
      (direction != Direction::deviceToHost && !onDevice(to, bytes)))
    return CUDA_ERROR_INVALID_VALUE;
  if (bytes == 0)
    return CUDA_SUCCESS;
  CopyWork work{to, from, bytes, {}};
  if (direction == Direction::hostToDevice && !isPinned(from, bytes)) {
    const auto *source = static_cast<const unsigned char *>(from);
    work.staged.assign(source, source + bytes);
  }
  if (direction == Direction::deviceToHost && !isPinned(to, bytes) && !stream->capture)
    wait = true;
  const CUresult queued = enqueue(stream, {std::move(work), nullptr});
  return queued == CUDA_SUCCESS && wait ? drain(stream) : queued;
}

CUresult fill(CUdeviceptr to, uint32_t value, uint32_t width, size_t count, CUstream handle) {
  CUstream stream = driver().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (to % width != 0 || count > driver().memory->reservedBytes() || !onDevice(pointer(to), count * width))
    return CUDA_ERROR_INVALID_VALUE;
  return enqueue(stream, {FillWork{pointer(to), value, width, count}, nullptr});
}

} // namespace

CADENZA_CUDA_API CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
  CADENZA_CALL(cuMemGetInfo, context)
  *total = driver().memory->deviceBytes();
  *available = *total - driver().memory->deviceUsed();
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuMemAlloc_v2(CUdeviceptr *result, size_t bytes) {
  CADENZA_CALL(cuMemAlloc, context)
  if (CUresult error = forbidDuringCapture(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED); error != CUDA_SUCCESS)
    return error;
  if (bytes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  void *memory = driver().memory->allocate(bytes, Kind::device);
  if (!memory)
    return CUDA_ERROR_OUT_OF_MEMORY;
  *result = address(memory);
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuMemFree_v2(CUdeviceptr memory) {
  CADENZA_CALL(cuMemFree, context)
  if (memory == 0)
    return CUDA_SUCCESS;
  if (CUresult error = drainAll(); error != CUDA_SUCCESS) // cuMemFree waits for the device
    return error;
  return driver().memory->release(pointer(memory), Kind::device) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CADENZA_CUDA_API CUresult cuMemHostAlloc(void **result, size_t bytes, unsigned flags) {
  CADENZA_CALL(cuMemHostAlloc, context)
  if (bytes == 0 || flags > 7)
    return CUDA_ERROR_INVALID_VALUE;
  *result = driver().memory->allocate(bytes, Kind::host);
  return *result ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CADENZA_CUDA_API CUresult cuMemAllocHost_v2(void **result, size_t bytes) {
  CADENZA_CALL(cuMemAllocHost, context)
  if (bytes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  *result = driver().memory->allocate(bytes, Kind::host);
  return *result ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CADENZA_CUDA_API CUresult cuMemFreeHost(void *memory) {
  CADENZA_CALL(cuMemFreeHost, context)
  if (!memory)
    return CUDA_SUCCESS;
  if (CUresult error = drainAll(); error != CUDA_SUCCESS)
    return error;
  return driver().memory->release(memory, Kind::host) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CADENZA_CUDA_API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *result, void *memory, unsigned flags) {
  CADENZA_CALL(cuMemHostGetDevicePointer, context)
  if (flags != 0 || !isPinned(memory, 1))
    return CUDA_ERROR_INVALID_VALUE;
  *result = address(memory);
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuMemHostRegister_v2(void *memory, size_t bytes, unsigned flags) {
  CADENZA_CALL(cuMemHostRegister, context)
  if (!memory || bytes == 0 || flags > 15)
    return CUDA_ERROR_INVALID_VALUE;
  return driver().memory->registerHost(memory, bytes) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
}

CADENZA_CUDA_API CUresult cuMemHostUnregister(void *memory) {
  CADENZA_CALL(cuMemHostUnregister, context)
  if (CUresult error = drainAll(); error != CUDA_SUCCESS)
    return error;
  return driver().memory->unregisterHost(memory) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}

// Copies -------------------------------------------------------------------------------------------------------------

CADENZA_CUDA_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
  CADENZA_CALL(cuMemcpyHtoD, context)
  return copy(pointer(to), from, bytes, nullptr, Direction::hostToDevice, true);
}
CADENZA_CUDA_API CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  CADENZA_CALL(cuMemcpyDtoH, context)
  return copy(to, pointer(from), bytes, nullptr, Direction::deviceToHost, true);
}
CADENZA_CUDA_API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  CADENZA_CALL(cuMemcpyDtoD, context) // asynchronous to the host, even in this form
  return copy(pointer(to), pointer(from), bytes, nullptr, Direction::deviceToDevice, false);
}
CADENZA_CUDA_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  CADENZA_CALL(cuMemcpyHtoDAsync, context)
  return copy(pointer(to), from, bytes, stream, Direction::hostToDevice, false);
}
CADENZA_CUDA_API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  CADENZA_CALL(cuMemcpyDtoHAsync, context)
  return copy(to, pointer(from), bytes, stream, Direction::deviceToHost, false);
}
CADENZA_CUDA_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  CADENZA_CALL(cuMemcpyDtoDAsync, context)
  return copy(pointer(to), pointer(from), bytes, stream, Direction::deviceToDevice, false);
}

// Fills (asynchronous to the host in both forms) ---------------------------------------------------------------------

CADENZA_CUDA_API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  CADENZA_CALL(cuMemsetD8, context)
  return fill(to, value, 1, count, nullptr);
}
CADENZA_CUDA_API CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
  CADENZA_CALL(cuMemsetD16, context)
  return fill(to, value, 2, count, nullptr);
}
CADENZA_CUDA_API CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
  CADENZA_CALL(cuMemsetD32, context)
  return fill(to, value, 4, count, nullptr);
}
CADENZA_CUDA_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  CADENZA_CALL(cuMemsetD8Async, context)
  return fill(to, value, 1, count, stream);
}
CADENZA_CUDA_API CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
  CADENZA_CALL(cuMemsetD16Async, context)
  return fill(to, value, 2, count, stream);
}
CADENZA_CUDA_API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  CADENZA_CALL(cuMemsetD32Async, context)
  return fill(to, value, 4, count, stream);
}
