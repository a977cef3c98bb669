#include "runtime/bench/step_bytes.h"

#include "runtime/plan/describe.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

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

/// Of `positions` positions, those that an attention counts: no more than its window.
int64_t attended(const Program &program, const Phase &phase, int64_t iteration, int64_t positions) {
  for (const Ref &ref : phase.scalars)
    if (const int64_t window = program.scalars[resolve(ref, program.scalarTables, iteration)].value; window > 0)
      positions = std::min(positions, window);
  return positions;
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

StoredTypes storedTypes(const Program &program) {
  const auto nameOf = [](const Weight &weight) {
    return weight.encoding == Encoding::tiles16 ? std::string(dtypeName(weight.dtype)) : encodingName(weight.encoding);
  };
  StoredTypes types;
  std::map<std::string, uint64_t> bytes; // of the layers' matrices
  const std::vector<Block> &blocks = decodeEntry(program).blocks;
  for (size_t i = 0; i < blocks.size(); ++i)
    for (int64_t iteration = 0; iteration < blocks[i].count; ++iteration)
      for (const Phase &phase : blocks[i].phases) {
        if (phase.kind != PhaseKind::Project)
          continue;
        const Weight &weight = program.weights[resolve(phase.matrix, program.weightTables, iteration)];
        if (i == program.decoder->headBlock)
          types.head = nameOf(weight);
        else
          bytes[nameOf(weight)] += denseBytes(weight);
      }
  std::vector<std::pair<std::string, uint64_t>> sorted(bytes.begin(), bytes.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(), &std::pair<std::string, uint64_t>::second);
  for (const auto &[name, size] : sorted)
    types.layers += (types.layers.empty() ? "" : "+") + name;
  return types;
}

uint64_t cacheBytesPerStep(const Program &program, int64_t positions) {
  uint64_t total = 0;
  forEachPhase(program, [&](const Phase &phase, int64_t iteration) {
    if (phase.kind != PhaseKind::Attend)
      return;
    const int64_t read = attended(program, phase, iteration, positions);
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

double operations(const Program &program, const Phase &phase, int64_t iteration, int64_t first, int64_t tokens) {
  if (phase.kind == PhaseKind::Project) {
    const Weight &matrix = program.weights[resolve(phase.matrix, program.weightTables, iteration)];
    return 2.0 * static_cast<double>(matrix.rows) * static_cast<double>(matrix.columns) * static_cast<double>(tokens);
  }
  if (phase.kind != PhaseKind::Attend)
    return 0;
  double positions = 0;
  for (int64_t i = 0; i < tokens; ++i)
    positions += static_cast<double>(attended(program, phase, iteration, first + i + 1));
  return 4 * phase.parameters.at("heads").get<double>() * phase.parameters.at("head_dim").get<double>() * positions;
}

double promptOperations(const Program &program, int64_t tokens) {
  const uint32_t head = program.decoder->headBlock;
  double total = 0;
  for (uint32_t b = 0; b < decodeEntry(program).blocks.size(); ++b) {
    const Block &block = decodeEntry(program).blocks[b];
    const int64_t of = b < head ? tokens : 1;
    for (int64_t iteration = 0; iteration < block.count; ++iteration)
      for (const Phase &phase : block.phases)
        total += operations(program, phase, iteration, tokens - of, of);
  }
  return total;
}

} // namespace cadenza::bench
