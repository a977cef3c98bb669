// What a machine without an NVIDIA driver says. Not linked to the emulator.
#include "runtime/cuda/driver_api.h"

#include <gtest/gtest.h>

namespace cadenza::cuda {
namespace {

TEST(NoDriver, SaysWhatToDo) {
  auto api = DriverApi::load();
  if (api.isOk())
    GTEST_SKIP() << "this machine has a GPU";
  EXPECT_EQ(api.status().code(), StatusCode::NoDevice);
  EXPECT_NE(api.status().message().find("--device=cpu"), std::string::npos) << api.status().message();
  EXPECT_EQ(DriverApi::load().status().message(), api.status().message()); // asked again, answered again
}

TEST(NoDriver, EveryResultHasAKind) {
  EXPECT_EQ(statusCodeOf(CUDA_ERROR_OUT_OF_MEMORY), StatusCode::OutOfMemory);
  EXPECT_EQ(statusCodeOf(CUDA_ERROR_ILLEGAL_ADDRESS), StatusCode::DeviceLost);
  EXPECT_EQ(statusCodeOf(CUDA_ERROR_UNSUPPORTED_PTX_VERSION), StatusCode::IncompatiblePlan);
  EXPECT_EQ(statusCodeOf(CUDA_ERROR_NO_DEVICE), StatusCode::NoDevice);
  EXPECT_EQ(statusCodeOf(static_cast<CUresult>(12345)), StatusCode::Internal);
  EXPECT_EQ(formatDriverVersion(12040), "12.4");
}

} // namespace
} // namespace cadenza::cuda
