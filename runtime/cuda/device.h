// One GPU through its primary context: the facts that launches are checked against, and the place where driver results
// become Status. The first asynchronous fault is latched here: from then on everything fails at once with DeviceLost.
#pragma once

#include "runtime/cuda/driver_api.h"

#include <functional>
#include <memory>
#include <string>

namespace cadenza::cuda {

struct DeviceProperties {
  int ordinal = 0;
  std::string name; // "NVIDIA H100 80GB HBM3"
  int major = 0;    // compute capability
  int minor = 0;
  int multiprocessors = 0;
  uint32_t maxThreads = 0;     // a block
  uint32_t maxBlocks = 0;      // a grid, x
  uint32_t maxSharedBytes = 0; // a block, static and dynamic, after opting in
  uint64_t l2Bytes = 0;
  uint64_t memoryBytes = 0;
  int driverVersion = 0;
  bool emulated = false; // test/emulation's stand-in: runs Host code sections, and only those
};

class Device {
public:
  /// Retains the primary context of GPU `ordinal`. Errors: NoDevice for a driver or an ordinal that does not exist
  /// (names those that do).
  static StatusOr<std::shared_ptr<Device>> open(int ordinal);
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;
  ~Device();

  const DriverApi &api() const { return *api_; }
  const DeviceProperties &properties() const { return properties_; }

  /// The result of driver function `call` as a Status; latches the first fault.
  Status check(CUresult result, const char *call) {
    if (result == CUDA_SUCCESS)
      return Status::ok();
    return fail(result, call);
  }

  /// Ok, or the latched fault.
  Status fault() const { return fault_; }
  /// Who is asked, when a fault is latched, what the device was doing: a text for its message, or "".
  void explainFaults(std::function<std::string()> explain) { explain_ = std::move(explain); }

private:
  friend class CurrentContext;
  Device() = default;
  Status initialize(int ordinal);
  Status fail(CUresult result, const char *call);

  const DriverApi *api_ = nullptr;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  DeviceProperties properties_;
  Status fault_;
  std::function<std::string()> explain_;
};

/// Makes the device's context current for the calling thread, and what was current before when it ends; so an executor
/// may be used from any thread (one at a time), next to other users of the driver.
class CurrentContext {
public:
  explicit CurrentContext(Device &device);
  CurrentContext(const CurrentContext &) = delete;
  CurrentContext &operator=(const CurrentContext &) = delete;
  ~CurrentContext();
  const Status &status() const { return status_; }

private:
  Device &device_;
  Status status_;
  bool pushed_ = false; // it was not current already
};

/// Calls a driver function and returns its error from the enclosing function.
#define CADENZA_CUDA_TRY(device, function, ...)                                                                        \
  CADENZA_RETURN_IF_ERROR((device).check((device).api().function(__VA_ARGS__), #function))

} // namespace cadenza::cuda
