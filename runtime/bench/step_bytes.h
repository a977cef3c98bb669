// What a step or a prompt must read and compute, whatever kernels do it: what the memory floor and rates of operations
// are computed from.
#pragma once

#include "runtime/plan/program.h"

#include <cstdint>
#include <string>

namespace cadenza::bench {

/// Weights, each once, without padding; of an embedding that is no head as well, one row.
uint64_t weightBytesPerStep(const Program &program);

/// How matrices are stored: "bf16", or the names of encodings (encoding_name.h), those of most bytes first: "int4",
/// "q4_k+q6_k".
struct StoredTypes {
  std::string layers, head;
};
StoredTypes storedTypes(const Program &program);

/// Keys and values of `positions` positions, of every layer that attends to them.
uint64_t cacheBytesPerStep(const Program &program, int64_t positions);
/// The mean of `steps` steps that begin after `context` positions: step i attends to context + i + 1, or to its window.
double meanCacheBytes(const Program &program, int64_t context, int64_t steps);

/// Multiplications and additions (two an element) of a project or attend phase, in one iteration of its block, for
/// `tokens` tokens at positions from `first` on; of other phases none are counted. Attention: 4 * head_dim a query head
/// and position that counts.
double operations(const Program &program, const Phase &phase, int64_t iteration, int64_t first, int64_t tokens);
/// Those of a prompt of so many tokens from an empty cache; the head takes the last of them.
double promptOperations(const Program &program, int64_t tokens);

} // namespace cadenza::bench
