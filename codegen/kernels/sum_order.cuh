// The order in which a product sums a row: what a schedule must not change (k_groups and k_ways of a project phase,
// runtime/plan/program.h).
//
// The 32-column steps of a matrix are cut into groups, contiguous runs of any lengths, and the steps of a group are
// dealt to the ways in turn. One way of one group is a part: a UnitProduct (unit_product.cuh) of all its steps in
// ascending order. A part without steps is 0. The parts of a group are added as a balanced binary tree,
// neighbours first, and the groups in ascending order, from the first one's sum on.
#pragma once

#include "shared/shares.h"
#include "tile.cuh"

namespace cadenza {

/// Where groups of steps start.
template <int... starts> struct Steps {
  static constexpr int count = sizeof...(starts);

  /// The start of `group`, or `end` where there is no such group.
  CADENZA_DEVICE static constexpr int start(int group, int end) {
    int i = 0, result = end;
    ((result = i++ == group ? starts : result), ...);
    return result;
  }
  /// Whether the groups cover the steps 0 .. end - 1, none of them empty.
  CADENZA_DEVICE static constexpr bool cover(int end) {
    bool ascend = start(0, end) == 0;
    for (int group = 0; group < count; ++group)
      ascend = ascend && start(group, end) < start(group + 1, end);
    return ascend;
  }
};

/// The steps of group `index`, and the most and the fewest that a group has, of groups that `total` steps are cut into.
template <class Groups> CADENZA_DEVICE constexpr Range group_steps(int index, int total) {
  const int first = Groups::start(index, total);
  return {first, Groups::start(index + 1, total) - first};
}
template <class Groups> CADENZA_DEVICE constexpr int largest_group(int total) {
  int result = 0;
  for (int i = 0; i < Groups::count; ++i)
    result = larger(result, group_steps<Groups>(i, total).count);
  return result;
}

template <class Groups> CADENZA_DEVICE constexpr int smallest_group(int total) {
  int result = total;
  for (int i = 0; i < Groups::count; ++i)
    result = smaller(result, group_steps<Groups>(i, total).count);
  return result;
}

template <class Groups, int ways, int steps> struct SumOrder {
  static constexpr int parts = Groups::count * ways;
  static_assert(ways > 0 && ways <= 32 && (ways & (ways - 1)) == 0, "k_ways is a power of two up to 32");
  static_assert(Groups::cover(steps), "k_groups start at step 0, ascend, and stay below the number of steps");

  CADENZA_DEVICE static constexpr int group_of(int part) { return Groups::count == 1 ? 0 : part / ways; }
  /// The first step of a part; the others follow `ways` apart.
  CADENZA_DEVICE static constexpr int first_step(int part) {
    return Groups::start(group_of(part), steps) + part % ways;
  }
  CADENZA_DEVICE static constexpr int step_count(int part) {
    if (uniform)
      return most_steps;
    const int left = Groups::start(group_of(part) + 1, steps) - first_step(part);
    return left > 0 ? ceil_div(left, ways) : 0;
  }

  static constexpr int longest = largest_group<Groups>(steps);
  static constexpr int most_steps = ceil_div(longest, ways);                               // of a part
  static constexpr bool uniform = longest * Groups::count == steps && longest % ways == 0; // all parts have as many

  /// The sum of a group from its parts, `stride` floats apart.
  template <int stride, int first = 0, int count = ways> CADENZA_DEVICE static float add_ways(const float *parts) {
    if constexpr (count == 1)
      return parts[first * stride];
    else
      return add_ways<stride, first, count / 2>(parts) + add_ways<stride, first + count / 2, count / 2>(parts);
  }
  /// The sum of a row from all of its parts.
  template <int stride> CADENZA_DEVICE static float add_parts(const float *parts) {
    float total = add_ways<stride>(parts);
#pragma unroll 4
    for (int group = 1; group < Groups::count; ++group)
      total += add_ways<stride>(parts + group * (ways * stride));
    return total;
  }
};

} // namespace cadenza
