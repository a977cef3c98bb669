// Tensors by name: what entries that are no decoder's step take and give.
#pragma once

#include "runtime/reference/tensor_value.h"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace cadenza {

/// Element type, shape and row-major bytes.
using Tensor = nn::TensorValue;
using Tensors = std::map<std::string, Tensor, std::less<>>;

/// A tensor of f32; as many values as the shape has elements.
Tensor floatTensor(nn::Shape shape, std::span<const float> values);
/// The elements as f32, to which those of other types are rounded.
std::vector<float> floatsOf(const Tensor &tensor);

} // namespace cadenza
