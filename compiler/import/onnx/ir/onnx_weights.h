// Weights from the tensors of an ONNX model.
#pragma once

#include "compiler/import/onnx/tensor.h"
#include "compiler/import/weight_source.h"
#include "runtime/reference/tensor_value.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace cadenza::onnx {

/// By the name in nn.weight's `from`.
using OnnxTensors = std::map<std::string, std::shared_ptr<const Tensor>>;

/// bf16, f16 or f32; nothing for the types that cannot be weights of a plan.
std::optional<DType> weightDType(ElementType type);

/// Reads straight from the mapped file; `tensors` by the name in nn.weight's `from`, and in its `blocks`: rows of a
/// quantised matrix are dequantised when they are read. Extents of 1 do not count when shapes are compared: a vector of
/// n elements may be stored as [1, n, 1].
std::unique_ptr<WeightSource> makeOnnxWeights(OnnxTensors tensors);

/// All of a weight that is no view, in the type that the model has it in: a quantised one dequantised, in that of its
/// scales. InvalidInput if there is no such tensor.
StatusOr<nn::TensorValue> storedValue(const WeightSpec &spec, const OnnxTensors &tensors);

} // namespace cadenza::onnx
