// Our declarations against NVIDIA's cuda.h, where the machine has one.
#include "runtime/cuda/driver_api.h"

#include <gtest/gtest.h>

#if __has_include(CADENZA_CUDA_HEADER)
#include CADENZA_CUDA_HEADER
#include <type_traits>

namespace cadenza::cuda {
namespace {

/// The same size and, for what is passed by value, the same kind.
template <typename Ours, typename Theirs>
constexpr bool same = sizeof(Ours) == sizeof(Theirs) && alignof(Ours) == alignof(Theirs) &&
                      std::is_pointer_v<Ours> == std::is_pointer_v<Theirs>;

template <typename Ours, typename Theirs> constexpr bool sameFunction = false;
template <typename R1, typename... A1, typename R2, typename... A2>
constexpr bool sameFunction<R1 (*)(A1...), R2 (*)(A2...)> = [] {
  if constexpr (sizeof...(A1) == sizeof...(A2))
    return same<R1, R2> && (same<A1, A2> && ...);
  return false;
}();

// cuda.h's macros turn a name into the version of it that a program gets.
#define CADENZA_CHECK(name, parameters)                                                                                \
  static_assert(sameFunction<CUresult(*) parameters, decltype(&::name)>, #name " differs from cuda.h");
CADENZA_CUDA_FUNCTIONS(CADENZA_CHECK)

#define CADENZA_SAME_FIELD(type, field)                                                                                \
  static_assert(offsetof(type, field) == offsetof(::type, field) &&                                                    \
                same<decltype(type::field), decltype(::type::field)>)
static_assert(same<CUlaunchConfig, ::CUlaunchConfig> && same<CUlaunchAttribute, ::CUlaunchAttribute>);
CADENZA_SAME_FIELD(CUlaunchConfig, gridDimX);
CADENZA_SAME_FIELD(CUlaunchConfig, gridDimY);
CADENZA_SAME_FIELD(CUlaunchConfig, gridDimZ);
CADENZA_SAME_FIELD(CUlaunchConfig, blockDimX);
CADENZA_SAME_FIELD(CUlaunchConfig, blockDimY);
CADENZA_SAME_FIELD(CUlaunchConfig, blockDimZ);
CADENZA_SAME_FIELD(CUlaunchConfig, sharedMemBytes);
CADENZA_SAME_FIELD(CUlaunchConfig, hStream);
CADENZA_SAME_FIELD(CUlaunchConfig, attrs);
CADENZA_SAME_FIELD(CUlaunchConfig, numAttrs);
CADENZA_SAME_FIELD(CUlaunchAttribute, id);
CADENZA_SAME_FIELD(CUlaunchAttribute, value);
CADENZA_SAME_FIELD(CUlaunchAttributeValue, cooperative);
CADENZA_SAME_FIELD(CUlaunchAttributeValue, clusterDim);
CADENZA_SAME_FIELD(CUlaunchAttributeValue, clusterDim.x);
CADENZA_SAME_FIELD(CUlaunchAttributeValue, clusterDim.z);

#define CADENZA_SAME(value) static_assert(static_cast<unsigned>(value) == static_cast<unsigned>(::value))
CADENZA_SAME(CUDA_ERROR_INVALID_VALUE);
CADENZA_SAME(CUDA_ERROR_OUT_OF_MEMORY);
CADENZA_SAME(CUDA_ERROR_DEINITIALIZED);
CADENZA_SAME(CUDA_ERROR_STUB_LIBRARY);
CADENZA_SAME(CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER);
CADENZA_SAME(CUDA_ERROR_DEVICE_UNAVAILABLE);
CADENZA_SAME(CUDA_ERROR_NO_DEVICE);
CADENZA_SAME(CUDA_ERROR_INVALID_DEVICE);
CADENZA_SAME(CUDA_ERROR_DEVICE_NOT_LICENSED);
CADENZA_SAME(CUDA_ERROR_INVALID_IMAGE);
CADENZA_SAME(CUDA_ERROR_INVALID_CONTEXT);
CADENZA_SAME(CUDA_ERROR_NO_BINARY_FOR_GPU);
CADENZA_SAME(CUDA_ERROR_ECC_UNCORRECTABLE);
CADENZA_SAME(CUDA_ERROR_INVALID_PTX);
CADENZA_SAME(CUDA_ERROR_NVLINK_UNCORRECTABLE);
CADENZA_SAME(CUDA_ERROR_JIT_COMPILER_NOT_FOUND);
CADENZA_SAME(CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
CADENZA_SAME(CUDA_ERROR_JIT_COMPILATION_DISABLED);
CADENZA_SAME(CUDA_ERROR_CONTAINED);
CADENZA_SAME(CUDA_ERROR_NOT_FOUND);
CADENZA_SAME(CUDA_ERROR_NOT_READY);
CADENZA_SAME(CUDA_ERROR_ILLEGAL_ADDRESS);
CADENZA_SAME(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
CADENZA_SAME(CUDA_ERROR_LAUNCH_TIMEOUT);
CADENZA_SAME(CUDA_ERROR_CONTEXT_IS_DESTROYED);
CADENZA_SAME(CUDA_ERROR_ASSERT);
CADENZA_SAME(CUDA_ERROR_HARDWARE_STACK_ERROR);
CADENZA_SAME(CUDA_ERROR_ILLEGAL_INSTRUCTION);
CADENZA_SAME(CUDA_ERROR_MISALIGNED_ADDRESS);
CADENZA_SAME(CUDA_ERROR_INVALID_ADDRESS_SPACE);
CADENZA_SAME(CUDA_ERROR_INVALID_PC);
CADENZA_SAME(CUDA_ERROR_LAUNCH_FAILED);
CADENZA_SAME(CUDA_ERROR_TENSOR_MEMORY_LEAK);
CADENZA_SAME(CUDA_ERROR_SYSTEM_NOT_READY);
CADENZA_SAME(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
CADENZA_SAME(CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE);
CADENZA_SAME(CUDA_ERROR_MPS_CLIENT_TERMINATED);
CADENZA_SAME(CUDA_ERROR_EXTERNAL_DEVICE);
CADENZA_SAME(CUDA_ERROR_INVALID_CLUSTER_SIZE);
CADENZA_SAME(CUDA_ERROR_UNKNOWN);
CADENZA_SAME(CU_LAUNCH_ATTRIBUTE_COOPERATIVE);
CADENZA_SAME(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
CADENZA_SAME(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
CADENZA_SAME(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X);
CADENZA_SAME(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
CADENZA_SAME(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
CADENZA_SAME(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
CADENZA_SAME(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
CADENZA_SAME(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
CADENZA_SAME(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
CADENZA_SAME(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
CADENZA_SAME(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
CADENZA_SAME(CU_JIT_ERROR_LOG_BUFFER);
CADENZA_SAME(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
CADENZA_SAME(CU_STREAM_NON_BLOCKING);
CADENZA_SAME(CU_EVENT_BLOCKING_SYNC);
CADENZA_SAME(CU_EVENT_DISABLE_TIMING);

TEST(DriverAbi, MatchesCudaHeader) { SUCCEED() << "checked at compile time"; }

} // namespace
} // namespace cadenza::cuda

#else
TEST(DriverAbi, MatchesCudaHeader) { GTEST_SKIP() << "no cuda.h on this machine"; }
#endif
