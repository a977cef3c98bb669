// The rotary position table, expanded at load from the inverse frequencies that the plan carries. Both executors call
// this, so that CPU and GPU rotate by the same bits.
#pragma once

#include "runtime/plan/program.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cadenza {

/// [context][rows][2] (cos, sin), where rows == inverseFrequencies.size(). The angle is the fp32 product
/// float(position) * inverseFrequencies[i], as transformers computes it; cosine and sine of that fp32 angle are taken
/// in double, rounded to fp32 and multiplied by `weight.scale` in fp32.
std::vector<float> expandRopeTable(const Weight &weight, std::span<const float> inverseFrequencies, int64_t context);

} // namespace cadenza
