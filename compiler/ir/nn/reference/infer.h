// The type of the result of each op on tensors, from the types of its operands, whose extents may be unknown: what is
// known is checked, and what follows from it is known of the result. One rule an op, for the verifiers of the IR and
// for the references (reference.h says what the parameters mean). Errors are InvalidInput.
#pragma once

#include "compiler/ir/nn/reference/functions.h"
#include "compiler/ir/nn/reference/tensor_value.h"
#include "runtime/support/status.h"

#include <span>

namespace cadenza::nn::infer {

using Integers = std::span<const int64_t>;

/// The shape that `a` and `b` broadcast to (NumPy): aligned at the end, 1 becomes the other extent.
StatusOr<Shape> broadcast(const Shape &a, const Shape &b);
/// `axis` as a number from 0 on, of a tensor of that rank.
StatusOr<int64_t> axisFrom0(int64_t axis, int64_t rank);

StatusOr<TensorType> unary(UnaryFunction function, const TensorType &x);
StatusOr<TensorType> binary(BinaryFunction function, const TensorType &a, const TensorType &b);
StatusOr<TensorType> where(const TensorType &condition, const TensorType &a, const TensorType &b);
/// Checks that x can be reshaped to `shape`; an unknown extent of it is computed if it is the only one and x is known.
StatusOr<TensorType> reshape(const TensorType &x, Shape shape);
StatusOr<TensorType> transpose(const TensorType &x, Integers permutation);
/// Starts and sizes may be unknown; steps are known.
StatusOr<TensorType> slice(const TensorType &x, Integers starts, Integers sizes, Integers steps);
StatusOr<TensorType> concat(std::span<const TensorType> parts, int64_t axis);
StatusOr<TensorType> expand(const TensorType &x, const Shape &shape);
StatusOr<TensorType> pad(const TensorType &x, Integers begins, Integers ends, PadMode mode, const TensorType *value);
StatusOr<TensorType> trilu(const TensorType &x);
/// The number of elements follows from values: it is unknown here.
StatusOr<TensorType> range(const TensorType &start, const TensorType &limit, const TensorType &delta);

StatusOr<TensorType> gather(const TensorType &x, const TensorType &indices, int64_t axis);
StatusOr<TensorType> gatherElements(const TensorType &x, const TensorType &indices, int64_t axis);
StatusOr<TensorType> gatherND(const TensorType &x, const TensorType &indices, int64_t batchDims);
StatusOr<TensorType> scatterElements(const TensorType &x, const TensorType &indices, const TensorType &updates,
                                     int64_t axis, ScatterFunction function);
StatusOr<TensorType> scatterND(const TensorType &x, const TensorType &indices, const TensorType &updates,
                               ScatterFunction function);
StatusOr<TensorType> tensorScatter(const TensorType &cache, const TensorType &update, const TensorType *writeIndices,
                                   int64_t axis);

StatusOr<TensorType> reduce(ReduceFunction function, const TensorType &x, Integers axes, bool keepDims);
StatusOr<TensorType> argReduce(const TensorType &x, int64_t axis, bool keepDims);
StatusOr<TensorType> softmax(const TensorType &x, int64_t axis); // and log_softmax
StatusOr<TensorType> cumsum(const TensorType &x, int64_t axis);
/// Of the values; the indices are i64 of the same shape.
StatusOr<TensorType> topk(const TensorType &x, int64_t k, int64_t axis);

StatusOr<TensorType> matmul(const TensorType &a, const TensorType &b);
/// `bias` may be null: layer_normalization and rms_normalization.
StatusOr<TensorType> normalization(const TensorType &x, const TensorType &scale, const TensorType *bias, int64_t axis);

} // namespace cadenza::nn::infer
