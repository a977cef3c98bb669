// How work is divided: the same formulas in device code, in the compiler that plans a schedule and in the verifier that
// checks it.
#pragma once

#include "tile.cuh"

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

/// Where contiguous ranges begin; the last one ends at a total that the user knows. May hold empty ranges.
template <int... begins> struct Starts {
  static constexpr int count = sizeof...(begins);

  CADENZA_DEVICE static constexpr Range range(int index, int total) {
    int i = 0, first = 0, end = total;
    ((first = i == index ? begins : first, end = i == index + 1 ? begins : end, ++i), ...);
    return {first, end - first};
  }
  CADENZA_DEVICE static constexpr int largest(int total) {
    int result = 0;
    for (int i = 0; i < count; ++i)
      result = larger(result, range(i, total).count);
    return result;
  }
};

} // namespace cadenza
