// Elements of a tensor as numbers that a formula computes with, and back. Private to the references.
#pragma once

#include "runtime/reference/tensor_value.h"
#include "runtime/support/status.h"

#include <type_traits>

namespace cadenza::nn {

/// Calls `function` with a zero of the type that elements of `type` are computed in: double for floats; uint64_t for
/// u64 and booleans; int64_t for the other integers, all of which it holds.
template <typename Function> auto withComputeType(ElementType type, Function &&function) {
  if (isFloat(type))
    return function(double{});
  if (type == ElementType::u64 || type == ElementType::boolean)
    return function(uint64_t{});
  return function(int64_t{});
}

/// The elements; T is the type that they are computed in (withComputeType).
template <typename T> std::vector<T> unpack(const TensorView &tensor);
extern template std::vector<double> unpack(const TensorView &tensor);
extern template std::vector<int64_t> unpack(const TensorView &tensor);
extern template std::vector<uint64_t> unpack(const TensorView &tensor);

/// The tensor of `values`: rounded (of double), wrapped (of integers) or compared with 0 (booleans). T may be any of
/// the three where `type` is one of integers or floats: what a double becomes as an integer is said at reference::cast.
template <typename T> TensorValue pack(TensorSpec type, const std::vector<T> &values);
extern template TensorValue pack(TensorSpec type, const std::vector<double> &values);
extern template TensorValue pack(TensorSpec type, const std::vector<int64_t> &values);
extern template TensorValue pack(TensorSpec type, const std::vector<uint64_t> &values);

int64_t elementsOf(std::span<const int64_t> shape);
/// Elements between neighbours on each axis of a tensor of that shape, row-major.
std::vector<int64_t> stridesOf(const Shape &shape);
/// Those of a tensor of shape `from` as one of shape `to`, which it broadcasts to: 0 where it repeats.
std::vector<int64_t> broadcastStrides(const Shape &from, const Shape &to);
/// index * strides for every index of a tensor of that shape, in row-major order.
std::vector<int64_t> offsetsOf(const Shape &shape, const std::vector<int64_t> &strides);

/// Calls `function(index)` with every index of a tensor of that shape, in row-major order.
template <typename Function> void forEachIndex(const Shape &shape, Function &&function) {
  Shape index(shape.size());
  for (int64_t left = elementsOf(shape); left > 0; --left) {
    function(index);
    for (size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis])
        break;
      index[axis] = 0;
    }
  }
}

/// A tensor of that shape, of the elements of `x` at `offsets`; an element at -1 is `other`'s only one, or 0 if that is
/// null.
TensorValue taken(const TensorView &x, Shape shape, const std::vector<int64_t> &offsets,
                  const TensorView *other = nullptr);

/// The type that an op makes, if that is one that memory can hold; else the error. Types of values are known in full.
StatusOr<TensorSpec> allocatable(StatusOr<TensorSpec> spec);
inline Status invalid(std::string message) { return {StatusCode::InvalidInput, std::move(message)}; }

} // namespace cadenza::nn
