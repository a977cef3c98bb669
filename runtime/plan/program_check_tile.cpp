// Launches that take a tile of tokens at once, in a prefill or in an entry of named tensors.
#include "runtime/plan/program_check.h"

#include <algorithm>

namespace cadenza {
namespace {

void checkBlocks(const Launch &launch, const KernelsByName &kernels, const std::string &place, FieldErrors &errors) {
  if (const auto kernel = kernels.find(launch.kernel);
      kernel != kernels.end() && launch.blocks % kernel->second->cluster != 0)
    errors.add(place + ".blocks", std::to_string(launch.blocks) + "; '" + launch.kernel + "' has clusters of " +
                                      std::to_string(kernel->second->cluster));
}

/// Each target has one of them at most, whose kernel is in its code.
void checkVariants(const Phase &phase, bool mayHave, const KernelsByName &kernels, const std::string &place,
                   FieldErrors &errors) {
  if (!phase.variants.empty() && !mayHave)
    errors.add(place, "only a project or an attend phase of a tile has any");
  std::set<std::string_view> seen;
  for (size_t i = 0; i < phase.variants.size(); ++i) {
    const Variant &variant = phase.variants[i];
    checkTargets(variant.targets, at(place, i) + ".targets", errors);
    checkBlocks(variant.launch, kernels, at(place, i) + ".launch", errors);
    if (variant.targets.empty())
      errors.add(at(place, i) + ".targets", "is empty");
    const auto kernel = kernels.find(variant.launch.kernel);
    for (const std::string &target : variant.targets) {
      if (!seen.insert(target).second)
        errors.add(at(place, i) + ".targets", "another variant is for " + target);
      if (kernel != kernels.end() && !kernel->second->targets.empty() &&
          std::find(kernel->second->targets.begin(), kernel->second->targets.end(), target) ==
              kernel->second->targets.end())
        errors.add(at(place, i) + ".launch.kernel", "'" + variant.launch.kernel + "' is not in the code for " + target);
    }
  }
}

} // namespace

void checkTileLaunches(const Phase &phase, bool isTile, const KernelsByName &kernels, const std::string &place,
                       FieldErrors &errors) {
  const bool isProduct = isTile && phase.kind == PhaseKind::Project;
  if (phase.prepare && !isProduct)
    errors.add(place + ".prepare", "only a project phase of a tile has one");
  checkBlocks(phase.launch, kernels, place + ".launch", errors);
  if (phase.prepare)
    checkBlocks(*phase.prepare, kernels, place + ".prepare", errors);
  checkVariants(phase, isProduct || (isTile && phase.kind == PhaseKind::Attend), kernels, place + ".variants", errors);
  if (!isTile)
    return;
  if (phase.kGroups.size() != 1 || phase.kWays != 1)
    errors.add(place + (phase.kWays != 1 ? ".k_ways" : ".k_groups"), "a product of a tile has one");
  for (const char *field : {"splits", "warps"})
    if (phase.kind == PhaseKind::Attend && phase.parameters[field] != 1)
      errors.add(place + ".parameters." + field, phase.parameters[field].dump() + "; attention of a tile has 1");
}

} // namespace cadenza
