#include "runtime/bench/phase_times.h"

#include "runtime/bench/step_bytes.h"

#include <algorithm>

namespace cadenza::bench {
namespace {

/// The entry of that name, made where there is none.
PhaseTime &timeOf(std::vector<PhaseTime> &times, const std::string &name, const std::string &kind) {
  auto found = std::find_if(times.begin(), times.end(), [&](const PhaseTime &time) { return time.name == name; });
  if (found == times.end())
    found = times.insert(found, {.name = name, .kind = kind});
  return *found;
}

/// Adds the launches of a tile whose first token is at `first`, of which `tokens` exist.
void addTile(const Program &program, const Entry &entry, const cuda::BoundStep &step, int64_t first, int64_t tokens,
             const std::vector<std::vector<double>> &times, std::vector<PhaseTime> &phases) {
  const Phase *last = nullptr;
  for (size_t i = 0; i < times.size(); ++i) {
    const cuda::BoundLaunch &launch = step.launches[i];
    const Phase &phase = entry.blocks[launch.block].phases[launch.phase];
    PhaseTime &time = timeOf(phases, phase.name, std::string(phaseKindName(phase.kind)));
    ++time.launches;
    time.microseconds += summarize(times[i]).median;
    const bool continues = last == &phase && step.launches[i - 1].iteration == launch.iteration; // after its `prepare`
    const int64_t of = i < step.headLaunch ? tokens : 1;
    if (!continues)
      time.operations += operations(program, phase, launch.iteration, first + tokens - of, of);
    last = &phase;
  }
}

} // namespace

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

StatusOr<std::vector<PhaseTime>> timePromptPhases(cuda::CudaExecutor &executor, int64_t tokens, int repeats,
                                                  uint64_t seed) {
  const Program &program = executor.program();
  struct Tile {
    size_t index;
    int64_t first, live;
    std::vector<std::vector<double>> times; // of a launch, one a repeat
  };
  std::vector<Tile> tiles;
  for (int64_t first = 0; first < tokens;) {
    const int64_t size = chooseTile(executor.tileSizes(), tokens - first), live = std::min(size, tokens - first);
    const auto at = std::find(executor.tileSizes().begin(), executor.tileSizes().end(), size);
    tiles.push_back({static_cast<size_t>(at - executor.tileSizes().begin()), first, live, {}});
    first += live;
  }
  const std::vector<int32_t> prompt = seededPrompt(program, tokens, seed);
  for (int repeat = 0; repeat < repeats; ++repeat) {
    CADENZA_RETURN_IF_ERROR(executor.begin(prompt, {}));
    for (Tile &tile : tiles) {
      CADENZA_ASSIGN_OR_RETURN(const std::vector<float> launches,
                               executor.timeTile(executor.tileSizes()[tile.index], &tile == &tiles.back()));
      tile.times.resize(launches.size());
      for (size_t i = 0; i < launches.size(); ++i)
        tile.times[i].push_back(launches[i]);
    }
  }
  std::vector<PhaseTime> phases;
  for (const Tile &tile : tiles)
    addTile(program, program.entries[prefillEntries(program)[tile.index]], executor.tileStep(tile.index), tile.first,
            tile.live, tile.times, phases);
  return phases;
}

std::vector<PhaseTime> sumByKind(const std::vector<PhaseTime> &phases) {
  std::vector<PhaseTime> kinds;
  for (const PhaseTime &phase : phases) {
    PhaseTime &kind = timeOf(kinds, phase.kind, phase.kind);
    kind.launches += phase.launches;
    kind.microseconds += phase.microseconds;
    kind.operations += phase.operations;
  }
  std::stable_sort(kinds.begin(), kinds.end(),
                   [](const PhaseTime &a, const PhaseTime &b) { return a.microseconds > b.microseconds; });
  return kinds;
}

} // namespace cadenza::bench
