#include "runtime/cuda/driver_api.h"

#include <dlfcn.h>

#include <mutex>

namespace cadenza::cuda {
namespace {

using GetProcAddress = CUresult (*)(const char *symbol, void **address, int version, uint64_t flags,
                                    CUdriverProcAddressQueryResult *found);

constexpr const char *withoutGpu = "; --device=cpu runs the plan without a GPU";

Status noDevice(std::string message) { return Status(StatusCode::NoDevice, std::move(message) + withoutGpu); }

Status tooOld(const std::string &what) {
  return noDevice("the NVIDIA driver is too old: " + what + "; install driver 525 (CUDA 12.0) or newer");
}

StatusOr<GetProcAddress> openLibrary() {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return noDevice(std::string("cannot load the NVIDIA driver (") + (reason ? reason : "libcuda.so.1") +
                    "); install it, or run inside a container that is given the GPU");
  }
  // The unversioned symbol has an older signature; the _v2 one came with CUDA 12.0.
  void *symbol = dlsym(library, "cuGetProcAddress_v2");
  if (!symbol)
    return tooOld("libcuda.so.1 has no cuGetProcAddress_v2");
  return reinterpret_cast<GetProcAddress>(symbol);
}

Status find(GetProcAddress getProcAddress, const char *name, void **address) {
  auto found = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  CUresult result = getProcAddress(name, address, minimumDriverVersion, 0, &found);
  if (result != CUDA_SUCCESS || !*address)
    return tooOld(std::string("it has no ") + name);
  return Status::ok();
}

StatusOr<DriverApi> loadTable() {
  CADENZA_ASSIGN_OR_RETURN(GetProcAddress getProcAddress, openLibrary());
  DriverApi api;
#define CADENZA_CUDA_FIND(name, parameters)                                                                            \
  CADENZA_RETURN_IF_ERROR(find(getProcAddress, #name, reinterpret_cast<void **>(&api.name)));
  CADENZA_CUDA_FUNCTIONS(CADENZA_CUDA_FIND)
#undef CADENZA_CUDA_FIND

  return api;
}

Status initialize(DriverApi &api) {
  if (CUresult result = api.cuInit(0); result != CUDA_SUCCESS) {
    std::string reason = "cuInit: " + describe(api, result);
    switch (result) {
    case CUDA_ERROR_NO_DEVICE:
      return noDevice("no NVIDIA GPU is visible to this process (" + reason +
                      "); check `nvidia-smi` and CUDA_VISIBLE_DEVICES");
    case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
      return noDevice("the NVIDIA kernel module and libcuda.so.1 are of different versions (" + reason +
                      "); reboot or reinstall the driver");
    default:
      return noDevice("the NVIDIA driver does not start (" + reason + "); check `nvidia-smi`");
    }
  }
  if (api.driverVersion == 0)
    if (CUresult result = api.cuDriverGetVersion(&api.driverVersion); result != CUDA_SUCCESS)
      return toStatus(api, result, "cuDriverGetVersion");
  if (api.driverVersion < minimumDriverVersion)
    return tooOld("it is for CUDA " + formatDriverVersion(api.driverVersion));
  return Status::ok();
}

} // namespace

StatusOr<const DriverApi *> DriverApi::load() {
  // A failure is not remembered: a long-running program may see a driver appear.
  static std::mutex mutex;
  static std::optional<DriverApi> loaded;
  std::lock_guard lock(mutex);
  if (!loaded) {
    CADENZA_ASSIGN_OR_RETURN(loaded, loadTable());
  }
  CADENZA_RETURN_IF_ERROR(initialize(*loaded)); // costs nothing when it is
  return &*loaded;
}

std::string formatDriverVersion(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string describe(const DriverApi &api, CUresult result) {
  const char *name = nullptr;
  const char *text = nullptr;
  if (api.cuGetErrorName(result, &name) != CUDA_SUCCESS || !name)
    return "CUDA error " + std::to_string(static_cast<unsigned>(result));
  if (api.cuGetErrorString(result, &text) != CUDA_SUCCESS || !text)
    return name;
  return std::string(name) + " (" + text + ")";
}

StatusCode statusCodeOf(CUresult result) {
  switch (result) {
  case CUDA_SUCCESS:
    return StatusCode::Ok;
  case CUDA_ERROR_OUT_OF_MEMORY:
    return StatusCode::OutOfMemory;
  case CUDA_ERROR_NO_DEVICE:
  case CUDA_ERROR_INVALID_DEVICE:
  case CUDA_ERROR_DEVICE_NOT_LICENSED:
  case CUDA_ERROR_DEVICE_UNAVAILABLE:
  case CUDA_ERROR_STUB_LIBRARY:
  case CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER:
  case CUDA_ERROR_SYSTEM_NOT_READY:
  case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
  case CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE:
    return StatusCode::NoDevice;
  case CUDA_ERROR_NOT_SUPPORTED:
    return StatusCode::Unsupported;
  case CUDA_ERROR_INVALID_IMAGE:
  case CUDA_ERROR_NO_BINARY_FOR_GPU:
  case CUDA_ERROR_INVALID_PTX:
  case CUDA_ERROR_JIT_COMPILER_NOT_FOUND:
  case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
  case CUDA_ERROR_JIT_COMPILATION_DISABLED:
    return StatusCode::IncompatiblePlan;
  // These leave the context unusable: whatever is called next returns the same error.
  case CUDA_ERROR_DEINITIALIZED:
  case CUDA_ERROR_ECC_UNCORRECTABLE:
  case CUDA_ERROR_NVLINK_UNCORRECTABLE:
  case CUDA_ERROR_CONTAINED:
  case CUDA_ERROR_ILLEGAL_ADDRESS:
  case CUDA_ERROR_LAUNCH_TIMEOUT:
  case CUDA_ERROR_CONTEXT_IS_DESTROYED:
  case CUDA_ERROR_ASSERT:
  case CUDA_ERROR_HARDWARE_STACK_ERROR:
  case CUDA_ERROR_ILLEGAL_INSTRUCTION:
  case CUDA_ERROR_MISALIGNED_ADDRESS:
  case CUDA_ERROR_INVALID_ADDRESS_SPACE:
  case CUDA_ERROR_INVALID_PC:
  case CUDA_ERROR_LAUNCH_FAILED:
  case CUDA_ERROR_TENSOR_MEMORY_LEAK:
  case CUDA_ERROR_MPS_CLIENT_TERMINATED:
  case CUDA_ERROR_EXTERNAL_DEVICE:
  case CUDA_ERROR_UNKNOWN:
    return StatusCode::DeviceLost;
  default:
    return StatusCode::Internal;
  }
}

Status toStatus(const DriverApi &api, CUresult result, const char *call) {
  if (result == CUDA_SUCCESS)
    return Status::ok();
  return Status(statusCodeOf(result), std::string(call) + ": " + describe(api, result));
}

} // namespace cadenza::cuda
