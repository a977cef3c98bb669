// How work is divided: the same formulas in device code, in the compiler that plans a schedule and in the verifier that
// checks it.
#pragma once

#include "sum_order.cuh"

namespace cadenza {

struct Range {
  int first, count;
};

/// Part `index` of `total` things in `parts` contiguous parts; the first total % parts have one more.
CADENZA_DEVICE constexpr Range share(int total, int parts, int index) {
  const int base = total / parts, rest = total % parts;
  return {index * base + smaller(index, rest), base + (index < rest ? 1 : 0)};
}

/// The same, with the larger parts going to other indices in every layer, so that they average out over the layers.
CADENZA_DEVICE constexpr Range rotating_share(int total, int parts, int index, int layer) {
  return share(total, parts, (index + layer * (total % parts)) % parts);
}

/// Group `index` of the groups of steps (sum_order.cuh) that `total` steps are cut into.
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

} // namespace cadenza
