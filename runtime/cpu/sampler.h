// Draws tokens, as runtime/shared/sampling.h defines it.
#pragma once

#include "runtime/cpu/thread_pool.h"
#include "runtime/shared/sampling.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cadenza::cpu {

/// Works in memory that it keeps from one token to the next.
class Sampler {
public:
  /// The row of `logits` that is the token at `position`. Counts it in the history, if there is one.
  int32_t draw(const Sampling &sampling, std::span<const float> logits, int64_t position, ThreadPool &pool);

private:
  /// The rows that filters keep, the most likely one first, by `adjusted_`.
  std::span<const uint32_t> keptRows(const Sampling &sampling);

  std::vector<float> adjusted_, values_;
  std::vector<uint64_t> order_; // order_key << 32 | ~row
  std::vector<uint32_t> rows_;
};

} // namespace cadenza::cpu
