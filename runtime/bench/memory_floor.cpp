#include "runtime/bench/memory_floor.h"

#include "runtime/bench/statistics.h"
#include "runtime/bench/stream_ptx.h"
#include "runtime/support/workers.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <vector>

namespace cadenza::bench {
namespace {

using namespace cadenza::cuda;

std::string gigabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

/// One shape of the streaming kernel over one buffer.
struct StreamRun {
  Device &device;
  CUstream stream;
  CUfunction function;
  CUlaunchConfig config;
  uint64_t words[3];

  Status launch() {
    void *parameters[] = {&words[0], &words[1], &words[2]};
    CADENZA_CUDA_TRY(device, cuLaunchKernelEx, &config, function, parameters, nullptr);
    return Status::ok();
  }

  /// The median time of `repeats` runs after a warm-up, in seconds.
  StatusOr<double> time(int repeats) {
    CADENZA_ASSIGN_OR_RETURN(Event start, Event::make(device, CU_EVENT_DEFAULT));
    CADENZA_ASSIGN_OR_RETURN(Event end, Event::make(device, CU_EVENT_DEFAULT));
    std::vector<double> seconds;
    CADENZA_RETURN_IF_ERROR(launch());
    for (int i = 0; i < repeats; ++i) {
      CADENZA_CUDA_TRY(device, cuEventRecord, start.get(), stream);
      CADENZA_RETURN_IF_ERROR(launch());
      CADENZA_CUDA_TRY(device, cuEventRecord, end.get(), stream);
      CADENZA_CUDA_TRY(device, cuEventSynchronize, end.get());
      float milliseconds = 0;
      CADENZA_CUDA_TRY(device, cuEventElapsedTime, &milliseconds, start.get(), end.get());
      seconds.push_back(milliseconds / 1e3);
    }
    return summarize(seconds).median;
  }
};

} // namespace

StatusOr<MemoryFloor> measureGpuFloor(CudaExecutor &executor) {
  Device &device = executor.device();
  if (device.properties().emulated)
    return Status(StatusCode::Unsupported, "the emulator has no memory rate");
  CurrentContext current(device);
  CADENZA_RETURN_IF_ERROR(current.status());

  constexpr uint64_t enough = 1ull << 30; // many times the L2 cache of any GPU
  uint64_t bytes = executor.weights().bytes();
  CUdeviceptr buffer = executor.weights().get();
  DeviceBuffer own;
  if (bytes < enough) {
    CADENZA_ASSIGN_OR_RETURN(own, DeviceBuffer::make(device, enough, "measuring the memory floor"));
    bytes = enough;
    buffer = own.get();
    CADENZA_CUDA_TRY(device, cuMemsetD8Async, buffer, 0x5a, bytes, executor.stream());
  }
  CADENZA_ASSIGN_OR_RETURN(DeviceBuffer sink, DeviceBuffer::make(device, 16, "measuring the memory floor"));

  MemoryFloor best;
  uint32_t multiprocessors = static_cast<uint32_t>(device.properties().multiprocessors);
  for (uint32_t loads : {4u, 8u, 16u}) {
    std::string ptx = streamPtx(loads);
    CADENZA_ASSIGN_OR_RETURN(Module module,
                             Module::load(device, std::as_bytes(std::span(ptx)), true, "the streaming kernel"));
    CADENZA_ASSIGN_OR_RETURN(CUfunction function, module.function("stream_read"));
    uint64_t tiles = bytes / streamTileBytes(loads);
    for (uint32_t blocksPerSm : {1u, 2u, 4u}) {
      StreamRun run{device, executor.stream(), function, {}, {buffer, tiles, sink.get()}};
      run.config.gridDimX = multiprocessors * blocksPerSm;
      run.config.gridDimY = run.config.gridDimZ = 1;
      run.config.blockDimX = streamThreads;
      run.config.blockDimY = run.config.blockDimZ = 1;
      run.config.hStream = executor.stream();
      CADENZA_ASSIGN_OR_RETURN(double seconds, run.time(15));
      double rate = static_cast<double>(tiles * streamTileBytes(loads)) / seconds / 1e9;
      if (rate > best.gbPerSecond)
        best = {rate, "read-only kernel over " + gigabytes(bytes) + ", " + std::to_string(multiprocessors) + " x " +
                          std::to_string(blocksPerSm) + " blocks of " + std::to_string(streamThreads) + " threads, " +
                          std::to_string(loads) + " loads of 16 bytes a turn"};
    }
    CADENZA_CUDA_TRY(device, cuStreamSynchronize, executor.stream()); // before the module goes
  }
  return best;
}

StatusOr<MemoryFloor> measureHostFloor() {
  constexpr uint64_t bytes = 512ull << 20;
  const size_t threads = threadCount(0);
  std::vector<uint64_t> buffer;
  try {
    buffer.assign(bytes / sizeof(uint64_t), 1);
  } catch (const std::bad_alloc &) {
    return Status(StatusCode::OutOfMemory, "no host memory for measuring its read rate");
  }
  std::atomic<uint64_t> total = 0; // keeps the reads alive
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    auto start = std::chrono::steady_clock::now();
    std::atomic<size_t> next = 0;
    runWorkers(threads, [&] {
      for (size_t i; (i = next++) < threads;) {
        auto begin = buffer.begin() + static_cast<ptrdiff_t>(buffer.size() * i / threads);
        auto end = buffer.begin() + static_cast<ptrdiff_t>(buffer.size() * (i + 1) / threads);
        total += std::accumulate(begin, end, uint64_t{0});
      }
    });
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(bytes) / seconds.count() / 1e9);
  }
  return MemoryFloor{best,
                     "sum over " + gigabytes(bytes) + " of host memory on " + std::to_string(threads) + " threads"};
}

} // namespace cadenza::bench
