// How well a scale fits a group of weights: the inner loop of the quantiser.
#pragma once

#include <cstdint>

namespace cadenza {

constexpr int64_t fitLanes = 8; // groups are padded to a multiple of it

/// Of a group x and codes d: the sums that decide about a scale s. Codes are those nearest to x / s.
struct Fit {
  float squares = 0;  // of x - s * d: the error
  float residual = 0; // of (x - s * d) * d
  float codes = 0;    // of d * d

  /// What the error becomes with the scale that is best for these codes, and how far away it is (least squares).
  float reachable() const { return codes > 0 ? squares - residual * residual / codes : squares; }
  float step() const { return codes > 0 ? residual / codes : 0; }
};

/// Integers from `lowest` to `highest`. `size` is a multiple of fitLanes; zeros beyond the group's end change nothing.
/// Neither 1 / scale nor a sum of squares may overflow.
Fit fitIntegers(const float *x, int64_t size, float scale, float lowest, float highest);
/// Floats of e4m3, saturating at 448.
Fit fitE4m3(const float *x, int64_t size, float scale);

/// The codes that these fits are of: integers, or the values of floats.
void roundIntegers(const float *x, int64_t size, float scale, float lowest, float highest, float *codes);
void roundE4m3(const float *x, int64_t size, float scale, float *codes);

} // namespace cadenza
