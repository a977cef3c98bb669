#include "runtime/cuda/device.h"

namespace cadenza::cuda {

StatusOr<std::shared_ptr<Device>> Device::open(int ordinal) {
  std::shared_ptr<Device> device(new Device());
  CADENZA_RETURN_IF_ERROR(device->initialize(ordinal));
  return device;
}

Device::~Device() {
  if (context_)
    (void)api_->cuDevicePrimaryCtxRelease(device_);
}

CurrentContext::CurrentContext(Device &device) : device_(device) {
  CUcontext current = nullptr;
  status_ = device.check(device.api().cuCtxGetCurrent(&current), "cuCtxGetCurrent");
  if (!status_.isOk() || current == device.context_)
    return;
  status_ = device.check(device.api().cuCtxPushCurrent(device.context_), "cuCtxPushCurrent");
  pushed_ = status_.isOk();
}

CurrentContext::~CurrentContext() {
  CUcontext popped = nullptr;
  if (pushed_)
    (void)device_.api().cuCtxPopCurrent(&popped);
}

Status Device::initialize(int ordinal) {
  CADENZA_ASSIGN_OR_RETURN(api_, DriverApi::load());
  int count = 0;
  CADENZA_CUDA_TRY(*this, cuDeviceGetCount, &count);
  if (count == 0)
    return Status(StatusCode::NoDevice, "no NVIDIA GPU is visible to this process; check `nvidia-smi` and "
                                        "CUDA_VISIBLE_DEVICES; --device=cpu runs the plan without a GPU");
  if (ordinal < 0 || ordinal >= count)
    return Status(StatusCode::NoDevice,
                  "there is no GPU cuda:" + std::to_string(ordinal) + "; this process sees " +
                      (count == 1 ? "cuda:0 only" : "cuda:0 to cuda:" + std::to_string(count - 1)));
  CADENZA_CUDA_TRY(*this, cuDeviceGet, &device_, ordinal);

  char name[256] = {};
  CADENZA_CUDA_TRY(*this, cuDeviceGetName, name, static_cast<int>(sizeof name - 1), device_);
  size_t memory = 0;
  CADENZA_CUDA_TRY(*this, cuDeviceTotalMem, &memory, device_);
  auto attribute = [&](CUdevice_attribute which, auto &out) {
    int value = 0;
    Status status = check(api_->cuDeviceGetAttribute(&value, which, device_), "cuDeviceGetAttribute");
    out = static_cast<std::remove_reference_t<decltype(out)>>(value);
    return status;
  };
  DeviceProperties &p = properties_;
  p.ordinal = ordinal;
  p.name = name;
  p.memoryBytes = memory;
  p.driverVersion = api_->driverVersion;
  p.emulated = p.name.starts_with("Cadenza emulated");
  CADENZA_RETURN_IF_ERROR(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, p.major));
  CADENZA_RETURN_IF_ERROR(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, p.minor));
  CADENZA_RETURN_IF_ERROR(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, p.multiprocessors));
  CADENZA_RETURN_IF_ERROR(attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, p.maxThreads));
  CADENZA_RETURN_IF_ERROR(attribute(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, p.maxBlocks));
  CADENZA_RETURN_IF_ERROR(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, p.maxSharedBytes));
  CADENZA_RETURN_IF_ERROR(attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, p.l2Bytes));
  CADENZA_CUDA_TRY(*this, cuDevicePrimaryCtxRetain, &context_, device_);
  return Status::ok();
}

Status Device::fail(CUresult result, const char *call) {
  if (!fault_.isOk())
    return fault_;
  Status status = toStatus(*api_, result, call);
  if (status.code() != StatusCode::DeviceLost)
    return status;
  const std::string why = explain_ ? explain_() : "";
  fault_ = Status(StatusCode::DeviceLost, "cuda:" + std::to_string(properties_.ordinal) + ": " +
                                              (why.empty() ? "" : why + ": ") + status.message() +
                                              "; the GPU context of this process is lost, start it again");
  return fault_;
}

} // namespace cadenza::cuda
