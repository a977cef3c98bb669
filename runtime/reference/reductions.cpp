#include "runtime/reference/formulas.h"
#include "runtime/reference/infer.h"
#include "runtime/reference/packed.h"
#include "runtime/reference/reference.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace cadenza::nn::reference {
namespace {

/// The smallest (or largest) number of a type, as T; of floats infinity.
template <typename T> T extreme(ElementType type, bool smallest) {
  if constexpr (isReal<T>) {
    return smallest ? -HUGE_VAL : HUGE_VAL;
  } else {
    if (type == ElementType::boolean)
      return smallest ? 0 : 1;
    const uint64_t all = ~uint64_t{0} >> (64 - elementBits(type));
    if (!isSigned(type))
      return static_cast<T>(smallest ? 0 : all);
    return static_cast<T>(smallest ? ~(all >> 1) : all >> 1);
  }
}

/// One number of the elements x[first + offset] of a group.
template <typename T>
T reduced(ReduceFunction function, ElementType type, const std::vector<T> &x, int64_t first,
          const std::vector<int64_t> &group) {
  const auto fold = [&](T start, auto step) {
    for (int64_t offset : group)
      start = step(start, x[first + offset]);
    return start;
  };
  const auto total = [&] { return fold(T{0}, sum<T>); };
  const auto squares = [&] { return fold(T{0}, [](T sum, T x) { return nn::sum(sum, product(x, x)); }); };
  switch (function) {
  case ReduceFunction::Sum:
    return total();
  case ReduceFunction::Mean: // of integers towards zero
    if (group.empty())
      return static_cast<T>(std::numeric_limits<T>::quiet_NaN());
    return total() / static_cast<T>(group.size());
  case ReduceFunction::Max:
    return fold(extreme<T>(type, true), larger<T>);
  case ReduceFunction::Min:
    return fold(extreme<T>(type, false), smaller<T>);
  case ReduceFunction::Prod:
    return fold(T{1}, product<T>);
  case ReduceFunction::L1:
    return fold(T{0}, [](T sum, T x) { return nn::sum(sum, absolute(x)); });
  case ReduceFunction::L2:
    return ofReal<T>(std::sqrt(squares()));
  case ReduceFunction::LogSum:
    return ofReal<T>(std::log(total()));
  case ReduceFunction::LogSumExp: {
    const double largest = static_cast<double>(fold(extreme<T>(type, true), larger<T>));
    const double shift = std::isfinite(largest) ? largest : 0;
    double sum = 0;
    for (int64_t offset : group)
      sum += std::exp(static_cast<double>(x[first + offset]) - shift);
    return ofReal<T>(shift + std::log(sum));
  }
  case ReduceFunction::SumSquare:
    return squares();
  }
  return T{};
}

/// Calls `function(first, stride)` with every line along `axis`: where it begins, how far its elements are apart.
template <typename Function> void forEachLine(const Shape &shape, int64_t axis, Function &&function) {
  const std::vector<int64_t> strides = stridesOf(shape);
  Shape others = shape;
  others[axis] = 1;
  for (int64_t first : offsetsOf(others, strides))
    function(first, strides[axis]);
}

StatusOr<TensorValue> softmaxLike(const TensorView &x, int64_t axis, bool isLog) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, infer::softmax(x, axis));
  CADENZA_ASSIGN_OR_RETURN(axis, infer::axisFrom0(axis, x.rank()));
  std::vector<double> y = unpack<double>(x);
  const int64_t extent = x.shape[axis];
  forEachLine(x.shape, axis, [&](int64_t first, int64_t stride) {
    double largest = -HUGE_VAL, sum = 0;
    for (int64_t i = 0; i < extent; ++i)
      largest = larger(largest, y[first + i * stride]);
    for (int64_t i = 0; i < extent; ++i)
      sum += std::exp(y[first + i * stride] - largest);
    for (int64_t i = 0; i < extent; ++i) {
      double &value = y[first + i * stride];
      value = isLog ? value - largest - std::log(sum) : std::exp(value - largest) / sum;
    }
  });
  return pack(spec, y);
}

/// Whether a comes before b; NaN comes first.
template <typename T> bool isBefore(bool largestFirst, T a, T b) {
  if constexpr (isReal<T>)
    if (std::isnan(a) || std::isnan(b))
      return std::isnan(a) && !std::isnan(b);
  return largestFirst ? a > b : a < b;
}

} // namespace

