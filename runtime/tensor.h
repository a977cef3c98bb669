// Tensors by name: what entries that are no decoder's step take and give.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cadenza {

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values; // row-major, one an element
};

using Tensors = std::map<std::string, Tensor, std::less<>>;

} // namespace cadenza
