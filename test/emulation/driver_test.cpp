// The driver surface: limits, errors, asynchrony, graphs.
#include "test/emulation/driver_test.h"

#include <cstring>

namespace cadenza::emulation {
namespace {

class ApiTest : public DriverTest {
protected:
  uint32_t word(const uint32_t *memory) { return download(memory, 1)[0]; }
  CUresult add(const WordArgs &args, std::vector<CUlaunchAttribute> attributes = {}) {
    return launch(kernel("add_value"), 3, 64, args, 0, std::move(attributes));
  }
};

TEST_F(ApiTest, EntryPointsByName) {
  void *function = nullptr;
  CUdriverProcAddressQueryResult status;
  ASSERT_EQ(cuGetProcAddress_v2("cuMemAlloc", &function, 12000, 0, &status), CUDA_SUCCESS);
  EXPECT_EQ(function, reinterpret_cast<void *>(&cuMemAlloc_v2));
  ASSERT_EQ(cuGetProcAddress_v2("cuGraphInstantiateWithFlags", &function, 12000, 0, &status), CUDA_SUCCESS);
  EXPECT_EQ(function, reinterpret_cast<void *>(&cuGraphInstantiateWithFlags));
  // A driver has a function of five parameters under this name, whatever version is asked for; cuda.h means the other.
  ASSERT_EQ(cuGetProcAddress_v2("cuGraphInstantiate", &function, 12000, 0, &status), CUDA_SUCCESS);
  EXPECT_EQ(function, nullptr);
  ASSERT_EQ(cuGetProcAddress_v2("cuNothing", &function, 12000, 0, &status), CUDA_SUCCESS);
  EXPECT_EQ(function, nullptr);
  EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
}

TEST_F(ApiTest, DeviceIsConfigurable) {
  restart({{"CADENZA_EMULATED_SMS", "7"}, {"CADENZA_EMULATED_CAPABILITY", "8.9"}});
  int value = 0;
  ASSERT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 7);
  ASSERT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 9);
  ASSERT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 99 * 1024);
  ASSERT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 0);
}

// Modules and launch limits ------------------------------------------------------------------------------------------

TEST_F(ApiTest, OnlyHostSharedObjectsLoad) {
  CUmodule module;
  EXPECT_EQ(cuModuleLoadData(&module, ".version 8.0\n.target sm_80\n.address_size 64 and more than a header holds "),
            CUDA_ERROR_INVALID_IMAGE);
  std::string cubin = image("arch");
  const uint16_t cudaMachine = 190;
  std::memcpy(cubin.data() + 18, &cudaMachine, 2);
  EXPECT_EQ(cuModuleLoadData(&module, cubin.data()), CUDA_ERROR_NO_BINARY_FOR_GPU);
  CUfunction function;
  ASSERT_EQ(cuModuleLoadData(&module, image("arch").data()), CUDA_SUCCESS);
  EXPECT_EQ(cuModuleGetFunction(&function, module, "no_such_kernel"), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(cuModuleUnload(module), CUDA_SUCCESS);
  EXPECT_EQ(cuModuleUnload(module), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(ApiTest, SharedMemoryLimit) {
  const CUfunction function = kernel("shared_size");
  WordArgs args{nullptr, 49152};
  EXPECT_EQ(launch(function, 1, 64, args, 49152), CUDA_SUCCESS);
  EXPECT_EQ(launch(function, 1, 64, args, 49153), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 227 * 1024 + 1),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 227 * 1024), CUDA_SUCCESS);
  args.value = 227 * 1024;
  EXPECT_EQ(launch(function, 3, 64, args, 227 * 1024), CUDA_SUCCESS);
  EXPECT_EQ(finish(), CUDA_SUCCESS);
  int blocks = 0;
  EXPECT_EQ(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, 64, 227 * 1024), CUDA_SUCCESS);
  EXPECT_EQ(blocks, 1);
}

