// Which matrix gets how many bits, so that a budget is met.
#pragma once

#include "runtime/support/status.h"

#include <cstdint>
#include <vector>

namespace cadenza {

/// One way to store a matrix (or matrices that have to be stored alike).
struct StorageChoice {
  uint64_t bits = 0;
  double error = 0; // what it adds to the error of the model
};

/// For each matrix the number of one of its choices: those whose errors add up to the least of all that take no more
/// than `budget` bits together. By dynamic programming over what choices take beyond the smallest ones, in steps of
/// 1/4096 of what the budget has beyond them, rounded up: what is chosen never exceeds the budget, and is the best but
/// for that rounding. Equal errors: the fewest bits. InvalidArgument if the budget is less than the smallest choices
/// take.
StatusOr<std::vector<size_t>> allocateBits(const std::vector<std::vector<StorageChoice>> &matrices, uint64_t budget);

} // namespace cadenza
