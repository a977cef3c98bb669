// What the emulation's tests share: the driver functions they call, a context with a fresh device, loaded test kernels.
#pragma once

#include "test/emulation/driver_abi.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <string>
#include <vector>

extern "C" {
CUresult cuInit(unsigned);
CUresult cuDeviceGetAttribute(int *, CUdevice_attribute, CUdevice);
CUresult cuDevicePrimaryCtxRetain(CUcontext *, CUdevice);
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice);
CUresult cuCtxSetCurrent(CUcontext);
CUresult cuCtxSynchronize();
CUresult cuMemGetInfo_v2(size_t *, size_t *);
CUresult cuMemAlloc_v2(CUdeviceptr *, size_t);
CUresult cuMemFree_v2(CUdeviceptr);
CUresult cuMemHostAlloc(void **, size_t, unsigned);
CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *, void *, unsigned);
CUresult cuMemcpyHtoD_v2(CUdeviceptr, const void *, size_t);
CUresult cuMemcpyDtoH_v2(void *, CUdeviceptr, size_t);
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr, const void *, size_t, CUstream);
CUresult cuMemcpyDtoHAsync_v2(void *, CUdeviceptr, size_t, CUstream);
CUresult cuMemsetD32_v2(CUdeviceptr, unsigned, size_t);
CUresult cuStreamCreate(CUstream *, unsigned);
CUresult cuStreamDestroy_v2(CUstream);
CUresult cuStreamSynchronize(CUstream);
CUresult cuStreamQuery(CUstream);
CUresult cuStreamWaitEvent(CUstream, CUevent, unsigned);
CUresult cuStreamBeginCapture_v2(CUstream, CUstreamCaptureMode);
CUresult cuStreamEndCapture(CUstream, CUgraph *);
CUresult cuGraphInstantiateWithFlags(CUgraphExec *, CUgraph, unsigned long long);
CUresult cuGraphLaunch(CUgraphExec, CUstream);
CUresult cuGraphDestroy(CUgraph);
CUresult cuGraphExecDestroy(CUgraphExec);
CUresult cuGraphGetNodes(CUgraph, CUgraphNode *, size_t *);
CUresult cuEventCreate(CUevent *, unsigned);
CUresult cuEventDestroy_v2(CUevent);
CUresult cuEventRecord(CUevent, CUstream);
CUresult cuEventQuery(CUevent);
CUresult cuEventSynchronize(CUevent);
CUresult cuEventElapsedTime(float *, CUevent, CUevent);
CUresult cuModuleLoadData(CUmodule *, const void *);
CUresult cuModuleUnload(CUmodule);
CUresult cuModuleGetFunction(CUfunction *, CUmodule, const char *);
CUresult cuFuncGetAttribute(int *, CUfunction_attribute, CUfunction);
CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int);
CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream,
                        void **, void **);
CUresult cuLaunchKernelEx(const CUlaunchConfig *, CUfunction, void **, void **);
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *, CUfunction, int, size_t);
CUresult cuOccupancyMaxActiveClusters(int *, CUfunction, const CUlaunchConfig *);
CUresult cuTensorMapEncodeTiled(CUtensorMap *, CUtensorMapDataType, unsigned, void *, const uint64_t *,
                                const uint64_t *, const unsigned *, const unsigned *, CUtensorMapInterleave,
                                CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
CUresult cuGetProcAddress_v2(const char *, void **, int, uint64_t, CUdriverProcAddressQueryResult *);
void cadenza_emulation_reset();
uint64_t cadenza_emulation_live_objects();
const char *cadenza_emulation_last_message();
}

namespace cadenza::emulation {

/// A driver as in a fresh process, a context, a stream that does not wait for the legacy stream.
class DriverTest : public testing::Test {
protected:
  void SetUp() override { restart({}); }
  void TearDown() override {
    for (const auto &[name, value] : environment_)
      unsetenv(name.c_str());
    cadenza_emulation_reset();
  }

  /// Starts anew under these environment variables.
  void restart(const std::map<std::string, std::string> &environment) {
    for (const auto &[name, value] : environment_)
      unsetenv(name.c_str());
    environment_ = environment;
    for (const auto &[name, value] : environment_)
      setenv(name.c_str(), value.c_str(), 1);
    cadenza_emulation_reset();
    functions_.clear();
    modules_.clear();
    ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
    CUcontext context;
    ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
    ASSERT_EQ(cuCtxSetCurrent(context), CUDA_SUCCESS);
    ASSERT_EQ(cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  }
  void restartWithSeed(int seed) { restart({{"CADENZA_EMULATION_SEED", std::to_string(seed)}}); }

  static std::string image(const std::string &file) {
    std::ifstream stream(std::string(CADENZA_TEST_KERNELS) + "/" + file + ".so", std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  /// A kernel of kernels/FILE.cu.
  CUfunction kernel(const std::string &name, const std::string &file = "cooperation") {
    if (!modules_.contains(file)) {
      EXPECT_EQ(cuModuleLoadData(&modules_[file], image(file).c_str()), CUDA_SUCCESS);
    }
    if (!functions_.contains(name)) {
      EXPECT_EQ(cuModuleGetFunction(&functions_[name], modules_[file], name.c_str()), CUDA_SUCCESS) << name;
    }
    return functions_[name];
  }

  template <typename Args>
  CUresult launch(CUfunction function, unsigned blocks, unsigned threads, const Args &args, unsigned shared = 0,
                  std::vector<CUlaunchAttribute> attributes = {}) {
    const void *parameters[] = {&args};
    const CUlaunchConfig config{blocks, 1,      1,       threads,           1,
                                1,      shared, stream_, attributes.data(), static_cast<unsigned>(attributes.size())};
    return cuLaunchKernelEx(&config, function, const_cast<void **>(parameters), nullptr);
  }
  CUresult finish() { return cuStreamSynchronize(stream_); }

  static CUlaunchAttribute attribute(CUlaunchAttributeID id, int value = 1) {
    CUlaunchAttribute result{};
    result.id = id;
    result.value.cooperative = value; // an int in every attribute that the tests use
    return result;
  }

  template <typename T> T *allocate(size_t count) {
    CUdeviceptr address = 0;
    EXPECT_EQ(cuMemAlloc_v2(&address, count * sizeof(T)), CUDA_SUCCESS);
    return reinterpret_cast<T *>(address);
  }
  template <typename T> T *upload(const std::vector<T> &values) {
    T *memory = allocate<T>(values.size());
    EXPECT_EQ(cuMemcpyHtoD_v2(reinterpret_cast<CUdeviceptr>(memory), values.data(), values.size() * sizeof(T)),
              CUDA_SUCCESS);
    return memory;
  }
  template <typename T> std::vector<T> download(const T *memory, size_t count) {
    std::vector<T> values(count);
    EXPECT_EQ(cuMemcpyDtoH_v2(values.data(), reinterpret_cast<CUdeviceptr>(memory), count * sizeof(T)), CUDA_SUCCESS);
    return values;
  }
  static std::string message() { return cadenza_emulation_last_message(); }

  CUstream stream_ = nullptr;

private:
  std::map<std::string, std::string> environment_;
  std::map<std::string, CUmodule> modules_;
  std::map<std::string, CUfunction> functions_;
};

/// The argument structures of kernels/cooperation.cu.
struct SumArgs {
  const float *in;
  float *partial, *out;
  uint32_t *counter;
};
struct WordArgs {
  uint32_t *words;
  uint64_t value;
};
struct ConsumeArgs {
  const uint32_t *words;
  uint32_t *out;
};

} // namespace cadenza::emulation
