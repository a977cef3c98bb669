// Runs the kernels of kernels/async.cu and kernels/cluster.cu through whatever libcuda.so.1 is found, a GPU's or the
// emulation's, and compares with async_reference.h. compare_with_gpu.sh builds it and says how to run it.
#include "test/emulation/async_reference.h"
#include "test/emulation/driver_abi.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

using namespace cadenza::emulation;

namespace {

void *library;
template <typename... T> CUresult call(const char *name, T... arguments) {
  auto *function = reinterpret_cast<CUresult (*)(T...)>(dlsym(library, name));
  return function ? function(arguments...) : CUDA_ERROR_NOT_FOUND;
}
template <typename... T> void must(const char *name, T... arguments) {
  if (const CUresult error = call(name, arguments...); error != CUDA_SUCCESS) {
    std::printf("%s: error %d\n", name, error);
    std::exit(2);
  }
}

struct Case {
  std::string kernel, file;
  uint32_t blocks, threads, shared, clusterBlocks;
  uint64_t steps, firstEpoch;
  Words weights, initial, expected;
  uint64_t slotBytes;
};

std::string folder, suffix;
std::map<std::string, CUmodule> modules;
uint32_t *diagnosis;

CUresult execute(const Case &c, uint64_t limitNs, Words &out, double &microseconds) {
  if (!modules.contains(c.file)) {
    std::ifstream stream(folder + "/" + c.file + suffix, std::ios::binary);
    const std::string image{std::istreambuf_iterator<char>(stream), {}};
    must("cuModuleLoadData", &modules[c.file], static_cast<const void *>(image.c_str()));
  }
  CUfunction function;
  must("cuModuleGetFunction", &function, modules[c.file], c.kernel.c_str());
  CUdeviceptr weights, result, slots;
  out = c.initial;
  must("cuMemAlloc_v2", &weights, c.weights.size() * 4 + 4);
  must("cuMemAlloc_v2", &result, out.size() * 4);
  must("cuMemAlloc_v2", &slots, c.slotBytes + 16);
  must("cuMemcpyHtoD_v2", weights, static_cast<const void *>(c.weights.data()), c.weights.size() * 4);
  must("cuMemcpyHtoD_v2", result, static_cast<const void *>(out.data()), out.size() * 4);
  must("cuMemsetD32_v2", slots, 0u, static_cast<size_t>(c.slotBytes / 4 + 4));
  std::memset(diagnosis, 0, 16);
  const AsyncArgs args{reinterpret_cast<const uint32_t *>(weights),
                       reinterpret_cast<uint32_t *>(result),
                       reinterpret_cast<void *>(slots),
                       diagnosis,
                       c.steps,
                       c.firstEpoch,
                       limitNs};
  const void *parameters[] = {&args};
  CUlaunchAttribute attributes[2]{};
  attributes[0].id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  attributes[0].value.cooperative = 1;
  attributes[1].id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  attributes[1].value.clusterDim = {c.clusterBlocks, 1, 1};
  const CUlaunchConfig config{c.blocks, 1,        1,       c.threads,  1,
                              1,        c.shared, nullptr, attributes, c.clusterBlocks > 1 ? 2u : 1u};
  const auto start = std::chrono::steady_clock::now();
  must("cuLaunchKernelEx", &config, function, const_cast<void **>(parameters), static_cast<void **>(nullptr));
  const CUresult error = call("cuCtxSynchronize");
  microseconds = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  if (error != CUDA_SUCCESS)
    return error;
  must("cuMemcpyDtoH_v2", static_cast<void *>(out.data()), result, out.size() * 4);
  for (CUdeviceptr memory : {weights, result, slots})
    must("cuMemFree_v2", memory);
  return CUDA_SUCCESS;
}

/// Runs case `index`: 0 right, 1 wrong, 2 no device, 77 no such case.
int runCase(size_t index, bool emulated, int repeats) {
  library = dlopen("libcuda.so.1", RTLD_NOW);
  if (!library) {
    std::printf("%s\n", dlerror());
    return 2;
  }
  CUcontext context;
  must("cuInit", 0u);
  must("cuDevicePrimaryCtxRetain", &context, CUdevice{0});
  must("cuCtxSetCurrent", context);
  int sms = 0, major = 0;
  must("cuDeviceGetAttribute", &sms, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, CUdevice{0});
  must("cuDeviceGetAttribute", &major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, CUdevice{0});
  void *host;
  must("cuMemHostAlloc", &host, size_t{16}, 2u /* mapped */);
  CUdeviceptr mapped;
  must("cuMemHostGetDevicePointer_v2", &mapped, host, 0u);
  diagnosis = static_cast<uint32_t *>(host);
  if (mapped != reinterpret_cast<CUdeviceptr>(host)) {
    std::printf("no unified addressing\n");
    return 2;
  }

  const uint32_t blocks = static_cast<uint32_t>(sms);
  const uint64_t steps = emulated ? 5 : 200;
  std::vector<Case> cases;
  const Words ring = testWeights(blocks * steps * stageWords);
  for (uint32_t consumers : {64u, 256u})
    cases.push_back({"ring", "async", blocks, consumers + 32, ringShared, 1, steps, 1, ring, Words(blocks * consumers),
                     ringReference(ring, blocks, consumers, steps), 0});
  cases.push_back({"exchange",
                   "async",
                   blocks,
                   128,
                   blocks * packetsABlock * 4,
                   1,
                   6,
                   5,
                   {},
                   Words(blocks * packetsABlock),
                   exchangeReference(blocks, 6, 5),
                   uint64_t{2} * blocks * packetsABlock * 16});
  cases.push_back({"turns", "async", blocks, 32, 0, 1, steps, 1, {}, {0, 1}, turnsReference(blocks, steps), 0});
  cases.push_back({"named_barriers",
                   "async",
                   blocks,
                   128,
                   8,
                   1,
                   steps,
                   1,
                   {},
                   Words(blocks * 2),
                   namedBarriersReference(blocks, steps),
                   0});
  for (uint32_t ranks : {2u, 4u, 8u}) {
    const uint32_t width = ranks * segmentWords;
    // Groups of multiprocessors may be smaller than 16: leave what a cluster size cannot fill.
    const uint32_t many = (emulated ? blocks : blocks * 9 / 10) / ranks * ranks;
    if (major < 9 || many == 0)
      continue;
    cases.push_back({"hops",
                     "cluster",
                     many,
                     64,
                     hopShared,
                     ranks,
                     steps,
                     1,
                     {},
                     Words(many * 64),
                     hopsReference(many, ranks, steps),
                     0});
    cases.push_back({"remote_arrivals",
                     "cluster",
                     many,
                     32,
                     128,
                     ranks,
                     steps,
                     1,
                     {},
                     Words(many),
                     remoteArrivalsReference(many, ranks, steps),
                     0});
    const Words weights = testWeights(uint64_t{layerCount} * (many + 1) * stageWords);
    cases.push_back({"persistent", "cluster", many, 96, persistentShared, ranks, steps, 3, weights, Words(many * width),
                     persistentReference(weights, many, ranks, steps),
                     uint64_t{layerCount} * 2 * many * segmentWords * 16});
  }
  double microseconds = 0;
  Words out;
  if (index == cases.size()) { // a wait that never ends, and a watchdog of 100 ms
    const CUresult error =
        execute({"wait_with_watchdog", "async", 2, 64, 128, 1, 1, 1, {}, {0}, {}, 0}, 100'000'000, out, microseconds);
    std::printf("watchdog of 100 ms: error %d after %.0f ms, reported %u\n", error, microseconds / 1000, diagnosis[0]);
    return error == CUDA_SUCCESS || diagnosis[0] != 4;
  }
  if (index == cases.size() + 1 && major >= 9) { // as observed: st.async needs a launch with clusters
    const CUresult error = execute({"hops", "cluster", blocks, 64, hopShared, 1, 1, 1, {}, Words(blocks * 64), {}, 0},
                                   100'000'000, out, microseconds);
    std::printf("hops without clusters: error %d\n", error);
    return error == CUDA_SUCCESS;
  }
  if (index > cases.size())
    return 77;
  const Case &c = cases[index];
  int wrong = 0;
  for (int i = 0; i < repeats; ++i) {
    if (const CUresult error = execute(c, 3'000'000'000, out, microseconds); error != CUDA_SUCCESS) {
      std::printf("%s, clusters of %u: error %d, waited at %u in block %u, thread %u\n", c.kernel.c_str(),
                  c.clusterBlocks, error, diagnosis[0], diagnosis[1], diagnosis[2]);
      return 1;
    }
    wrong += out != c.expected;
  }
  std::printf("%-16s %3u blocks, clusters of %u: %d of %d wrong, last %.0f us\n", c.kernel.c_str(), c.blocks,
              c.clusterBlocks, wrong, repeats, microseconds);
  return wrong != 0;
}

} // namespace

/// compare_with_gpu FOLDER so|sm_NN [REPEATS]: FOLDER holds async.SUFFIX and cluster.SUFFIX.
int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  folder = argv[1];
  suffix = std::string(".") + argv[2];
  const int repeats = argc > 3 ? std::atoi(argv[3]) : 1;
  // Each case in a process of its own: a fault ends a context.
  int failures = 0;
  for (size_t index = 0;; ++index) {
    const pid_t child = fork();
    if (child == 0) {
      const int result = runCase(index, suffix == ".so", repeats);
      std::fflush(stdout);
      _exit(result);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0)
      return 2;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
      break;
    failures += status != 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
      return 2;
  }
  std::printf("%d cases failed\n", failures);
  return failures != 0;
}
