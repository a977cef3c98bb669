// Owners of what the driver hands out: memory, streams, events, modules. Each is made by `make` (or `load`), moves, and
// frees itself; the device must outlive it.
#pragma once

#include "runtime/cuda/device.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace cadenza::cuda {

/// A handle and the driver function that destroys it.
template <typename Handle, auto Destroy> class Owned {
public:
  Owned() = default;
  Owned(Device &device, Handle handle) : device_(&device), handle_(handle) {}
  Owned(Owned &&other) noexcept : device_(other.device_), handle_(std::exchange(other.handle_, Handle{})) {}
  Owned &operator=(Owned &&other) noexcept {
    std::swap(device_, other.device_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (handle_ == Handle{})
      return;
    CurrentContext current(*device_); // the errors of a lost device do not matter here
    (void)(device_->api().*Destroy)(handle_);
  }
  Handle get() const { return handle_; }

protected:
  Device *device_ = nullptr;
  Handle handle_{};
};

/// Device memory. Zero bytes are no allocation and address 0.
class DeviceBuffer : public Owned<CUdeviceptr, &DriverApi::cuMemFree> {
public:
  /// `what` is named if memory runs out: "weights".
  static StatusOr<DeviceBuffer> make(Device &device, uint64_t bytes, std::string_view what);
  uint64_t bytes() const { return bytes_; }

private:
  using Owned::Owned;
  uint64_t bytes_ = 0;

public:
  DeviceBuffer() = default;
};

/// Page-locked host memory, zeroed, which copies can run from and to while the host goes on.
class PinnedBuffer : public Owned<void *, &DriverApi::cuMemFreeHost> {
public:
  static StatusOr<PinnedBuffer> make(Device &device, uint64_t bytes, std::string_view what);
  uint64_t bytes() const { return bytes_; }
  template <typename T> T *as() const { return static_cast<T *>(get()); }

private:
  using Owned::Owned;
  uint64_t bytes_ = 0;

public:
  PinnedBuffer() = default;
};

class Stream : public Owned<CUstream, &DriverApi::cuStreamDestroy> {
public:
  /// A stream that does not wait for the legacy default stream.
  static StatusOr<Stream> make(Device &device);
  Stream() = default;

private:
  using Owned::Owned;
};

class Event : public Owned<CUevent, &DriverApi::cuEventDestroy> {
public:
  static StatusOr<Event> make(Device &device, unsigned int flags);
  Event() = default;

private:
  using Owned::Owned;
};

/// What a stream's capture recorded. Needed only until it is instantiated.
using Graph = Owned<CUgraph, &DriverApi::cuGraphDestroy>;
/// A graph that can be launched, time after time.
using GraphExec = Owned<CUgraphExec, &DriverApi::cuGraphExecDestroy>;

class Module : public Owned<CUmodule, &DriverApi::cuModuleUnload> {
public:
  /// Loads a cubin, PTX or host image; `what` names it ("code section sm_90"). PTX needs no terminating zero. The
  /// extents of a cubin or shared object must have been checked, as the plan reader does: the driver takes no length.
  static StatusOr<Module> load(Device &device, std::span<const std::byte> image, bool isText, std::string_view what);
  StatusOr<CUfunction> function(const std::string &name) const;
  Module() = default;

private:
  using Owned::Owned;
};

} // namespace cadenza::cuda
