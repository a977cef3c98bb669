#include "runtime/reference/formulas.h"
#include "runtime/reference/infer.h"
#include "runtime/reference/packed.h"
#include "runtime/reference/reference.h"

#include <algorithm>

namespace cadenza::nn::reference {
namespace {

/// The axes before those of matrices.
Shape batchOf(const TensorSpec &spec) {
  return Shape(spec.shape.begin(), spec.shape.end() - std::min<int64_t>(spec.rank(), 2));
}

/// x, of each group of the axes from `axis` on, without its mean (if `centred`) and over its root mean square, rounded.
TensorValue normalized(const TensorView &x, const TensorSpec &spec, int64_t axis, double epsilon, bool centred) {
  std::vector<double> y = unpack<double>(x);
  const int64_t group = elementsOf(std::span(x.shape).subspan(axis));
  for (size_t begin = 0; begin < y.size(); begin += group) {
    double total = 0, squares = 0;
    for (int64_t i = 0; i < group; ++i)
      total += y[begin + i];
    const double mean = centred ? total / group : 0;
    for (int64_t i = 0; i < group; ++i)
      squares += (y[begin + i] - mean) * (y[begin + i] - mean);
    const double deviation = std::sqrt(squares / group + epsilon);
    for (int64_t i = 0; i < group; ++i)
      y[begin + i] = (y[begin + i] - mean) / deviation;
  }
  return pack(spec, y); // rounds
}

StatusOr<TensorValue> normalization(const TensorView &x, const TensorView &scale, const TensorView *bias, int64_t axis,
                                    double epsilon, bool centred) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, infer::normalization(x, scale, bias, axis));
  CADENZA_ASSIGN_OR_RETURN(axis, infer::axisFrom0(axis, x.rank()));
  std::vector<double> y = unpack<double>(normalized(x, spec, axis, epsilon, centred));
  const std::vector<double> factors = unpack<double>(scale);
  const std::vector<double> summands = bias != nullptr ? unpack<double>(*bias) : std::vector<double>(1, 0);
  const std::vector<int64_t> factorAt = offsetsOf(x.shape, broadcastStrides(scale.shape, x.shape));
  const std::vector<int64_t> summandAt = offsetsOf(x.shape, broadcastStrides(bias ? bias->shape : Shape(), x.shape));
  for (size_t i = 0; i < y.size(); ++i)
    y[i] = y[i] * factors[factorAt[i]] + summands[summandAt[i]];
  return pack(spec, y);
}

} // namespace

StatusOr<TensorValue> matmul(const TensorView &a, const TensorView &b) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, allocatable(infer::matmul(a, b)));
  CADENZA_ASSIGN_OR_RETURN(const Shape batch, infer::broadcast(batchOf(a), batchOf(b)));
  // a is [..., rows, depth], b is [..., depth, columns]; of a vector the axis that it does not have is 1.
  const int64_t rows = a.rank() > 1 ? a.shape[a.rank() - 2] : 1, depth = a.shape.back();
  const int64_t columns = b.rank() > 1 ? b.shape.back() : 1;
  const std::vector<int64_t> matricesA = offsetsOf(batch, broadcastStrides(batchOf(a), batch));
  const std::vector<int64_t> matricesB = offsetsOf(batch, broadcastStrides(batchOf(b), batch));
  return withComputeType(a.element, [&]<typename T>(T) {
    const std::vector<T> as = unpack<T>(a), bs = unpack<T>(b);
    std::vector<T> values;
    for (size_t matrix = 0; matrix < matricesA.size(); ++matrix) {
      const T *left = as.data() + matricesA[matrix] * rows * depth;
      const T *right = bs.data() + matricesB[matrix] * depth * columns;
      // Every sum in the order of k; rows of `right` one after the other, as they lie in memory.
      for (int64_t m = 0; m < rows; ++m) {
        std::vector<T> totals(columns);
        for (int64_t k = 0; k < depth; ++k)
          for (int64_t n = 0; n < columns; ++n)
            totals[n] = sum(totals[n], product(left[m * depth + k], right[k * columns + n]));
        values.insert(values.end(), totals.begin(), totals.end());
      }
    }
    return pack(spec, values);
  });
}

StatusOr<TensorValue> layerNormalization(const TensorView &x, const TensorView &scale, const TensorView *bias,
                                         int64_t axis, double epsilon) {
  return normalization(x, scale, bias, axis, epsilon, /*centred=*/true);
}

StatusOr<TensorValue> rmsNormalization(const TensorView &x, const TensorView &scale, int64_t axis, double epsilon) {
  return normalization(x, scale, nullptr, axis, epsilon, /*centred=*/false);
}

} // namespace cadenza::nn::reference
