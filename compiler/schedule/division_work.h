// What each block of a persistent schedule reads of each matrix of a layer: for a picture of the division.
#pragma once

#include "compiler/ir/sched/Sched.h"

#include <string>
#include <vector>

namespace cadenza {

struct DivisionWork {
  std::vector<std::string> phases;         // of a layer, in the order in which a block computes them
  std::vector<std::vector<int64_t>> bytes; // [block][phase]: of weights a layer, averaged over layers
};

DivisionWork divisionWork(sched::GridOp grid);

} // namespace cadenza
