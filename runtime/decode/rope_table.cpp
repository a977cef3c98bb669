#include "runtime/decode/rope_table.h"

#include <cmath>

namespace cadenza {

std::vector<float> expandRopeTable(const Weight &weight, std::span<const float> inverseFrequencies, int64_t context) {
  std::vector<float> table;
  table.reserve(static_cast<size_t>(context) * inverseFrequencies.size() * 2);
  for (int64_t position = 0; position < context; ++position) {
    for (float inverseFrequency : inverseFrequencies) {
      float angle = static_cast<float>(position) * inverseFrequency;
      table.push_back(static_cast<float>(std::cos(static_cast<double>(angle))) * weight.scale);
      table.push_back(static_cast<float>(std::sin(static_cast<double>(angle))) * weight.scale);
    }
  }
  return table;
}

} // namespace cadenza
