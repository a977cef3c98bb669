// What repeated measurements are summarised as.
#pragma once

#include <vector>

namespace cadenza::bench {

struct Spread {
  double median = 0;
  double minimum = 0;
  double maximum = 0;
};

/// What a share of the values is at most, from 0 to 1, interpolated between two of them; 0 for no values.
double quantile(std::vector<double> values, double share);

/// All zero for no values. The median of an even number is the mean of the two in the middle.
Spread summarize(std::vector<double> values);

} // namespace cadenza::bench
