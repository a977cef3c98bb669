#include "test/emulation/driver.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace cadenza::emulation {

namespace {

thread_local CUcontext currentContext = nullptr;

uint64_t numberFromEnvironment(const char *name, uint64_t fallback) {
  const char *text = std::getenv(name);
  if (!text || !*text)
    return fallback;
  char *end;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (*end != '\0') {
    std::fprintf(stderr, "cadenza emulation: %s: '%s' is not a number\n", name, text);
    std::exit(2);
  }
  return value;
}

} // namespace

Driver &driver() {
  static Driver *instance = [] { // never destroyed: calls may come from static destructors
    auto *fresh = new Driver;
    fresh->reset();
    return fresh;
  }();
  return *instance;
}

DeviceProperties DeviceProperties::fromEnvironment() {
  struct Row {
    int major, minor, sharedPerMultiprocessor, threads, blocks;
  };
  // CUDA programming guide, technical specifications per compute capability. A block gets 1 KB less than there is.
  static constexpr Row rows[] = {{8, 0, 164, 2048, 32}, {8, 6, 100, 1536, 16},  {8, 9, 100, 1536, 24},
                                 {9, 0, 228, 2048, 32}, {10, 0, 228, 2048, 32}, {12, 0, 100, 1536, 24}};
  const char *text = std::getenv("CADENZA_EMULATED_CAPABILITY");
  int major = 9, minor = 0;
  if (text && std::sscanf(text, "%d.%d", &major, &minor) != 2)
    major = 0;
  const auto *row = std::find_if(std::begin(rows), std::end(rows),
                                 [&](const Row &r) { return r.major == major && r.minor == minor; });
  if (row == std::end(rows)) {
    std::fprintf(stderr, "cadenza emulation: CADENZA_EMULATED_CAPABILITY: '%s' is not known\n", text);
    std::exit(2);
  }
  DeviceProperties p;
  p.major = major;
  p.minor = minor;
  p.multiprocessors = static_cast<int>(std::clamp<uint64_t>(numberFromEnvironment("CADENZA_EMULATED_SMS", 4), 1, 1024));
  p.memoryBytes = numberFromEnvironment("CADENZA_EMULATED_MEMORY_MB", 8192) << 20;
  p.sharedPerMultiprocessor = row->sharedPerMultiprocessor * 1024;
  p.sharedPerBlockOptin = p.sharedPerMultiprocessor - 1024;
  p.threadsPerMultiprocessor = row->threads;
  p.blocksPerMultiprocessor = row->blocks;
  return p;
}

int DeviceProperties::blocksPerSm(const Kernel &kernel, int threads, uint64_t dynamicShared) const {
  if (threads < 1 || threads > static_cast<int>(kernel.descriptor.max_threads) ||
      dynamicShared > kernel.maxDynamicShared)
    return 0;
  const int warps = (threads + 31) / 32;
  const int byThreads = threadsPerMultiprocessor / (warps * 32);
  const int byShared = static_cast<int>(sharedPerMultiprocessor / (dynamicShared + 1024));
  // Registers are as many as the kernel's declaration leaves room for: the fewest resident blocks that it allows.
  const int declared = static_cast<int>(kernel.descriptor.max_threads * kernel.descriptor.min_blocks);
  const int byRegisters = std::max(declared, 1024) / (warps * 32);
  return std::min({byThreads, byShared, byRegisters, blocksPerMultiprocessor});
}

int DeviceProperties::activeClusters(const Kernel &kernel, int threads, uint64_t dynamicShared,
                                     int clusterBlocks) const {
  const int perSm = blocksPerSm(kernel, threads, dynamicShared);
  int clusters = 0;
  for (int left = multiprocessors; left > 0; left -= 16)
    clusters += std::min(left, 16) * perSm / clusterBlocks;
  return clusters;
}

void Driver::reset() {
  destroyContext();
  initialised = false;
  retained = 0;
  properties = DeviceProperties::fromEnvironment();
  const char *fail = std::getenv("CADENZA_EMULATION_FAIL");
  injection = fail ? Injection(fail) : Injection();
  seed = numberFromEnvironment("CADENZA_EMULATION_SEED", 1);
  runs = sequence = tickets = graphLaunches = 0;
  random = Random(seed ^ 0x63616465u);
  clearLastMessage();
}

void Driver::createContext() {
  memory = std::make_unique<DeviceMemory>(properties.memoryBytes);
  host::Services &services = scheduler().services;
  services.device_memory = memory->base();
  services.device_bytes = memory->reservedBytes();
  services.granule_map = memory->granuleMap();
  services.capability = static_cast<uint32_t>(properties.major * 10 + properties.minor);
}

/// Everything that belongs to the context ends with it, the sticky error included.
void Driver::destroyContext() {
  for (CUstream_st *stream : {&legacy, &perThread}) {
    stream->queue.clear();
    stream->capture = nullptr;
  }
  streams.clear();
  events.clear();
  graphExecs.clear();
  graphs.clear();
  captures.clear();
  modules.clear();
  memory = nullptr;
  sticky = CUDA_SUCCESS;
}

CUstream Driver::stream(CUstream handle) {
  const auto value = reinterpret_cast<uintptr_t>(handle);
  if (value <= 1) // null or CU_STREAM_LEGACY
    return &legacy;
  if (value == 2) // CU_STREAM_PER_THREAD
    return &perThread;
  auto found = findHandle(streams, handle);
  return found == streams.end() ? nullptr : found->get();
}

Call::Call(const char *name, Needs needs)
    : error((driver().mutex.lock(), check(name, needs))), lock_(driver().mutex, std::adopt_lock) {}

CUresult Call::check(const char *name, Needs needs) {
  Driver &d = driver();
  if (CUresult injected = d.injection.count(name); injected != CUDA_SUCCESS)
    return injected;
  if (needs == Needs::nothing)
    return CUDA_SUCCESS;
  if (!d.initialised)
    return CUDA_ERROR_NOT_INITIALIZED;
  if (needs == Needs::initialised)
    return CUDA_SUCCESS;
  if (!currentContext || !d.memory)
    return CUDA_ERROR_INVALID_CONTEXT;
  return d.sticky;
}

CUcontext &threadContext() { return currentContext; }

} // namespace cadenza::emulation

using namespace cadenza::emulation;

/// For tests in one process: everything is as in a fresh one, with the environment read again.
CADENZA_CUDA_API void cadenza_emulation_reset() {
  std::lock_guard lock(driver().mutex);
  driver().reset();
  scheduler().resetRecord();
  threadContext() = nullptr;
}

/// Objects that the host created and has not destroyed: allocations, pinned allocations, streams, events, modules,
/// graphs and instantiated graphs.
CADENZA_CUDA_API uint64_t cadenza_emulation_live_objects() {
  std::lock_guard lock(driver().mutex);
  const Driver &d = driver();
  uint64_t live = d.streams.size() + d.events.size() + d.modules.size() + d.graphs.size() + d.graphExecs.size();
  if (d.memory)
    live += d.memory->liveAllocations(DeviceMemory::Kind::device) + d.memory->liveAllocations(DeviceMemory::Kind::host);
  return live;
}

/// The message of the latest fault, also printed on stderr.
CADENZA_CUDA_API const char *cadenza_emulation_last_message() { return lastMessage().c_str(); }
