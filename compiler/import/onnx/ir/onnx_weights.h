// Weights from the tensors of an ONNX model.
#pragma once

#include "compiler/import/onnx/tensor.h"
#include "compiler/import/weight_source.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace cadenza::onnx {

/// bf16, f16 or f32; nothing for the types that cannot be weights of a plan.
std::optional<DType> weightDType(ElementType type);

/// Reads straight from the mapped file; `tensors` by the name in nn.weight's `from`. Extents of 1 do not count when
/// shapes are compared: a vector of n elements may be stored as [1, n, 1].
std::unique_ptr<WeightSource> makeOnnxWeights(std::map<std::string, std::shared_ptr<const Tensor>> tensors);

} // namespace cadenza::onnx
