// The bytes that a step must read, whatever kernels do it: what the memory floor is computed from.
#pragma once

#include "runtime/plan/program.h"

#include <cstdint>

namespace cadenza::bench {

/// Weights, each once, without padding; of an embedding that is no head as well, one row.
uint64_t weightBytesPerStep(const Program &program);

/// Keys and values of `positions` positions, of every layer that attends to them.
uint64_t cacheBytesPerStep(const Program &program, int64_t positions);
/// The mean of `steps` steps that begin after `context` positions: step i attends to context + i + 1, or to its window.
double meanCacheBytes(const Program &program, int64_t context, int64_t steps);

} // namespace cadenza::bench
