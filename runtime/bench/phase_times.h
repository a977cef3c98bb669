// Times of single phases, from steps with an event after every launch.
#pragma once

#include "runtime/bench/measure.h"

namespace cadenza::bench {

/// Times `repeats` steps from where the executor stands and takes each launch's median; launches of one phase are
/// summed.
StatusOr<std::vector<PhaseTime>> timePhases(cuda::CudaExecutor &executor, int repeats);

/// The same of a prompt of seeded tokens, from an empty cache: the tiles one after the other, phases of the same name
/// summed over them.
StatusOr<std::vector<PhaseTime>> timePromptPhases(cuda::CudaExecutor &executor, int64_t tokens, int repeats,
                                                  uint64_t seed);

/// Phases, summed by kind, the most expensive first.
std::vector<PhaseTime> sumByKind(const std::vector<PhaseTime> &phases);

} // namespace cadenza::bench
