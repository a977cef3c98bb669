#include "runtime/decode/rope_table.h"

#include <cmath>
#include <cstring>

namespace cadenza {

namespace {

/// transformers, modeling_ministral3.py, get_llama_4_attn_scale; below 2^24 its quotient of floats has the same floor.
float growthAt(const Weight::Growth &growth, int64_t position) {
  if (growth.every == 0)
    return 1;
  const int64_t periods = position / growth.every;
  const double logarithm = std::log(1.0 + static_cast<double>(periods));
  return 1 + growth.rate * static_cast<float>(logarithm);
}

} // namespace

std::vector<float> expandRopeTable(const Weight &weight, const std::byte *stored, int64_t context, bool isLong) {
  std::vector<float> inverseFrequencies(static_cast<size_t>(weight.rows));
  const size_t bytes = inverseFrequencies.size() * sizeof(float);
  std::memcpy(inverseFrequencies.data(), stored + (isLong ? bytes : 0), bytes);
  std::vector<float> table;
  table.reserve(static_cast<size_t>(context) * inverseFrequencies.size() * 2);
  for (int64_t position = 0; position < context; ++position) {
    const float growth = growthAt(weight.growth, position);
    for (float inverseFrequency : inverseFrequencies) {
      float angle = static_cast<float>(position) * inverseFrequency;
      table.push_back(static_cast<float>(std::cos(static_cast<double>(angle))) * weight.scale * growth);
      table.push_back(static_cast<float>(std::sin(static_cast<double>(angle))) * weight.scale * growth);
    }
  }
  return table;
}

} // namespace cadenza
