// Whether a GPU computes noise, weights and draws (runtime/shared/sampling.h) with the bits of the host: all 2^32 of
// each kind. test/gpu/sampling_math/build.sh PROGRAM builds it, for GPUs from sm_80 on; then PROGRAM, which needs
// nothing else and some seconds on a few cores. Exit code 0: equal.
#include "values.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

bool sumsOfDevice(int kind, unsigned long long *sums);

namespace {

using namespace cadenza::sampling;

void sumsOfHost(int kind, std::vector<unsigned long long> &sums) {
  std::atomic<uint32_t> next{0};
  std::vector<std::jthread> threads;
  for (unsigned thread = 0; thread < std::max(1u, std::thread::hardware_concurrency()); ++thread)
    threads.emplace_back([&] {
      for (uint32_t at = next++; at < chunks; at = next++)
        for (uint32_t i = 0; i < chunk; ++i)
          sums[at] += hash_of(at * chunk + i, value_of(kind, at * chunk + i));
    });
}

} // namespace

int main() {
  const char *const names[kinds] = {"noise", "weights", "random bits", "penalties, distances, draws"};
  int different = 0;
  for (int kind = 0; kind < kinds; ++kind) {
    std::vector<unsigned long long> device(chunks), host(chunks);
    if (!sumsOfDevice(kind, device.data()))
      return 7;
    sumsOfHost(kind, host);
    uint32_t count = 0, first = 0;
    for (uint32_t at = chunks; at-- > 0;)
      if (device[at] != host[at]) {
        ++count;
        first = at;
      }
    if (count == 0)
      std::printf("%s: equal\n", names[kind]);
    else
      std::printf("%s: %u of %u chunks differ, the first begins at 0x%08x\n", names[kind], count, chunks,
                  first * chunk);
    different += count != 0;
  }
  return different == 0 ? 0 : 1;
}
