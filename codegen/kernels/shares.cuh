// How work is divided: the same formulas in device code and in the compiler, which plans, prints and proves a schedule
// with them. Nothing but plain constexpr functions.
#pragma once

#if defined(__CUDACC__)
#define CADENZA_EVERYWHERE __device__ __forceinline__
#else
#define CADENZA_EVERYWHERE inline
#endif

namespace cadenza {

/// Steps (32 columns) that a warp of the persistent kernel multiplies at a time, each into a sum of its own: the ways
/// of all products.
constexpr int turn_steps = 4;

struct Range {
  int first, count;
};

/// Part `index` of `total` things in `parts` contiguous parts; the first total % parts have one more.
CADENZA_EVERYWHERE constexpr Range share(int total, int parts, int index) {
  const int base = total / parts, rest = total % parts;
  return {index * base + (index < rest ? index : rest), base + (index < rest ? 1 : 0)};
}

/// The same, with the larger parts going to other indices in every layer, so that they average out over the layers.
CADENZA_EVERYWHERE constexpr Range rotating_share(int total, int parts, int index, int layer) {
  return share(total, parts, (index + layer * (total % parts)) % parts);
}

} // namespace cadenza
