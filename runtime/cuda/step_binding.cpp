#include "runtime/cuda/step_binding.h"

#include <map>

namespace cadenza::cuda {
namespace {

uint64_t wordOf(const Program &program, const Addresses &addresses, const Argument &argument, int64_t iteration) {
  switch (argument.kind) {
  case ArgumentKind::Edge:
    return addresses.arena + program.edges[argument.index].offset;
  case ArgumentKind::Weight:
    return addresses.weights[resolve(argument.ref, program.weightTables, iteration)];
  case ArgumentKind::CacheKey:
    return addresses.cacheKeys[resolve(argument.ref, program.cacheTables, iteration)];
  case ArgumentKind::CacheValue:
    return addresses.cacheValues[resolve(argument.ref, program.cacheTables, iteration)];
  case ArgumentKind::State:
    return addresses.state;
  case ArgumentKind::Tokens:
    return addresses.tokens;
  case ArgumentKind::Context:
    return addresses.context;
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

StatusOr<BoundStep> bindStep(const Program &program, const Addresses &addresses) {
  std::map<std::string_view, uint32_t> kernels;
  for (uint32_t i = 0; i < program.kernels.size(); ++i)
    kernels.emplace(program.kernels[i].name, i);

  BoundStep step;
  for (uint32_t b = 0; b < program.blocks.size(); ++b) {
    const Block &block = program.blocks[b];
    if (b == program.headBlock)
      step.headLaunch = step.launches.size();
    for (int64_t iteration = 0; iteration < block.count; ++iteration) {
      for (uint32_t p = 0; p < block.phases.size(); ++p) {
        const Launch &launch = block.phases[p].launch;
        auto kernel = kernels.find(launch.kernel);
        if (kernel == kernels.end())
          return Status(StatusCode::InvalidPlan, "program.blocks[" + std::to_string(b) + "].phases[" +
                                                     std::to_string(p) + "].launch: no kernel '" + launch.kernel + "'");
        step.launches.push_back({.block = b,
                                 .phase = p,
                                 .iteration = iteration,
                                 .kernel = kernel->second,
                                 .firstWord = step.words.size(),
                                 .wordCount = static_cast<uint32_t>(launch.arguments.size())});
        for (const Argument &argument : launch.arguments)
          step.words.push_back(wordOf(program, addresses, argument, iteration));
      }
    }
  }
  if (program.headBlock >= program.blocks.size())
    step.headLaunch = step.launches.size();
  return step;
}

} // namespace cadenza::cuda
