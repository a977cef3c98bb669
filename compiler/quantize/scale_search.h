// The scale of a group of weights, and its zero point: the one with the smallest squared error that a search finds.
//
// What a product is off is (W - W')x. Of an x about which nothing is known, the expected square is proportional to the
// sum of squares of W - W': so that sum is what is made small, without weights on large or small values. Two steps:
//
// 1. A grid. Scales that map the largest magnitude to the largest code, to codes below it, and beyond it: the latter
//    clip the largest values and serve the others better. With zero points, the zero points around the one of the
//    range, each with such a grid.
// 2. Alternating least squares from the best points of the grid: codes nearest to x / s, then the s that is best for
//    these codes (in closed form), rounded to its type, as long as the error falls. Codes are always those of the
//    rounded scale. At the end its neighbours in the type are tried.
//
// The largest-magnitude rule itself is a candidate, so the result is never worse. A group whose values all are codes
// times one scale is found exactly.
#pragma once

#include "compiler/import/stored_matrix.h"

#include <span>

namespace cadenza {

enum class ScaleRule {
  leastSquares,     // the search
  largestMagnitude, // plain rounding: the largest magnitude (with zero points: the range) becomes the largest code
};

struct GroupScale {
  float scale = 0; // of the format's type of scales. 0: all weights are zeros
  int zero = 0;
  double squares = 0;     // of what the group is off, to the precision of sums in fp32
  bool overflows = false; // the type of scales has no number that large
};

/// Of integers, and of e4m3 without zeros. `group` is finite, and padded with zeros to a multiple of fitLanes; it is
/// scaled by a power of two on the way, and unspecified afterwards.
GroupScale chooseScale(const StoredFormat &format, std::span<float> group, ScaleRule rule);

/// The smallest and the largest integer that the quantiser uses: of 8 bits symmetric ones.
struct CodeRange {
  int lowest, highest;
};
CodeRange codeRange(const StoredFormat &format);

} // namespace cadenza
