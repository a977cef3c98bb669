// The rotary position table, expanded at load from the inverse frequencies that the plan carries. Both executors call
// this, so that CPU and GPU rotate by the same bits.
#pragma once

#include "runtime/plan/program.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cadenza {

/// [context][rows][2] (cos, sin) of a rope table; `stored` is what the plan holds of it. `isLong`: the one for
/// sequences of more than longAfter tokens, which it has. The angle is the fp32 product float(position) * frequency, as
/// transformers computes it; cosine and sine of that fp32 angle are taken in double, rounded to fp32 and multiplied by
/// `weight.scale` in fp32, and then by what `weight.growth` comes to at the position, which is fp32 arithmetic, too.
std::vector<float> expandRopeTable(const Weight &weight, const std::byte *stored, int64_t context, bool isLong);

} // namespace cadenza
