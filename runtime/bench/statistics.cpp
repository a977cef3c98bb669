#include "runtime/bench/statistics.h"

#include <algorithm>

namespace cadenza::bench {

Spread summarize(std::vector<double> values) {
  if (values.empty())
    return {};
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  double median = values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

} // namespace cadenza::bench
