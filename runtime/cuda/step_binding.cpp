#include "runtime/cuda/step_binding.h"

#include <map>

namespace cadenza::cuda {
namespace {

uint64_t wordOf(const Program &program, const Addresses &addresses, const Argument &argument, int64_t iteration,
                int64_t token) {
  switch (argument.kind) {
  case ArgumentKind::Edge: {
    const Edge &edge = program.edges[argument.index];
    return addresses.arena + edge.offset + static_cast<uint64_t>(token) * edgeStride(edge);
  }
  case ArgumentKind::Weight:
    return addresses.weights[resolve(argument.ref, program.weightTables, iteration)];
  case ArgumentKind::CacheKey:
    return addresses.cacheKeys[resolve(argument.ref, program.cacheTables, iteration)];
  case ArgumentKind::CacheValue:
    return addresses.cacheValues[resolve(argument.ref, program.cacheTables, iteration)];
  case ArgumentKind::CachePositions:
    return static_cast<uint64_t>(cachePositions(program.caches[resolve(argument.ref, program.cacheTables, iteration)],
                                                static_cast<int64_t>(addresses.context)));
  case ArgumentKind::State:
    return addresses.state;
  case ArgumentKind::Tokens:
    return addresses.tokens;
  case ArgumentKind::Logits:
    return addresses.logits;
  case ArgumentKind::Scratch:
    return addresses.scratch[argument.index];
  case ArgumentKind::Scalar:
    return static_cast<uint64_t>(program.scalars[resolve(argument.ref, program.scalarTables, iteration)].value);
  case ArgumentKind::Number:
    return argument.index;
  }
  return 0;
}

} // namespace

StatusOr<BoundStep> bindEntry(const Program &program, uint32_t index, const Addresses &addresses,
                              std::string_view target) {
  std::map<std::string_view, uint32_t> kernels;
  for (uint32_t i = 0; i < program.kernels.size(); ++i)
    kernels.emplace(program.kernels[i].name, i);

  const Entry &entry = program.entries[index];
  const uint32_t head = headBlock(program, index);
  BoundStep step;
  for (uint32_t b = 0; b < entry.blocks.size(); ++b) {
    const Block &block = entry.blocks[b];
    if (b == head)
      step.headLaunch = step.launches.size();
    for (int64_t iteration = 0; iteration < block.count; ++iteration) {
      for (uint32_t p = 0; p < block.phases.size(); ++p) {
        const auto append = [&](const Launch &launch, const char *what, int64_t token) {
          auto kernel = kernels.find(launch.kernel);
          if (kernel == kernels.end())
            return Status(StatusCode::InvalidPlan, "entry '" + entry.name + "'.blocks[" + std::to_string(b) +
                                                       "].phases[" + std::to_string(p) + "]." + what + ": no kernel '" +
                                                       launch.kernel + "'");
          step.launches.push_back({.block = b,
                                   .phase = p,
                                   .iteration = iteration,
                                   .token = token,
                                   .kernel = kernel->second,
                                   .blocks = launch.blocks,
                                   .firstWord = step.words.size(),
                                   .wordCount = static_cast<uint32_t>(launch.arguments.size())});
          for (const Argument &argument : launch.arguments) {
            step.words.push_back(wordOf(program, addresses, argument, iteration, token));
            if (argument.map)
              step.maps.push_back({step.words.size() - 1, step.words.back(), &*argument.map});
          }
          return Status::ok();
        };
        const Phase &phase = block.phases[p];
        if (phase.launch.kernel.empty())
          return Status(StatusCode::IncompatiblePlan,
                        "entry '" + entry.name + "': phase '" + phase.name + "' has no GPU kernel; a CPU runs it");
        if (phase.prepare)
          CADENZA_RETURN_IF_ERROR(append(*phase.prepare, "prepare", 0));
        const int64_t launches = takesTile(entry, phase) ? 1 : phaseTokens(program, phase);
        for (int64_t token = 0; token < launches; ++token)
          CADENZA_RETURN_IF_ERROR(append(launchFor(phase, target), "launch", token));
      }
    }
  }
  if (head == entry.blocks.size())
    step.headLaunch = step.launches.size();
  return step;
}

} // namespace cadenza::cuda