TEST_F(ApiTest, LaunchLimits) {
  WordArgs args{allocate<uint32_t>(4), 0};
  EXPECT_EQ(launch(kernel("add_value"), 1, 512, args), CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES); // declared with 256
  EXPECT_EQ(launch(kernel("add_value"), 0, 64, args), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(add(args, {attribute(static_cast<CUlaunchAttributeID>(1))}), CUDA_ERROR_NOT_SUPPORTED);
  CUlaunchAttribute cluster = attribute(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, 2);
  cluster.value.clusterDim = {2, 1, 1};
  EXPECT_EQ(add(args, {cluster}), CUDA_ERROR_INVALID_CLUSTER_SIZE); // 3 blocks
  cluster.value.clusterDim = {3, 1, 1};
  EXPECT_EQ(add(args, {cluster}), CUDA_SUCCESS);
  EXPECT_EQ(finish(), CUDA_SUCCESS);
}

// Failures -----------------------------------------------------------------------------------------------------------

TEST_F(ApiTest, FailsTheNthCall) {
  restart({{"CADENZA_EMULATION_FAIL", "cuMemAlloc:3=2,cuLaunchKernelEx:2=701"}});
  CUdeviceptr address;
  EXPECT_EQ(cuMemAlloc_v2(&address, 64), CUDA_SUCCESS);
  EXPECT_EQ(cuMemAlloc_v2(&address, 64), CUDA_SUCCESS);
  EXPECT_EQ(cuMemAlloc_v2(&address, 64), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cuMemAlloc_v2(&address, 64), CUDA_SUCCESS);
  WordArgs args{reinterpret_cast<uint32_t *>(address), 0};
  EXPECT_EQ(add(args), CUDA_SUCCESS);
  EXPECT_EQ(add(args), CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  EXPECT_EQ(finish(), CUDA_SUCCESS); // not sticky
}

TEST_F(ApiTest, FailsTheNthCallOverall) {
  restart({{"CADENZA_EMULATION_FAIL", "*:6=999"}}); // after the fixture's four
  CUdeviceptr address;
  EXPECT_EQ(cuMemAlloc_v2(&address, 64), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamQuery(stream_), CUDA_ERROR_UNKNOWN);
  EXPECT_EQ(cuStreamSynchronize(stream_), CUDA_SUCCESS);
}

TEST_F(ApiTest, DeviceMemoryIsBounded) {
  restart({{"CADENZA_EMULATED_MEMORY_MB", "1"}});
  CUdeviceptr first, second;
  EXPECT_EQ(cuMemAlloc_v2(&first, 1 << 19), CUDA_SUCCESS);
  EXPECT_EQ(cuMemAlloc_v2(&second, (1 << 19) + 1), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cuMemFree_v2(first), CUDA_SUCCESS);
  EXPECT_EQ(cuMemFree_v2(first), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAlloc_v2(&second, 1 << 20), CUDA_SUCCESS);
}

TEST_F(ApiTest, InjectedFaultIsStickyAndDeferred) {
  int deferred = 0;
  for (int seed = 1; seed <= 20; ++seed) {
    restart({{"CADENZA_EMULATION_FAIL", "kernel:2=700"}, {"CADENZA_EMULATION_SEED", std::to_string(seed)}});
    WordArgs args{upload<uint32_t>({0}), 1};
    EXPECT_EQ(add(args), CUDA_SUCCESS);
    const CUresult second = add(args), third = add(args);
    EXPECT_EQ(second, CUDA_SUCCESS);
    deferred += third == CUDA_SUCCESS; // at the latest the synchronisation reports it
    EXPECT_EQ(finish(), CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT_EQ(finish(), CUDA_ERROR_ILLEGAL_ADDRESS);
    CUdeviceptr address;
    EXPECT_EQ(cuMemAlloc_v2(&address, 64), CUDA_ERROR_ILLEGAL_ADDRESS);
    uint32_t value;
    EXPECT_EQ(cuMemcpyDtoH_v2(&value, reinterpret_cast<CUdeviceptr>(args.words), 4), CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_SUCCESS);
  }
  EXPECT_GT(deferred, 5);
  EXPECT_LT(deferred, 20);
}

TEST_F(ApiTest, LiveObjectsAreCounted) {
  const uint64_t before = cadenza_emulation_live_objects(); // the fixture's stream
  CUdeviceptr address;
  CUevent event;
  ASSERT_EQ(cuMemAlloc_v2(&address, 64), CUDA_SUCCESS);
  ASSERT_EQ(cuEventCreate(&event, 0), CUDA_SUCCESS);
  EXPECT_EQ(cadenza_emulation_live_objects(), before + 2);
  ASSERT_EQ(cuMemFree_v2(address), CUDA_SUCCESS);
  ASSERT_EQ(cuEventDestroy_v2(event), CUDA_SUCCESS);
  EXPECT_EQ(cadenza_emulation_live_objects(), before);
}

// Asynchrony ---------------------------------------------------------------------------------------------------------

TEST_F(ApiTest, ReadingTooEarlyShowsOldData) {
  int stale = 0;
  for (int seed = 1; seed <= 20; ++seed) {
    restartWithSeed(seed);
    void *pinned;
    ASSERT_EQ(cuMemHostAlloc(&pinned, 4, CU_MEMHOSTALLOC_DEVICEMAP), CUDA_SUCCESS);
    auto *word = static_cast<volatile uint32_t *>(pinned);
    CUdeviceptr mapped;
    ASSERT_EQ(cuMemHostGetDevicePointer_v2(&mapped, pinned, 0), CUDA_SUCCESS);
    *word = 5;
    ASSERT_EQ(add({reinterpret_cast<uint32_t *>(mapped), 2}), CUDA_SUCCESS);
    stale += *word == 5;
    ASSERT_EQ(finish(), CUDA_SUCCESS);
    EXPECT_EQ(*word, 17u);
  }
  EXPECT_GT(stale, 5);
  EXPECT_LT(stale, 20);
}

TEST_F(ApiTest, PinnedSourceIsReadLatePageableAtTheCall) {
  int late = 0;
  for (int seed = 1; seed <= 20; ++seed) {
    restartWithSeed(seed);
    void *pinned;
    ASSERT_EQ(cuMemHostAlloc(&pinned, 4, 0), CUDA_SUCCESS);
    auto *source = static_cast<uint32_t *>(pinned);
    uint32_t pageable = 1;
    uint32_t *memory = allocate<uint32_t>(2);
    *source = 1;
    ASSERT_EQ(cuMemcpyHtoDAsync_v2(reinterpret_cast<CUdeviceptr>(memory), source, 4, stream_), CUDA_SUCCESS);
    ASSERT_EQ(cuMemcpyHtoDAsync_v2(reinterpret_cast<CUdeviceptr>(memory + 1), &pageable, 4, stream_), CUDA_SUCCESS);
    *source = 2; // too early
    pageable = 2;
    ASSERT_EQ(finish(), CUDA_SUCCESS);
    const auto values = download(memory, 2);
    late += values[0] == 2;
    EXPECT_EQ(values[1], 1u);
  }
  EXPECT_GT(late, 5);
}

TEST_F(ApiTest, EventsOrderStreams) {
  for (int seed = 1; seed <= 20; ++seed) {
    restartWithSeed(seed);
    CUstream other;
    CUevent start, event;
    ASSERT_EQ(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    ASSERT_EQ(cuEventCreate(&start, 0), CUDA_SUCCESS);
    ASSERT_EQ(cuEventCreate(&event, 0), CUDA_SUCCESS);
    uint32_t *words = upload<uint32_t>({1});
    ASSERT_EQ(cuEventRecord(start, stream_), CUDA_SUCCESS);
    ASSERT_EQ(add({words, 1}), CUDA_SUCCESS);
    ASSERT_EQ(cuEventRecord(event, stream_), CUDA_SUCCESS);
    ASSERT_EQ(cuStreamWaitEvent(other, event, 0), CUDA_SUCCESS);
    std::swap(stream_, other);
    ASSERT_EQ(add({words, 2}), CUDA_SUCCESS);
    ASSERT_EQ(finish(), CUDA_SUCCESS);
    EXPECT_EQ(word(words), 14u);
    EXPECT_EQ(cuEventQuery(event), CUDA_SUCCESS);
    float milliseconds = -1;
    EXPECT_EQ(cuEventElapsedTime(&milliseconds, start, event), CUDA_SUCCESS);
    EXPECT_GE(milliseconds, 0);
  }
}

TEST_F(ApiTest, QueriesMakeProgress) {
  uint32_t *words = upload<uint32_t>({1});
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(add({words, 0}), CUDA_SUCCESS);
  int polls = 0;
  while (cuStreamQuery(stream_) == CUDA_ERROR_NOT_READY)
    ASSERT_LT(++polls, 10000);
  EXPECT_EQ(word(words), 59049u);
}

// Graphs -------------------------------------------------------------------------------------------------------------

TEST_F(ApiTest, CaptureAndReplay) {
  uint32_t *words = upload<uint32_t>({0});
  kernel("add_value"); // loaded before the capture
  ASSERT_EQ(cuStreamBeginCapture_v2(stream_, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);

  ASSERT_EQ(add({words, 1}), CUDA_SUCCESS);
  ASSERT_EQ(add({words, 2}), CUDA_SUCCESS);
  CUgraph graph;
  ASSERT_EQ(cuStreamEndCapture(stream_, &graph), CUDA_SUCCESS);
  size_t nodes = 0;
  ASSERT_EQ(cuGraphGetNodes(graph, nullptr, &nodes), CUDA_SUCCESS);
  EXPECT_EQ(nodes, 2u);
  EXPECT_EQ(word(words), 0u); // nothing ran
  CUgraphExec exec;
  ASSERT_EQ(cuGraphInstantiateWithFlags(&exec, graph, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphLaunch(exec, stream_), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphLaunch(exec, stream_), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
  ASSERT_EQ(finish(), CUDA_SUCCESS);
  EXPECT_EQ(word(words), 50u); // 0 -> 1 -> 5 -> 16 -> 50
}

TEST_F(ApiTest, CaptureRefusesSynchronisation) {
  ASSERT_EQ(cuStreamBeginCapture_v2(stream_, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
  CUdeviceptr address;
  EXPECT_EQ(cuMemAlloc_v2(&address, 64), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CUgraph graph;
  EXPECT_EQ(cuStreamEndCapture(stream_, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  EXPECT_EQ(graph, nullptr);
  ASSERT_EQ(cuStreamBeginCapture_v2(stream_, CU_STREAM_CAPTURE_MODE_RELAXED), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream_), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT_EQ(cuStreamEndCapture(stream_, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  EXPECT_EQ(finish(), CUDA_SUCCESS);
}

} // namespace
} // namespace cadenza::emulation
