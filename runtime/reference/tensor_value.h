// The value of a tensor of any type and rank, which the references of ops on tensors (reference.h) take and make.
#pragma once

#include "runtime/shared/element_type.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cadenza::nn {

using Shape = std::vector<int64_t>; // empty: a scalar

/// An extent that a type leaves open (a `?`). Values have none.
inline constexpr int64_t unknownExtent = INT64_MIN;

/// What a type says of a tensor. Ops compute with elements of types that isComputable names.
struct TensorSpec {
  ElementType element = ElementType::f32;
  Shape shape;

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t elements() const; // the product of the extents: 1 of a scalar
  friend bool operator==(const TensorSpec &, const TensorSpec &) = default;
};

/// "f32 [1, ?, 64]", for messages.
std::string text(const TensorSpec &type);
/// "[1, ?, 64]"
std::string text(const Shape &shape);

struct TensorValue : TensorSpec {
  /// Row-major, little-endian, without gaps; a boolean is one byte, 0 or 1.
  std::vector<std::byte> bytes;
};

/// A value that lies elsewhere: a TensorValue, a weight of a plan, an edge. It is read in place.
struct TensorView : TensorSpec {
  std::span<const std::byte> bytes;

  TensorView(TensorSpec spec, std::span<const std::byte> bytes) : TensorSpec(std::move(spec)), bytes(bytes) {}
  TensorView(const TensorValue &value) : TensorSpec(value), bytes(value.bytes) {} // NOLINT(google-explicit-constructor)
};

/// A tensor of zeros.
TensorValue zeros(TensorSpec type);
/// A tensor of `values`, each as a cast makes it of a double (reference.h); as many as the shape has elements.
TensorValue tensorOf(ElementType type, Shape shape, std::span<const double> values);
/// A tensor of `values`, each wrapped to the type if that is one of integers, rounded to it if it is one of floats.
TensorValue tensorOf(ElementType type, Shape shape, std::span<const int64_t> values);
/// A scalar of type i64.
TensorValue scalar(int64_t value);

/// The values, row-major, as doubles: exact but for integers of more than 53 bits, which are rounded.
std::vector<double> reals(const TensorView &tensor);
/// The values of a tensor of booleans or integers, row-major; those of u64 from 2^63 on wrap.
std::vector<int64_t> integers(const TensorView &tensor);

} // namespace cadenza::nn
