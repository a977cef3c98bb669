// --emit=schedule: the `launch` schedule for a person to check.
#pragma once

#include "runtime/plan/program.h"

#include <string>

namespace cadenza {

/// One line a phase: grid, threads, shared memory, bytes read, where its vectors lie, how sums are cut.
std::string describeSchedule(const Program &program);

} // namespace cadenza
