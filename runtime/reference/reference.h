// The executable reference of each op on tensors of the `nn` dialect: what its `evaluate` runs, and what importers fold
// constants with. Written to be read next to the formula (docs/ops/nn.md), not to be fast.
//
// Numbers. Integers are exact and wrap to their type. Floats are computed in double whatever their type, sums included,
// and the result of an op is rounded once, to nearest even, to its element type: the nearest value that a type can hold
// but for f64, whose results are those of the C library. Executors keep sums in f32 at least, so they differ from this.
//
// Shapes are those of NumPy and of the ONNX specification. An axis counts from 0 or, if negative, from the end. Extents
// may be 0. Every function checks its operands (with the rule of the op, infer.h, and values such as indices on top):
// what does not fit is InvalidInput, with a message that says what and where.
#pragma once

#include "runtime/reference/functions.h"
#include "runtime/reference/tensor_value.h"
#include "runtime/support/status.h"

#include <optional>
#include <span>
#include <utility>

namespace cadenza::nn::reference {

using Integers = std::span<const int64_t>;

// Elementwise (elementwise.cpp): shapes broadcast to each other; operands have one element type.
StatusOr<TensorValue> unary(UnaryFunction function, const TensorView &x);
StatusOr<TensorValue> binary(BinaryFunction function, const TensorView &a, const TensorView &b);
/// a where `condition` (boolean) is true, else b.
StatusOr<TensorValue> where(const TensorView &condition, const TensorView &a, const TensorView &b);
/// Floats are rounded to nearest even. A float becomes an integer by truncation towards zero, the nearest one of the
/// type if it is outside of it, and NaN 0 (ONNX leaves those two open). Integers wrap. A boolean is whether it is not
/// 0.
StatusOr<TensorValue> cast(const TensorView &x, ElementType type);

// Data movement (movement.cpp): elements of any type.
/// One extent may be unknown: it follows from the number of elements.
StatusOr<TensorValue> reshape(const TensorView &x, Shape shape);
/// y.shape[i] = x.shape[permutation[i]]
StatusOr<TensorValue> transpose(const TensorView &x, Integers permutation);
/// On each axis the elements start, start + step, ..., `size` of them; all of them have to exist. Steps are not 0.
StatusOr<TensorValue> slice(const TensorView &x, Integers starts, Integers sizes, Integers steps);
StatusOr<TensorValue> concat(std::span<const TensorView> parts, int64_t axis);
/// x broadcast to `shape`, which x's shape has to broadcast to.
StatusOr<TensorValue> expand(const TensorView &x, const Shape &shape);
/// `begins` and `ends` elements are added on each axis, or cut off where they are negative; `value`, a scalar of x's
/// type (0 if it is null), is for PadMode::Constant.
StatusOr<TensorValue> pad(const TensorView &x, Integers begins, Integers ends, PadMode mode, const TensorView *value);
/// Of each matrix (the last two axes) what stands on and above (`upper`) or on and below the k-th diagonal; else 0.
StatusOr<TensorValue> trilu(const TensorView &x, bool upper, int64_t k);
/// start, start + delta, ...: ceil((limit - start) / delta) elements, at least 0; operands are scalars of one type.
StatusOr<TensorValue> range(const TensorView &start, const TensorView &limit, const TensorView &delta);

// By index (indexing.cpp): indices are of type i32 or i64, and count from the end if they are negative.
/// y[i..., j..., k...] = x[i..., indices[j...], k...] with i before `axis`, k after it.
StatusOr<TensorValue> gather(const TensorView &x, const TensorView &indices, int64_t axis);
/// y[j] = x[j with indices[j] at `axis`]
StatusOr<TensorValue> gatherElements(const TensorView &x, const TensorView &indices, int64_t axis);
/// y[b..., j..., k...] = x[b..., indices[b..., j..., :]..., k...] with `batchDims` axes b.
StatusOr<TensorValue> gatherND(const TensorView &x, const TensorView &indices, int64_t batchDims);
/// x with y[j with indices[j] at `axis`] = f(itself, updates[j]), in the order of j.
StatusOr<TensorValue> scatterElements(const TensorView &x, const TensorView &indices, const TensorView &updates,
                                      int64_t axis, ScatterFunction function);
/// x with y[indices[j..., :]..., k...] = f(itself, updates[j..., k...]), in the order of j.
StatusOr<TensorValue> scatterND(const TensorView &x, const TensorView &indices, const TensorView &updates,
                                ScatterFunction function);
/// `cache` [batch, ...] with `update`, of another extent on `axis`, written from `writeIndices[batch]` on (from 0 on if
/// it is null); with `circular` positions wrap around the extent of the cache.
StatusOr<TensorValue> tensorScatter(const TensorView &cache, const TensorView &update, const TensorView *writeIndices,
                                    int64_t axis, bool circular);

// Along axes (reductions.cpp).
/// Over `axes` (no two alike; none: each element alone), which stay with extent 1 if `keepDims`. No elements: sum 0,
/// product 1, mean NaN, log of 0; the largest and smallest is that of the type.
StatusOr<TensorValue> reduce(ReduceFunction function, const TensorView &x, Integers axes, bool keepDims);
/// The index (i64) of the largest or smallest; among equals the first, or the `last`.
StatusOr<TensorValue> argReduce(ArgFunction function, const TensorView &x, int64_t axis, bool keepDims, bool last);
/// e^(x - max) / sum of e^(x - max) along `axis`.
StatusOr<TensorValue> softmax(const TensorView &x, int64_t axis);
/// x - max - log(sum of e^(x - max)) along `axis`.
StatusOr<TensorValue> logSoftmax(const TensorView &x, int64_t axis);
/// y[i] = x[0] + ... + x[i], without x[i] if `exclusive`; from the end if `reverse`.
StatusOr<TensorValue> cumsum(const TensorView &x, int64_t axis, bool exclusive, bool reverse);
/// The `k` largest (or smallest), in order, the lower index first among equals, and their indices (i64).
StatusOr<std::pair<TensorValue, TensorValue>> topk(const TensorView &x, int64_t k, int64_t axis, bool largest);

// Products and norms (products.cpp).
/// As numpy.matmul: the last two axes are matrices, those before broadcast; a vector is a row on the left, a column on
/// the right, and has no axis in the result.
StatusOr<TensorValue> matmul(const TensorView &a, const TensorView &b);
/// (x - mean) / sqrt(variance + epsilon), over the axes from `axis` on, rounded to x's type, times scale, plus bias (if
/// it is not null), which broadcast to x.
StatusOr<TensorValue> layerNormalization(const TensorView &x, const TensorView &scale, const TensorView *bias,
                                         int64_t axis, double epsilon);
/// x / sqrt(mean of x^2 + epsilon), over the axes from `axis` on, rounded to x's type, times scale, which broadcasts to
/// x.
StatusOr<TensorValue> rmsNormalization(const TensorView &x, const TensorView &scale, int64_t axis, double epsilon);

} // namespace cadenza::nn::reference
