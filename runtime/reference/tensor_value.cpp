#include "runtime/reference/tensor_value.h"

#include "runtime/reference/formulas.h"
#include "runtime/reference/packed.h"
#include "runtime/support/float16.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace cadenza::nn {
namespace {

/// The float that is nearest to `value` among those whose last bit says whether anything was lost ("round to odd"):
/// what is rounded from it to a narrower type is rounded as from `value` itself, once (Boldo and Melquiond 2008).
float roundToOdd(double value) {
  const float nearest = static_cast<float>(value);
  if (std::isnan(value) || nearest == value)
    return nearest;
  // Towards zero, then odd; so what overflows becomes the largest float, which is odd and overflows every narrower
  // type.
  const float truncated = std::abs(nearest) > std::abs(value) ? std::nextafterf(nearest, 0.0F) : nearest;
  uint32_t bits;
  std::memcpy(&bits, &truncated, sizeof(bits));
  bits |= 1;
  float odd;
  std::memcpy(&odd, &bits, sizeof(odd));
  return odd;
}

template <typename To, typename From> To convert(From value) {
  if constexpr (std::is_same_v<From, double> && std::is_integral_v<To>)
    return truncated<To>(value);
  else
    return static_cast<To>(value); // integers wrap, to float they round to nearest even
}

/// Integers go to narrow floats in one rounding, too: a long double holds 64 bits.
template <typename From> float oddFloat(From value) {
  if constexpr (std::is_same_v<From, double>) {
    return roundToOdd(value);
  } else {
    // Bits that double cannot hold only matter as "something was lost", far below the precision of 16 bits.
    const double nearest = static_cast<double>(value);
    const long double exact = static_cast<long double>(value);
    if (static_cast<long double>(nearest) == exact)
      return roundToOdd(nearest);
    return roundToOdd(std::nextafter(nearest, exact > nearest ? HUGE_VAL : -HUGE_VAL));
  }
}

template <typename Stored, typename T> void load(std::span<const std::byte> bytes, std::vector<T> &values) {
  for (size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(stored), sizeof(stored));
    values[i] = static_cast<T>(stored);
  }
}

template <typename T, typename Convert>
void store(const std::vector<T> &values, std::vector<std::byte> &bytes, Convert convert) {
  for (size_t i = 0; i < values.size(); ++i) {
    const auto stored = convert(values[i]);
    std::memcpy(bytes.data() + i * sizeof(stored), &stored, sizeof(stored));
  }
}

} // namespace

std::string text(const Shape &shape) {
  std::string result = "[";
  for (int64_t extent : shape)
    result += (result.size() > 1 ? ", " : "") + (extent == unknownExtent ? "?" : std::to_string(extent));
  return result + "]";
}

std::string text(const TensorSpec &type) { return std::string(elementTypeName(type.element)) + " " + text(type.shape); }

int64_t TensorSpec::elements() const { return elementsOf(shape); }

TensorValue zeros(TensorSpec type) {
  TensorValue value{std::move(type), {}};
  value.bytes.resize(static_cast<size_t>(value.elements()) * elementBits(value.element) / 8);
  return value;
}

template <typename T> std::vector<T> unpack(const TensorView &tensor) {
  std::vector<T> values(static_cast<size_t>(tensor.elements()));
  switch (tensor.element) {
  case ElementType::f64:
    load<double>(tensor.bytes, values);
    break;
  case ElementType::f32:
    load<float>(tensor.bytes, values);
    break;
  case ElementType::f16:
  case ElementType::bf16: {
    std::vector<uint16_t> halves(values.size());
    load<uint16_t>(tensor.bytes, halves);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<T>(tensor.element == ElementType::f16 ? f16ToFloat(halves[i]) : bf16ToFloat(halves[i]));
    break;
  }
  case ElementType::i8:
    load<int8_t>(tensor.bytes, values);
    break;
  case ElementType::i16:
    load<int16_t>(tensor.bytes, values);
    break;
  case ElementType::i32:
    load<int32_t>(tensor.bytes, values);
    break;
  case ElementType::i64:
    load<int64_t>(tensor.bytes, values);
    break;
  case ElementType::u16:
    load<uint16_t>(tensor.bytes, values);
    break;
  case ElementType::u32:
    load<uint32_t>(tensor.bytes, values);
    break;
  case ElementType::u64:
    load<uint64_t>(tensor.bytes, values);
    break;
  default: // u8 and booleans
    load<uint8_t>(tensor.bytes, values);
    break;
  }
  return values;
}