StatusOr<TensorValue> reduce(ReduceFunction function, const TensorView &x, Integers axes, bool keepDims) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, infer::reduce(function, x, axes, keepDims));
  Shape kept = x.shape, group(x.shape.size(), 1);
  for (int64_t given : axes) {
    CADENZA_ASSIGN_OR_RETURN(const int64_t axis, infer::axisFrom0(given, x.rank()));
    std::swap(kept[axis], group[axis]);
  }
  const std::vector<int64_t> strides = stridesOf(x.shape);
  const std::vector<int64_t> firsts = offsetsOf(kept, strides), offsets = offsetsOf(group, strides);
  if (offsets.empty() && function == ReduceFunction::Mean && !isFloat(x.element))
    return invalid("there is no mean of no integers");
  return withComputeType(x.element, [&]<typename T>(T) {
    const std::vector<T> values = unpack<T>(x);
    std::vector<T> results;
    for (int64_t first : firsts)
      results.push_back(reduced(function, x.element, values, first, offsets));
    return pack(spec, results);
  });
}

StatusOr<TensorValue> argReduce(ArgFunction function, const TensorView &x, int64_t axis, bool keepDims, bool last) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, infer::argReduce(x, axis, keepDims));
  CADENZA_ASSIGN_OR_RETURN(axis, infer::axisFrom0(axis, x.rank()));
  return withComputeType(x.element, [&]<typename T>(T) {
    const std::vector<T> values = unpack<T>(x);
    std::vector<int64_t> results;
    forEachLine(x.shape, axis, [&](int64_t first, int64_t stride) {
      const bool largest = function == ArgFunction::Max;
      int64_t best = 0;
      for (int64_t i = 1; i < x.shape[axis]; ++i) {
        const T value = values[first + i * stride], before = values[first + best * stride];
        if (isBefore(largest, value, before) || (last && !isBefore(largest, before, value)))
          best = i;
      }
      results.push_back(best);
    });
    return pack(spec, results);
  });
}

StatusOr<TensorValue> softmax(const TensorView &x, int64_t axis) { return softmaxLike(x, axis, false); }
StatusOr<TensorValue> logSoftmax(const TensorView &x, int64_t axis) { return softmaxLike(x, axis, true); }

StatusOr<TensorValue> cumsum(const TensorView &x, int64_t axis, bool exclusive, bool reverse) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, infer::cumsum(x, axis));
  CADENZA_ASSIGN_OR_RETURN(axis, infer::axisFrom0(axis, x.rank()));
  return withComputeType(x.element, [&]<typename T>(T) {
    std::vector<T> values = unpack<T>(x);
    const int64_t extent = x.shape[axis];
    forEachLine(x.shape, axis, [&](int64_t first, int64_t stride) {
      T total = 0;
      for (int64_t i = 0; i < extent; ++i) {
        T &value = values[first + (reverse ? extent - 1 - i : i) * stride];
        const T before = total;
        total = sum(total, value);
        value = exclusive ? before : total;
      }
    });
    return pack(spec, values);
  });
}

StatusOr<std::pair<TensorValue, TensorValue>> topk(const TensorView &x, int64_t k, int64_t axis, bool largest) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, infer::topk(x, k, axis));
  CADENZA_ASSIGN_OR_RETURN(axis, infer::axisFrom0(axis, x.rank()));
  // The places of the result, line by line as of x.
  std::vector<std::pair<int64_t, int64_t>> lines;
  forEachLine(spec.shape, axis, [&](int64_t first, int64_t stride) { lines.emplace_back(first, stride); });
  std::vector<int64_t> indices(elementsOf(spec.shape)), offsets(indices.size());
  withComputeType(x.element, [&]<typename T>(T) {
    const std::vector<T> values = unpack<T>(x);
    size_t line = 0;
    forEachLine(x.shape, axis, [&](int64_t first, int64_t stride) {
      std::vector<int64_t> order(x.shape[axis]);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return isBefore(largest, values[first + a * stride], values[first + b * stride]);
      });
      for (int64_t i = 0; i < k; ++i) {
        const int64_t place = lines[line].first + i * lines[line].second;
        indices[place] = order[i];
        offsets[place] = first + order[i] * stride;
      }
      ++line;
    });
  });
  return std::pair(taken(x, spec.shape, offsets), pack({ElementType::i64, spec.shape}, indices));
}

} // namespace cadenza::nn::reference
