#include "runtime/reference/formulas.h"
#include "runtime/reference/infer.h"
#include "runtime/reference/packed.h"
#include "runtime/reference/reference.h"

#include <algorithm>

namespace cadenza::nn::reference {
namespace {

/// Whether a row of that kind has a formula of T, the type that its operands are computed in.
template <typename T> constexpr bool takes(RowKind kind) {
  switch (kind) {
  case RowKind::REAL:
  case RowKind::TEST:
    return isReal<T>;
  case RowKind::INTEGER:
    return !isReal<T>;
  case RowKind::LOGICAL:
    return std::is_same_v<T, uint64_t>;
  default:
    return true;
  }
}

template <typename T> T compute(UnaryFunction function, T x) {
  switch (function) {
#define CADENZA_UNARY(kind, name, spelling, formula)                                                                   \
  case UnaryFunction::name:                                                                                            \
    if constexpr (takes<T>(RowKind::kind))                                                                             \
      return static_cast<T>(formula);                                                                                  \
    break;
#include "runtime/reference/functions.inc"
  }
  return T{};
}

template <typename T> T compute(BinaryFunction function, T a, T b) {
  switch (function) {
#define CADENZA_BINARY(kind, name, spelling, formula)                                                                  \
  case BinaryFunction::name:                                                                                           \
    if constexpr (takes<T>(RowKind::kind))                                                                             \
      return static_cast<T>(formula);                                                                                  \
    break;
#include "runtime/reference/functions.inc"
  }
  return T{};
}

/// What a function of integers is not defined for.
template <typename T> Status checkDefined(BinaryFunction function, T a, T b) {
  if constexpr (!isReal<T>) {
    const bool divides = function == BinaryFunction::Div || function == BinaryFunction::Mod ||
                         function == BinaryFunction::Fmod || (function == BinaryFunction::Pow && b < 0);
    if (divides && (function == BinaryFunction::Pow ? a : b) == 0)
      return invalid(std::string(name(function)) + " divides an integer by 0");
  }
  return Status::ok();
}

} // namespace

StatusOr<TensorValue> unary(UnaryFunction function, const TensorView &x) {
  CADENZA_ASSIGN_OR_RETURN(TensorSpec spec, allocatable(infer::unary(function, x)));
  return withComputeType(x.element, [&]<typename T>(T) {
    std::vector<T> values = unpack<T>(x);
    for (T &value : values)
      value = compute(function, value);
    return pack(std::move(spec), values);
  });
}

StatusOr<TensorValue> binary(BinaryFunction function, const TensorView &a, const TensorView &b) {
  CADENZA_ASSIGN_OR_RETURN(TensorSpec spec, allocatable(infer::binary(function, a, b)));
  const std::vector<int64_t> left = offsetsOf(spec.shape, broadcastStrides(a.shape, spec.shape));
  const std::vector<int64_t> right = offsetsOf(spec.shape, broadcastStrides(b.shape, spec.shape));
  return withComputeType(a.element, [&]<typename T>(T) -> StatusOr<TensorValue> {
    const std::vector<T> as = unpack<T>(a), bs = unpack<T>(b);
    std::vector<T> values(left.size());
    for (size_t i = 0; i < values.size(); ++i) {
      CADENZA_RETURN_IF_ERROR(checkDefined(function, as[left[i]], bs[right[i]]));
      values[i] = compute(function, as[left[i]], bs[right[i]]);
    }
    return pack(std::move(spec), values);
  });
}

StatusOr<TensorValue> where(const TensorView &condition, const TensorView &a, const TensorView &b) {
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec spec, allocatable(infer::where(condition, a, b)));
  const std::vector<int64_t> choice = offsetsOf(spec.shape, broadcastStrides(condition.shape, spec.shape));
  TensorValue result = taken(a, spec.shape, offsetsOf(spec.shape, broadcastStrides(a.shape, spec.shape)));
  const TensorValue other = taken(b, spec.shape, offsetsOf(spec.shape, broadcastStrides(b.shape, spec.shape)));
  const size_t size = elementBits(spec.element) / 8;
  for (size_t i = 0; i < choice.size(); ++i)
    if (condition.bytes[choice[i]] == std::byte{0})
      std::copy_n(other.bytes.begin() + i * size, size, result.bytes.begin() + i * size);
  return result;
}

StatusOr<TensorValue> cast(const TensorView &x, ElementType type) {
  if (!isComputable(x.element) || !isComputable(type))
    return invalid("there is no cast from " + std::string(elementTypeName(x.element)) + " to " +
                   std::string(elementTypeName(type)));
  return withComputeType(x.element, [&]<typename T>(T) { return pack({type, x.shape}, unpack<T>(x)); });
}

} // namespace cadenza::nn::reference
