#include "runtime/decode/rope_table.h"

#include <cmath>
#include <cstring>

namespace cadenza {

std::vector<float> expandRopeTable(const Weight &weight, const std::byte *stored, int64_t context, bool isLong) {
  std::vector<float> inverseFrequencies(static_cast<size_t>(weight.rows));
  const size_t bytes = inverseFrequencies.size() * sizeof(float);
  std::memcpy(inverseFrequencies.data(), stored + (isLong ? bytes : 0), bytes);
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
