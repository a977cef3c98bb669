#include "runtime/bench/phase_times.h"

#include <algorithm>

namespace cadenza::bench {

StatusOr<std::vector<PhaseTime>> timePhases(cuda::CudaExecutor &executor, int repeats) {
  const std::vector<cuda::BoundLaunch> &launches = executor.step().launches;
  std::vector<std::vector<double>> times(launches.size());
  for (int repeat = 0; repeat < repeats; ++repeat) {
    CADENZA_ASSIGN_OR_RETURN(std::vector<float> step, executor.timeStep());
    for (size_t i = 0; i < step.size(); ++i)
      times[i].push_back(step[i]);
  }
  std::vector<PhaseTime> phases;
  uint32_t block = 0, firstOfBlock = 0; // phases[firstOfBlock + p] is phase p of the block
  for (size_t i = 0; i < launches.size(); ++i) {
    const cuda::BoundLaunch &launch = launches[i];
    if (launch.block != block) {
      block = launch.block;
      firstOfBlock = static_cast<uint32_t>(phases.size());
    }
    if (launch.iteration == 0) {
      const Phase &phase = decodeEntry(executor.program()).blocks[launch.block].phases[launch.phase];
      phases.push_back({.name = phase.name, .kind = std::string(phaseKindName(phase.kind))});
    }
    PhaseTime &phase = phases[firstOfBlock + launch.phase];
    ++phase.launches;
    phase.microseconds += summarize(times[i]).median;
  }
  return phases;
}

std::vector<PhaseTime> sumByKind(const std::vector<PhaseTime> &phases) {
  std::vector<PhaseTime> kinds;
  for (const PhaseTime &phase : phases) {
    auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const PhaseTime &k) { return k.kind == phase.kind; });
    if (kind == kinds.end())
      kind = kinds.insert(kind, {.name = phase.kind, .kind = phase.kind});
    kind->launches += phase.launches;
    kind->microseconds += phase.microseconds;
  }
  std::stable_sort(kinds.begin(), kinds.end(),
                   [](const PhaseTime &a, const PhaseTime &b) { return a.microseconds > b.microseconds; });
  return kinds;
}

} // namespace cadenza::bench
