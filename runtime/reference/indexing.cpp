#include "runtime/reference/formulas.h"
#include "runtime/reference/infer.h"
#include "runtime/reference/packed.h"
#include "runtime/reference/reference.h"

namespace cadenza::nn::reference {
namespace {

/// The values of indices, from 0 on; an error if one is none of `extent` elements.
StatusOr<int64_t> checkedIndex(int64_t index, int64_t extent) {
  if (index < -extent || index >= extent)
    return invalid("index " + std::to_string(index) + " is outside of an extent of " + std::to_string(extent));
  return index < 0 ? index + extent : index;
}

/// Where in `x` the elements stand that gatherElements takes.
StatusOr<std::vector<int64_t>> elementOffsets(const TensorSpec &x, const TensorView &indices, int64_t axis) {
  const std::vector<int64_t> strides = stridesOf(x.shape), values = integers(indices);
  std::vector<int64_t> offsets = offsetsOf(indices.shape, strides);
  const std::vector<int64_t> ownStrides = stridesOf(indices.shape);
  for (size_t i = 0; i < offsets.size(); ++i) {
    CADENZA_ASSIGN_OR_RETURN(const int64_t index, checkedIndex(values[i], x.shape[axis]));
    const int64_t along = static_cast<int64_t>(i) / ownStrides[axis] % indices.shape[axis];
    offsets[i] += (index - along) * strides[axis];
  }
  return offsets;
}

/// Where in `x` the slices begin that gatherND takes, in the order of the indices.
StatusOr<std::vector<int64_t>> sliceOffsets(const TensorSpec &x, const TensorView &indices, int64_t batchDims) {
  const std::vector<int64_t> strides = stridesOf(x.shape), values = integers(indices);
  const int64_t components = indices.shape.back();
  const Shape places(indices.shape.begin(), indices.shape.end() - 1);
  std::vector<int64_t> offsets;
  Status error;
  forEachIndex(places, [&](const Shape &place) {
    int64_t offset = 0;
    for (int64_t i = 0; i < batchDims; ++i)
      offset += place[i] * strides[i];
    for (int64_t i = 0; i < components; ++i) {
      const StatusOr<int64_t> index = checkedIndex(values[offsets.size() * components + i], x.shape[batchDims + i]);
      if (index.isOk())
        offset += *index * strides[batchDims + i];
      else
        error = index.status();
    }
    offsets.push_back(offset);
  });
  if (!error.isOk())
    return error;
  return offsets;
}

/// Offsets of whole slices of `run` elements, as those of their elements.
std::vector<int64_t> spread(const std::vector<int64_t> &starts, int64_t run) {
  std::vector<int64_t> offsets;
  for (int64_t start : starts)
    for (int64_t i = 0; i < run; ++i)
      offsets.push_back(start + i);
  return offsets;
}

/// x with the elements at `offsets` changed by `updates`, one after the other.
TensorValue scattered(const TensorView &x, const std::vector<int64_t> &offsets, const TensorView &updates,
                      ScatterFunction function) {
  return withComputeType(x.element, [&]<typename T>(T) {
    std::vector<T> values = unpack<T>(x);
    const std::vector<T> changes = unpack<T>(updates);
    for (size_t i = 0; i < offsets.size(); ++i) {
      T &value = values[offsets[i]];
      switch (function) {
      case ScatterFunction::Replace:
        value = changes[i];
        break;
      case ScatterFunction::Add:
        value = sum(value, changes[i]);
        break;
      case ScatterFunction::Mul:
        value = product(value, changes[i]);
        break;
      case ScatterFunction::Max:
        value = larger(value, changes[i]);
        break;
      case ScatterFunction::Min:
        value = smaller(value, changes[i]);
        break;
      }
    }
    return pack(x, values);
  });
}

} // namespace

StatusOr<TensorValue> gather(const TensorView &x, const TensorView &indices, int64_t axis) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, allocatable(infer::gather(x, indices, axis)));
  CADENZA_ASSIGN_OR_RETURN(axis, infer::axisFrom0(axis, x.rank()));
  const int64_t before = elementsOf(std::span(x.shape).first(axis));
  const int64_t after = elementsOf(std::span(x.shape).subspan(axis + 1));
  std::vector<int64_t> starts;
  for (int64_t i = 0; i < before; ++i) {
    for (int64_t value : integers(indices)) {
      CADENZA_ASSIGN_OR_RETURN(const int64_t index, checkedIndex(value, x.shape[axis]));
      starts.push_back((i * x.shape[axis] + index) * after);
    }
  }
  return taken(x, spec.shape, spread(starts, after));
}

