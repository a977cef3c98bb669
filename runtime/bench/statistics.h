// What repeated measurements are summarised as.
#pragma once

#include <vector>

namespace cadenza::bench {

struct Spread {
  double median = 0;
  double minimum = 0;
  double maximum = 0;
};

/// All zero for no values. The median of an even number is the mean of the two in the middle.
Spread summarize(std::vector<double> values);

} // namespace cadenza::bench
