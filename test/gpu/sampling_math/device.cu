// The sums of hashes of values on a GPU. See host.cpp.
#include "values.h"

#include <cstdio>

namespace {

__global__ void addHashes(int kind, unsigned long long *sums) {
  using namespace cadenza::sampling;
  const cadenza::uint32_t first = blockIdx.x * chunk;
  unsigned long long sum = 0;
  for (cadenza::uint32_t i = threadIdx.x; i < chunk; i += blockDim.x)
    sum += hash_of(first + i, value_of(kind, first + i));
  atomicAdd(sums + blockIdx.x, sum);
}

} // namespace

/// False: no GPU, or it failed.
bool sumsOfDevice(int kind, unsigned long long *sums) {
  using cadenza::sampling::chunks;
  unsigned long long *device = nullptr;
  cudaError_t error = cudaMalloc(&device, chunks * sizeof(*device));
  if (error == cudaSuccess)
    error = cudaMemset(device, 0, chunks * sizeof(*device));
  if (error == cudaSuccess) {
    addHashes<<<chunks, 256>>>(kind, device);
    error = cudaMemcpy(sums, device, chunks * sizeof(*device), cudaMemcpyDeviceToHost);
  }
  cudaFree(device);
  if (error != cudaSuccess)
    std::fprintf(stderr, "%s\n", cudaGetErrorString(error));
  return error == cudaSuccess;
}
