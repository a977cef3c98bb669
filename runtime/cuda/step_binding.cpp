#include "runtime/cuda/step_binding.h"

#include <algorithm>
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
  }
  return 0;
}

} // namespace

StatusOr<BoundStep> bindEntry(const Program &program, const Entry &entry, const Addresses &addresses) {
  std::map<std::string_view, uint32_t> kernels;
  for (uint32_t i = 0; i < program.kernels.size(); ++i)
    kernels.emplace(program.kernels[i].name, i);

  BoundStep step;
  for (uint32_t b = 0; b < entry.blocks.size(); ++b) {
    const Block &block = entry.blocks[b];
    for (int64_t iteration = 0; iteration < block.count; ++iteration) {
      for (uint32_t p = 0; p < block.phases.size(); ++p) {
        const Launch &launch = block.phases[p].launch;
        if (launch.kernel.empty())
          return Status(StatusCode::IncompatiblePlan, "entry '" + entry.name + "': phase '" + block.phases[p].name +
                                                          "' has no GPU kernel; a CPU runs it");
        auto kernel = kernels.find(launch.kernel);
        if (kernel == kernels.end())
          return Status(StatusCode::InvalidPlan, "entry '" + entry.name + "'.blocks[" + std::to_string(b) +
                                                     "].phases[" + std::to_string(p) + "].launch: no kernel '" +
                                                     launch.kernel + "'");
        const int64_t tokens = phaseTokens(program, block.phases[p]);
        for (int64_t token = 0; token < tokens; ++token) {
          step.launches.push_back({.block = b,
                                   .phase = p,
                                   .iteration = iteration,
                                   .token = token,
                                   .kernel = kernel->second,
                                   .firstWord = step.words.size(),
                                   .wordCount = static_cast<uint32_t>(launch.arguments.size())});
          for (const Argument &argument : launch.arguments)
            step.words.push_back(wordOf(program, addresses, argument, iteration, token));
        }
      }
    }
  }
  step.headLaunch = step.launches.size();
  return step;
}

StatusOr<BoundStep> bindStep(const Program &program, const Addresses &addresses) {
  CADENZA_ASSIGN_OR_RETURN(BoundStep step, bindEntry(program, decodeEntry(program), addresses));
  const auto isHead = [&](const BoundLaunch &launch) { return launch.block >= program.decoder->headBlock; };
  step.headLaunch =
      static_cast<size_t>(std::find_if(step.launches.begin(), step.launches.end(), isHead) - step.launches.begin());
  return step;
}

} // namespace cadenza::cuda