StatusOr<TensorValue> gatherElements(const TensorView &x, const TensorView &indices, int64_t axis) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, allocatable(infer::gatherElements(x, indices, axis)));
  CADENZA_ASSIGN_OR_RETURN(axis, infer::axisFrom0(axis, x.rank()));
  CADENZA_ASSIGN_OR_RETURN(const std::vector<int64_t> offsets, elementOffsets(x, indices, axis));
  return taken(x, spec.shape, offsets);
}

StatusOr<TensorValue> gatherND(const TensorView &x, const TensorView &indices, int64_t batchDims) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, allocatable(infer::gatherND(x, indices, batchDims)));
  CADENZA_ASSIGN_OR_RETURN(const std::vector<int64_t> starts, sliceOffsets(x, indices, batchDims));
  const int64_t run = elementsOf(std::span(x.shape).subspan(batchDims + indices.shape.back()));
  return taken(x, spec.shape, spread(starts, run));
}

StatusOr<TensorValue> scatterElements(const TensorView &x, const TensorView &indices, const TensorView &updates,
                                      int64_t axis, ScatterFunction function) {
  CADENZA_RETURN_IF_ERROR(infer::scatterElements(x, indices, updates, axis, function).status());
  CADENZA_ASSIGN_OR_RETURN(axis, infer::axisFrom0(axis, x.rank()));
  CADENZA_ASSIGN_OR_RETURN(const std::vector<int64_t> offsets, elementOffsets(x, indices, axis));
  return scattered(x, offsets, updates, function);
}

StatusOr<TensorValue> scatterND(const TensorView &x, const TensorView &indices, const TensorView &updates,
                                ScatterFunction function) {
  CADENZA_RETURN_IF_ERROR(infer::scatterND(x, indices, updates, function).status());
  CADENZA_ASSIGN_OR_RETURN(const std::vector<int64_t> starts, sliceOffsets(x, indices, 0));
  const int64_t run = elementsOf(std::span(x.shape).subspan(indices.shape.back()));
  return scattered(x, spread(starts, run), updates, function);
}

StatusOr<TensorValue> tensorScatter(const TensorView &cache, const TensorView &update, const TensorView *writeIndices,
                                    int64_t axis, bool circular) {
  CADENZA_RETURN_IF_ERROR(infer::tensorScatter(cache, update, writeIndices, axis).status());
  CADENZA_ASSIGN_OR_RETURN(axis, infer::axisFrom0(axis, cache.rank()));
  const std::vector<int64_t> strides = stridesOf(cache.shape);
  const std::vector<int64_t> begins =
      writeIndices != nullptr ? integers(*writeIndices) : std::vector<int64_t>(cache.shape[0], 0);
  const int64_t room = cache.shape[axis];
  for (int64_t begin : begins)
    if (begin < 0 || begin > (circular ? INT32_MAX : room - update.shape[axis]))
      return invalid("an update of " + std::to_string(update.shape[axis]) + " from position " + std::to_string(begin) +
                     " on does not fit into a cache of " + std::to_string(room));
  std::vector<int64_t> offsets;
  forEachIndex(update.shape, [&](const Shape &index) {
    int64_t offset = 0;
    for (int64_t i = 0; i < cache.rank(); ++i)
      offset += (i == axis ? (begins[index[0]] + index[i]) % room : index[i]) * strides[i];
    offsets.push_back(offset);
  });
  return scattered(cache, offsets, update, ScatterFunction::Replace);
}

} // namespace cadenza::nn::reference