template <typename T> TensorValue pack(TensorSpec type, const std::vector<T> &values) {
  TensorValue tensor = zeros(std::move(type));
  std::vector<std::byte> &bytes = tensor.bytes;
  switch (tensor.element) {
  case ElementType::f64:
    store(values, bytes, [](T value) { return static_cast<double>(value); });
    break;
  case ElementType::f32:
    store(values, bytes, [](T value) { return static_cast<float>(value); });
    break;
  case ElementType::f16:
    store(values, bytes, [](T value) { return floatToF16(oddFloat(value)); });
    break;
  case ElementType::bf16:
    store(values, bytes, [](T value) { return floatToBf16(oddFloat(value)); });
    break;
  case ElementType::i8:
    store(values, bytes, convert<int8_t, T>);
    break;
  case ElementType::i16:
    store(values, bytes, convert<int16_t, T>);
    break;
  case ElementType::i32:
    store(values, bytes, convert<int32_t, T>);
    break;
  case ElementType::i64:
    store(values, bytes, convert<int64_t, T>);
    break;
  case ElementType::u16:
    store(values, bytes, convert<uint16_t, T>);
    break;
  case ElementType::u32:
    store(values, bytes, convert<uint32_t, T>);
    break;
  case ElementType::u64:
    store(values, bytes, convert<uint64_t, T>);
    break;
  case ElementType::boolean:
    store(values, bytes, [](T value) { return static_cast<uint8_t>(value != 0); });
    break;
  default: // u8
    store(values, bytes, convert<uint8_t, T>);
    break;
  }
  return tensor;
}

template std::vector<double> unpack(const TensorView &tensor);
template std::vector<int64_t> unpack(const TensorView &tensor);
template std::vector<uint64_t> unpack(const TensorView &tensor);
template TensorValue pack(TensorSpec type, const std::vector<double> &values);
template TensorValue pack(TensorSpec type, const std::vector<int64_t> &values);
template TensorValue pack(TensorSpec type, const std::vector<uint64_t> &values);

TensorValue tensorOf(ElementType type, Shape shape, std::span<const double> values) {
  return pack({type, std::move(shape)}, std::vector<double>(values.begin(), values.end()));
}

TensorValue tensorOf(ElementType type, Shape shape, std::span<const int64_t> values) {
  return pack({type, std::move(shape)}, std::vector<int64_t>(values.begin(), values.end()));
}

TensorValue scalar(int64_t value) { return tensorOf(ElementType::i64, {}, {&value, 1}); }

std::vector<double> reals(const TensorView &tensor) { return unpack<double>(tensor); }
std::vector<int64_t> integers(const TensorView &tensor) { return unpack<int64_t>(tensor); }

std::vector<int64_t> stridesOf(const Shape &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

int64_t elementsOf(std::span<const int64_t> shape) {
  int64_t elements = 1;
  for (int64_t extent : shape)
    elements *= extent;
  return elements;
}

std::vector<int64_t> broadcastStrides(const Shape &from, const Shape &to) {
  const std::vector<int64_t> strides = stridesOf(from);
  std::vector<int64_t> result(to.size(), 0);
  for (size_t axis = 0, added = to.size() - from.size(); axis < from.size(); ++axis)
    result[added + axis] = from[axis] == 1 ? 0 : strides[axis];
  return result;
}

std::vector<int64_t> offsetsOf(const Shape &shape, const std::vector<int64_t> &strides) {
  std::vector<int64_t> offsets;
  offsets.reserve(static_cast<size_t>(elementsOf(shape)));
  forEachIndex(shape, [&](const Shape &index) {
    offsets.push_back(std::inner_product(index.begin(), index.end(), strides.begin(), int64_t{0}));
  });
  return offsets;
}

TensorValue taken(const TensorView &x, Shape shape, const std::vector<int64_t> &offsets, const TensorView *other) {
  TensorValue result = zeros({x.element, std::move(shape)});
  const size_t size = elementBits(x.element) / 8;
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] >= 0)
      std::memcpy(result.bytes.data() + i * size, x.bytes.data() + offsets[i] * size, size);
    else if (other != nullptr)
      std::memcpy(result.bytes.data() + i * size, other->bytes.data(), size);
  }
  return result;
}

StatusOr<TensorSpec> allocatable(StatusOr<TensorSpec> spec) {
  if (!spec.isOk())
    return spec;
  constexpr int64_t mostElements = int64_t{1} << 32;
  int64_t elements = 1;
  for (int64_t extent : spec->shape) {
    if (extent < 0)
      return invalid("there is no tensor of shape " + text(spec->shape));
    if (extent > 0 && elements > mostElements / extent)
      return invalid("a tensor of shape " + text(spec->shape) + " has more elements than the reference computes with");
    elements *= extent;
  }
  return spec;
}

} // namespace cadenza::nn
