// The type of the result of each op on tensors, from the types of its operands, whose extents may be unknown: what is
// known is checked, and what follows from it is known of the result. One rule an op, for the verifiers of the IR and
// for the references (reference.h says what the parameters mean). Errors are InvalidInput.
#pragma once

#include "runtime/reference/functions.h"
#include "runtime/reference/tensor_value.h"
#include "runtime/support/status.h"

#include <span>

namespace cadenza::nn::infer {

using Integers = std::span<const int64_t>;

/// The shape that `a` and `b` broadcast to (NumPy): aligned at the end, 1 becomes the other extent.
StatusOr<Shape> broadcast(const Shape &a, const Shape &b);
/// `axis` as a number from 0 on, of a tensor of that rank.
StatusOr<int64_t> axisFrom0(int64_t axis, int64_t rank);

StatusOr<TensorSpec> unary(UnaryFunction function, const TensorSpec &x);
StatusOr<TensorSpec> binary(BinaryFunction function, const TensorSpec &a, const TensorSpec &b);
StatusOr<TensorSpec> where(const TensorSpec &condition, const TensorSpec &a, const TensorSpec &b);
/// Checks that x can be reshaped to `shape`; an unknown extent of it is computed if it is the only one and x is known.
StatusOr<TensorSpec> reshape(const TensorSpec &x, Shape shape);
StatusOr<TensorSpec> transpose(const TensorSpec &x, Integers permutation);
/// Starts and sizes may be unknown; steps are known.
StatusOr<TensorSpec> slice(const TensorSpec &x, Integers starts, Integers sizes, Integers steps);
StatusOr<TensorSpec> concat(std::span<const TensorSpec> parts, int64_t axis);
StatusOr<TensorSpec> expand(const TensorSpec &x, const Shape &shape);
StatusOr<TensorSpec> pad(const TensorSpec &x, Integers begins, Integers ends, PadMode mode, const TensorSpec *value);
StatusOr<TensorSpec> trilu(const TensorSpec &x);
/// The number of elements follows from values: it is unknown here.
StatusOr<TensorSpec> range(const TensorSpec &start, const TensorSpec &limit, const TensorSpec &delta);

StatusOr<TensorSpec> gather(const TensorSpec &x, const TensorSpec &indices, int64_t axis);
StatusOr<TensorSpec> gatherElements(const TensorSpec &x, const TensorSpec &indices, int64_t axis);
StatusOr<TensorSpec> gatherND(const TensorSpec &x, const TensorSpec &indices, int64_t batchDims);
StatusOr<TensorSpec> scatterElements(const TensorSpec &x, const TensorSpec &indices, const TensorSpec &updates,
                                     int64_t axis, ScatterFunction function);
StatusOr<TensorSpec> scatterND(const TensorSpec &x, const TensorSpec &indices, const TensorSpec &updates,
                               ScatterFunction function);
StatusOr<TensorSpec> tensorScatter(const TensorSpec &cache, const TensorSpec &update, const TensorSpec *writeIndices,
                                   int64_t axis);

StatusOr<TensorSpec> reduce(ReduceFunction function, const TensorSpec &x, Integers axes, bool keepDims);
StatusOr<TensorSpec> argReduce(const TensorSpec &x, int64_t axis, bool keepDims);
StatusOr<TensorSpec> softmax(const TensorSpec &x, int64_t axis); // and log_softmax
StatusOr<TensorSpec> cumsum(const TensorSpec &x, int64_t axis);
/// Of the values; the indices are i64 of the same shape.
StatusOr<TensorSpec> topk(const TensorSpec &x, int64_t k, int64_t axis);

StatusOr<TensorSpec> matmul(const TensorSpec &a, const TensorSpec &b);
/// `bias` may be null: layer_normalization and rms_normalization.
StatusOr<TensorSpec> normalization(const TensorSpec &x, const TensorSpec &scale, const TensorSpec *bias, int64_t axis);

} // namespace cadenza::nn::infer
