#include "compiler/driver/present_gpu.h"

#include "runtime/cuda/driver_api.h"

using namespace cadenza;
using namespace cadenza::cuda;

namespace {

/// `why` without the runtime's advice, which follows a semicolon: to run on the CPU is none for a compiler.
Status noDevice(std::string why) {
  why = why.substr(0, why.find(';'));
  std::string choices;
  for (const DeviceTarget &target : deviceTargets()) {
    choices += choices.empty() ? "" : ", ";
    choices += target.name;
  }
  return {StatusCode::NoDevice, "no GPU to compile for (" + why + "); choose with --target: " + choices +
                                    ", all; a plan for any of them runs on the CPU, too, and --target=cpu makes " +
                                    "one without GPU code"};
}

} // namespace

StatusOr<const DeviceTarget *> cadenza::targetOfPresentGpu() {
  StatusOr<const DriverApi *> api = DriverApi::load();
  if (!api.isOk())
    return noDevice(api.status().message());
  CUdevice device = 0;
  int major = 0, minor = 0;
  char name[256] = {};
  if (Status status = toStatus(**api, (*api)->cuDeviceGet(&device, 0), "cuDeviceGet"); !status.isOk())
    return noDevice(status.message());
  (*api)->cuDeviceGetName(name, sizeof(name), device);
  (*api)->cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  (*api)->cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
  if (std::string_view(name).starts_with("Cadenza emulated"))
    return findTarget("host");
  return targetForCapability(10 * major + minor);
}
