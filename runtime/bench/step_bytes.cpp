#include "runtime/bench/step_bytes.h"

#include "runtime/plan/describe.h"

#include <map>

namespace cadenza::bench {
namespace {

/// Calls visit(phase, iteration) for every phase of a step.
template <typename Visit> void forEachPhase(const Program &program, Visit visit) {
  for (const Block &block : decodeEntry(program).blocks)
    for (int64_t iteration = 0; iteration < block.count; ++iteration)
      for (const Phase &phase : block.phases)
        visit(phase, iteration);
}

uint32_t resolve(const Ref &ref, const std::vector<Table> &tables, int64_t iteration) {
  return ref.perLayer ? tables[ref.index][static_cast<size_t>(iteration)] : ref.index;
}

} // namespace

uint64_t weightBytesPerStep(const Program &program) {
  std::map<uint32_t, uint64_t> read; // by weight: a whole matrix if any phase reads that
  auto reads = [&](const Ref &ref, int64_t iteration, auto bytesOf) {
    uint32_t index = resolve(ref, program.weightTables, iteration);
    uint64_t &bytes = read[index];
    bytes = std::max<uint64_t>(bytes, bytesOf(program.weights[index]));
  };
  auto ofFunction = [&](const Weight &weight) {
    return weight.encoding == Encoding::rope_table ? positionBytes(weight) : denseBytes(weight);
  };
  forEachPhase(program, [&](const Phase &phase, int64_t iteration) {
    if (phase.kind == PhaseKind::Project)
      reads(phase.matrix, iteration, denseBytes);
    else if (phase.kind == PhaseKind::Embed)
      reads(phase.matrix, iteration, denseRowBytes);
    if (phase.positions)
      reads(*phase.positions, iteration, denseRowBytes);
    for (const auto *functions : {&phase.prologue, &phase.epilogues})
      for (const Function &function : *functions)
        for (const Ref &ref : function.weights)
          reads(ref, iteration, ofFunction);
  });
  uint64_t total = 0;
  for (const auto &[index, bytes] : read)
    total += bytes;
  return total;
}

uint64_t cacheBytesPerStep(const Program &program, int64_t positions) {
  uint64_t total = 0;
  forEachPhase(program, [&](const Phase &phase, int64_t iteration) {
    if (phase.kind != PhaseKind::Attend)
      return;
    int64_t read = positions;
    for (const Ref &ref : phase.scalars)
      if (int64_t window = program.scalars[resolve(ref, program.scalarTables, iteration)].value; window > 0)
        read = std::min(read, window);
    for (const Ref &ref : phase.caches)
      total +=
          static_cast<uint64_t>(read) * positionBytes(program.caches[resolve(ref, program.cacheTables, iteration)]);
  });
  return total;
}

double meanCacheBytes(const Program &program, int64_t context, int64_t steps) {
  double total = 0;
  for (int64_t i = 0; i < steps; ++i)
    total += static_cast<double>(cacheBytesPerStep(program, context + i + 1));
  return total / static_cast<double>(steps);
}

} // namespace cadenza::bench
