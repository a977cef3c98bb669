#include "runtime/reference/formulas.h"
#include "runtime/reference/infer.h"
#include "runtime/reference/packed.h"
#include "runtime/reference/reference.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cadenza::nn::reference {
namespace {

/// The position in [0, extent) that stands at `position`, which may lie outside; -1: the value of the padding.
int64_t padded(PadMode mode, int64_t position, int64_t extent) {
  if (position >= 0 && position < extent)
    return position;
  switch (mode) {
  case PadMode::Reflect: // once: infer::pad bounds the distance
    return position < 0 ? -position : 2 * (extent - 1) - position;
  case PadMode::Edge:
    return position < 0 ? 0 : extent - 1;
  case PadMode::Wrap:
    return (position % extent + extent) % extent;
  case PadMode::Constant:
    break;
  }
  return -1;
}

/// How many elements a range has; nothing if they are too many for a tensor, or if the step is 0.
template <typename T> std::optional<int64_t> countOf(T start, T limit, T delta) {
  constexpr double most = 4294967296.0; // allocatable() says so again
  if (delta == 0)
    return std::nullopt;
  if constexpr (std::is_same_v<T, double>) {
    const double count = std::ceil((limit - start) / delta);
    return count > 0 && count <= most ? std::optional(static_cast<int64_t>(count))
                                      : (count <= 0 ? std::optional(int64_t{0}) : std::nullopt);
  } else {
    if (delta > 0 ? start >= limit : start <= limit)
      return 0;
    // Distances of 64-bit integers need 65 bits.
    const __int128 distance = static_cast<__int128>(limit) - static_cast<__int128>(start), step = delta;
    const __int128 count = (distance + step - (step > 0 ? 1 : -1)) / step;
    return count <= static_cast<__int128>(most) ? std::optional(static_cast<int64_t>(count)) : std::nullopt;
  }
}

} // namespace

StatusOr<TensorValue> reshape(const TensorView &x, Shape shape) {
  CADENZA_ASSIGN_OR_RETURN(TensorSpec spec, allocatable(infer::reshape(x, std::move(shape))));
  return TensorValue{std::move(spec), {x.bytes.begin(), x.bytes.end()}};
}

StatusOr<TensorValue> transpose(const TensorView &x, Integers permutation) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, infer::transpose(x, permutation));
  const std::vector<int64_t> strides = stridesOf(x.shape);
  std::vector<int64_t> permuted;
  for (int64_t axis : permutation)
    permuted.push_back(strides[axis]);
  return taken(x, spec.shape, offsetsOf(spec.shape, permuted));
}

StatusOr<TensorValue> slice(const TensorView &x, Integers starts, Integers sizes, Integers steps) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, allocatable(infer::slice(x, starts, sizes, steps)));
  std::vector<int64_t> strides = stridesOf(x.shape);
  const int64_t first = std::inner_product(starts.begin(), starts.end(), strides.begin(), int64_t{0});
  for (size_t axis = 0; axis < strides.size(); ++axis)
    strides[axis] *= steps[axis];
  std::vector<int64_t> offsets = offsetsOf(spec.shape, strides);
  for (int64_t &offset : offsets)
    offset += first;
  return taken(x, spec.shape, offsets);
}

StatusOr<TensorValue> concat(std::span<const TensorView> parts, int64_t axis) {
  const std::vector<TensorSpec> specs(parts.begin(), parts.end());
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, allocatable(infer::concat(specs, axis)));
  CADENZA_ASSIGN_OR_RETURN(axis, infer::axisFrom0(axis, spec.rank()));
  // Of each index before the axis, the rest of every part.
  const int64_t before = elementsOf(std::span(spec.shape).first(axis));
  TensorValue result{spec, {}};
  for (int64_t i = 0; i < before; ++i) {
    for (const TensorView &part : parts) {
      const size_t run = part.bytes.size() / before;
      result.bytes.insert(result.bytes.end(), part.bytes.begin() + i * run, part.bytes.begin() + (i + 1) * run);
    }
  }
  return result;
}

StatusOr<TensorValue> expand(const TensorView &x, const Shape &shape) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, allocatable(infer::expand(x, shape)));
  return taken(x, spec.shape, offsetsOf(spec.shape, broadcastStrides(x.shape, spec.shape)));
}

StatusOr<TensorValue> pad(const TensorView &x, Integers begins, Integers ends, PadMode mode, const TensorView *value) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, allocatable(infer::pad(x, begins, ends, mode, value)));
  const std::vector<int64_t> strides = stridesOf(x.shape);
  std::vector<int64_t> offsets;
  forEachIndex(spec.shape, [&](const Shape &index) {
    int64_t offset = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) {
      const int64_t position = padded(mode, index[axis] - begins[axis], x.shape[axis]);
      offset = position < 0 || offset < 0 ? -1 : offset + position * strides[axis];
    }
    offsets.push_back(offset);
  });
  return taken(x, spec.shape, offsets, value);
}

StatusOr<TensorValue> trilu(const TensorView &x, bool upper, int64_t k) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, infer::trilu(x));
  k = std::clamp<int64_t>(k, -(int64_t{1} << 40), int64_t{1} << 40); // keeps sums from overflowing
  std::vector<int64_t> offsets;
  forEachIndex(spec.shape, [&](const Shape &index) {
    const int64_t row = index[index.size() - 2], column = index.back();
    const bool stays = upper ? column >= row + k : column <= row + k;
    offsets.push_back(stays ? static_cast<int64_t>(offsets.size()) : -1);
  });
  return taken(x, spec.shape, offsets);
}

StatusOr<TensorValue> range(const TensorView &start, const TensorView &limit, const TensorView &delta) {
  CADENZA_ASSIGN_OR_RETURN(TensorSpec spec, infer::range(start, limit, delta));
  return withComputeType(start.element, [&]<typename T>(T) -> StatusOr<TensorValue> {
    const T first = unpack<T>(start)[0], step = unpack<T>(delta)[0];
    const std::optional<int64_t> count = countOf(first, unpack<T>(limit)[0], step);
    if (!count)
      return invalid("a range has a step that is not 0, and at most 2^32 elements");
    spec.shape = {*count};
    std::vector<T> values;
    for (int64_t i = 0; i < *count; ++i)
      values.push_back(sum(first, product(static_cast<T>(i), step)));
    return pack(std::move(spec), values);
  });
}

} // namespace cadenza::nn::reference
