// What the probes of graphs' kernels share: data, launches, times, comparison.
//
// A time is the median of replays of a CUDA graph of 50 launches, each the programmatic dependent of the one before it.
#pragma once

#include "arch.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>
#include <type_traits>
#include <utility>
#include <vector>

namespace cadenza::probe {

inline bool wrong = false;

#define CHECK(call)                                                                                                    \
  do {                                                                                                                 \
    const cudaError_t error = call;                                                                                    \
    if (error != cudaSuccess) {                                                                                        \
      std::fprintf(stderr, "%s: %s\n", #call, cudaGetErrorString(error));                                              \
      std::exit(1);                                                                                                    \
    }                                                                                                                  \
  } while (0)

constexpr int copies = 50;           // launches of a graph
constexpr int maxShared = 99 * 1024; // what every target has
#if defined(CADENZA_ALL)
constexpr bool all = true; // candidates, too
#else
constexpr bool all = false;
#endif

template <class T> const char *name_of() {
  return std::is_same_v<T, bf16> ? "bf16" : std::is_same_v<T, f16> ? "f16" : "f32";
}

/// Numbers of a fixed sequence in (-1, 1).
template <class T> __global__ void fill(T *to, size_t count, uint32_t seed) {
  for (size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x; i < count; i += size_t{gridDim.x} * blockDim.x) {
    uint32_t x = static_cast<uint32_t>(i) * 2654435761u + seed;
    x = (x ^ x >> 15) * 2246822519u;
    x = (x ^ x >> 13) * 3266489917u;
    to[i] = arch::from_float<T>(static_cast<float>(static_cast<int32_t>(x ^ x >> 16)) * 0x1p-31f);
  }
}
template <class T> T *filled(size_t count, uint32_t seed) {
  T *memory;
  CHECK(cudaMalloc(&memory, count * sizeof(T)));
  fill<<<1024, 256>>>(memory, count, seed);
  CHECK(cudaDeviceSynchronize());
  return memory;
}

/// Microseconds of one launch. launch(i, stream) is the i-th of `count`.
template <class Launch> double microseconds(Launch launch, int count = copies, int replays = 25) {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  cudaEvent_t begin, end;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < count; ++i)
    launch(i, stream);
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphInstantiate(&executable, graph, 0));
  std::vector<double> times;
  for (int i = 0; i < replays; ++i) {
    CHECK(cudaEventRecord(begin, stream));
    CHECK(cudaGraphLaunch(executable, stream));
    CHECK(cudaEventRecord(end, stream));
    CHECK(cudaStreamSynchronize(stream));
    float milliseconds = 0;
    CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
    if (i >= replays / 5)
      times.push_back(1000.0 * milliseconds / count);
  }
  std::sort(times.begin(), times.end());
  CHECK(cudaGraphExecDestroy(executable));
  CHECK(cudaGraphDestroy(graph));
  CHECK(cudaStreamDestroy(stream));
  CHECK(cudaEventDestroy(begin));
  CHECK(cudaEventDestroy(end));
  return times[times.size() / 2];
}

template <class Instance>
__global__ void __launch_bounds__(Instance::threads, 1) kernel(const __grid_constant__ typename Instance::Args args) {
  Instance::run(args);
}

template <class Instance>
void launch(const typename Instance::Args &args, int cluster, cudaStream_t stream, int blocks) {
  cudaLaunchAttribute attributes[2] = {};
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(Instance::threads);
  config.dynamicSmemBytes = Instance::shared_bytes;
  config.stream = stream;
  config.attrs = attributes;
  attributes[config.numAttrs].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[config.numAttrs++].val.programmaticStreamSerializationAllowed = 1;
  if (cluster > 1) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs].val.clusterDim.x = static_cast<unsigned>(cluster);
    attributes[config.numAttrs].val.clusterDim.y = attributes[config.numAttrs].val.clusterDim.z = 1;
    ++config.numAttrs;
  }
  CHECK(cudaLaunchKernelEx(&config, kernel<Instance>, args));
}
template <class Instance> void launch(const typename Instance::Args &args, int cluster, cudaStream_t stream) {
  launch<Instance>(args, cluster, stream, Instance::blocks);
}

/// The largest difference in units of `unit` times the root mean square of `expected`, or infinity.
template <class T> double difference(const T *actual, const float *expected, size_t count) {
  std::vector<T> a(count);
  std::vector<float> b(count);
  CHECK(cudaMemcpy(a.data(), actual, count * sizeof(T), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(b.data(), expected, count * sizeof(float), cudaMemcpyDeviceToHost));
  double largest = 0, squares = 0;
  for (size_t i = 0; i < count; ++i) {
    float x;
    if constexpr (sizeof(T) == 4) {
      x = a[i];
    } else if constexpr (std::is_same_v<T, bf16>) {
      const uint32_t bits = static_cast<uint32_t>(a[i].bits) << 16;
      std::memcpy(&x, &bits, 4);
    } else {
      _Float16 half;
      std::memcpy(&half, &a[i], 2);
      x = static_cast<float>(half);
    }
    const double d = std::fabs(static_cast<double>(x) - b[i]);
    largest = d <= largest ? largest : d; // NaN counts
    squares += static_cast<double>(b[i]) * b[i];
  }
  return std::isnan(largest) ? INFINITY : largest / std::sqrt(squares / static_cast<double>(count));
}

/// What the program ends with.
inline int finish() {
  std::printf("%s\n", wrong ? "WRONG" : "all right");
  return wrong ? 1 : 0;
}
inline void print_device() {
  cudaDeviceProp properties;
  CHECK(cudaGetDeviceProperties(&properties, 0));
  std::printf("%s, %d multiprocessors\n", properties.name, properties.multiProcessorCount);
}

} // namespace cadenza::probe
