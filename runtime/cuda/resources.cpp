#include "runtime/cuda/resources.h"

#include <cstring>
#include <string>

namespace cadenza::cuda {
namespace {

std::string mebibytes(uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

Status outOfMemory(Device &device, const Status &status, uint64_t bytes, std::string_view what, bool onDevice) {
  if (status.code() != StatusCode::OutOfMemory)
    return status.withPrefix("allocating " + std::string(what));
  std::string message = "cannot allocate " + mebibytes(bytes) +
                        (onDevice ? " of GPU memory for " : " of pinned memory for ") + std::string(what);
  size_t free = 0, total = 0;
  if (onDevice && device.api().cuMemGetInfo(&free, &total) == CUDA_SUCCESS)
    message += " (" + mebibytes(free) + " of " + mebibytes(total) + " are free); a smaller --context needs less";
  return Status(StatusCode::OutOfMemory, message + ": " + status.message());
}

} // namespace

StatusOr<DeviceBuffer> DeviceBuffer::make(Device &device, uint64_t bytes, std::string_view what) {
  DeviceBuffer buffer;
  if (bytes == 0)
    return buffer;
  CUdeviceptr address = 0;
  Status status = device.check(device.api().cuMemAlloc(&address, bytes), "cuMemAlloc");
  if (!status.isOk())
    return outOfMemory(device, status, bytes, what, true);
  buffer = DeviceBuffer(device, address);
  buffer.bytes_ = bytes;
  return buffer;
}

StatusOr<PinnedBuffer> PinnedBuffer::make(Device &device, uint64_t bytes, std::string_view what) {
  void *address = nullptr;
  Status status = device.check(device.api().cuMemHostAlloc(&address, bytes, 0), "cuMemHostAlloc");
  if (!status.isOk())
    return outOfMemory(device, status, bytes, what, false);
  std::memset(address, 0, bytes);
  PinnedBuffer buffer(device, address);
  buffer.bytes_ = bytes;
  return buffer;
}

StatusOr<Stream> Stream::make(Device &device) {
  CUstream stream = nullptr;
  CADENZA_CUDA_TRY(device, cuStreamCreate, &stream, CU_STREAM_NON_BLOCKING);
  return Stream(device, stream);
}

StatusOr<Event> Event::make(Device &device, unsigned int flags) {
  CUevent event = nullptr;
  CADENZA_CUDA_TRY(device, cuEventCreate, &event, flags);
  return Event(device, event);
}

StatusOr<Module> Module::load(Device &device, std::span<const std::byte> image, bool isText, std::string_view what) {
  std::string text;
  const void *data = image.data();
  if (isText) {
    text.assign(reinterpret_cast<const char *>(image.data()), image.size());
    data = text.c_str();
  }
  char log[4096] = {};
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log - 1)}; // NOLINT(performance-no-int-to-ptr): cuda.h's way
  CUmodule module = nullptr;
  CUresult result = device.api().cuModuleLoadDataEx(&module, data, isText ? 2 : 0, options, values);
  Status status = device.check(result, "cuModuleLoadDataEx");
  if (status.isOk())
    return Module(device, module);
  std::string message = std::string(what) + ": " + status.message();
  if (status.code() == StatusCode::IncompatiblePlan)
    message += "; the driver is for CUDA " + formatDriverVersion(device.properties().driverVersion) +
               ": update it, or compile the plan with an older CUDA";
  if (log[0])
    message += std::string("\n") + log;
  return Status(status.code(), message);
}

StatusOr<CUfunction> Module::function(const std::string &name) const {
  CUfunction function = nullptr;
  CUresult result = device_->api().cuModuleGetFunction(&function, handle_, name.c_str());
  if (result == CUDA_ERROR_NOT_FOUND)
    return Status(StatusCode::InvalidPlan, "the code has no kernel '" + name + "'");
  CADENZA_RETURN_IF_ERROR(device_->check(result, "cuModuleGetFunction"));
  return function;
}

} // namespace cadenza::cuda
