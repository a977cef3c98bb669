// A constant of a model: an initializer, the value of a Constant node, a tensor attribute. Whatever encoding the file
// chose, the bytes here are those of raw_data, little-endian, elements of less than a byte packed from the low bits on.
#pragma once

#include "runtime/shared/element_type.h"
#include "runtime/support/status.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace cadenza::onnx {

struct Tensor {
  ElementType type = ElementType::f32;
  std::vector<int64_t> shape; // empty: a scalar
  /// ceil(elements * bits / 8) bytes, not aligned. A view of a mapped file, unless the file had typed fields.
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner; // of the bytes

  int64_t elements() const;
};

/// A tensor of its own: the elements as `bytes` holds them.
Tensor makeTensor(ElementType type, std::vector<int64_t> shape, std::vector<std::byte> bytes);

/// The values of a tensor of bool or integers, row-major; those of u64 from 2^63 on wrap.
std::vector<int64_t> integers(const Tensor &tensor);
/// The values of a real tensor of any type (integers of 64 bits rounded to double).
std::vector<double> reals(const Tensor &tensor);

} // namespace cadenza::onnx
