// A persistent schedule for people: --emit=schedule.
#pragma once

#include "compiler/ir/sched/Sched.h"

#include <string>

namespace cadenza {

/// What it divides the work over and how it paces memory; then a line a block: what it does of each computation.
std::string describe(sched::GridOp grid);

} // namespace cadenza
