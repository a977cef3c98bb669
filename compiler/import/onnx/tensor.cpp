#include "compiler/import/onnx/tensor.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace cadenza::onnx {
namespace {

/// The bits of element i: elements follow one another from the lowest bit of the first byte on.
uint64_t bitsOf(const Tensor &tensor, size_t i) {
  const unsigned width = elementBits(tensor.type);
  if (width >= 8) {
    uint64_t value = 0;
    for (unsigned byte = 0; byte < width / 8; ++byte)
      value |= static_cast<uint64_t>(tensor.bytes[i * (width / 8) + byte]) << (8 * byte);
    return value;
  }
  const size_t first = i * width;
  uint64_t value = static_cast<uint64_t>(tensor.bytes[first / 8]) >> (first % 8);
  if (first % 8 + width > 8)
    value |= static_cast<uint64_t>(tensor.bytes[first / 8 + 1]) << (8 - first % 8);
  return value & ((1U << width) - 1);
}

/// How a floating-point type of at most 16 bits spends its bits, and what its largest exponent means.
struct Minifloat {
  int exponentBits, mantissaBits, bias;
  enum { Ieee, OneNan, NegativeZeroIsNan, Finite } special;
};

Minifloat minifloatOf(ElementType type) {
  switch (type) {
  case ElementType::f16:
    return {5, 10, 15, Minifloat::Ieee};
  case ElementType::bf16:
    return {8, 7, 127, Minifloat::Ieee};
  case ElementType::f8e5m2:
    return {5, 2, 15, Minifloat::Ieee};
  case ElementType::f8e4m3fn:
    return {4, 3, 7, Minifloat::OneNan};
  case ElementType::f8e4m3fnuz:
    return {4, 3, 8, Minifloat::NegativeZeroIsNan};
  case ElementType::f8e5m2fnuz:
    return {5, 2, 16, Minifloat::NegativeZeroIsNan};
  case ElementType::f6e2m3:
    return {2, 3, 1, Minifloat::Finite};
  case ElementType::f6e3m2:
    return {3, 2, 3, Minifloat::Finite};
  default:
    return {2, 1, 1, Minifloat::Finite}; // f4e2m1
  }
}

double decode(Minifloat format, uint64_t bits) {
  const uint64_t mantissaMask = (uint64_t{1} << format.mantissaBits) - 1;
  const uint64_t exponentMask = (uint64_t{1} << format.exponentBits) - 1;
  const uint64_t mantissa = bits & mantissaMask, exponent = bits >> format.mantissaBits & exponentMask;
  const bool negative = bits >> (format.mantissaBits + format.exponentBits) & 1;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (format.special == Minifloat::NegativeZeroIsNan && negative && exponent == 0 && mantissa == 0)
    return nan;
  if (exponent == exponentMask) {
    if (format.special == Minifloat::OneNan && mantissa == mantissaMask)
      return nan;
    if (format.special == Minifloat::Ieee && mantissa != 0)
      return nan;
    if (format.special == Minifloat::Ieee)
      return negative ? -HUGE_VAL : HUGE_VAL;
  }
  const double fraction = static_cast<double>(mantissa) + (exponent != 0 ? static_cast<double>(mantissaMask + 1) : 0);
  const int power = static_cast<int>(exponent != 0 ? exponent : 1) - format.bias - format.mantissaBits;
  const double value = std::ldexp(fraction, power);
  return negative ? -value : value;
}

template <typename T> T as(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

int64_t integer(const Tensor &tensor, size_t i) {
  const uint64_t bits = bitsOf(tensor, i);
  if (!isSigned(tensor.type))
    return static_cast<int64_t>(bits);
  const unsigned unused = 64 - elementBits(tensor.type);
  return static_cast<int64_t>(bits << unused) >> unused; // sign-extended
}

double real(const Tensor &tensor, size_t i) {
  const uint64_t bits = bitsOf(tensor, i);
  switch (tensor.type) {
  case ElementType::f32:
    return as<float>(bits);
  case ElementType::f64:
    return as<double>(bits);
  case ElementType::f8e8m0: // a power of two
    return bits == 255 ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, static_cast<int>(bits) - 127);
  case ElementType::u64:
    return static_cast<double>(bits);
  default:
    return isInteger(tensor.type) ? static_cast<double>(integer(tensor, i)) : decode(minifloatOf(tensor.type), bits);
  }
}

} // namespace

int64_t Tensor::elements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

Tensor makeTensor(ElementType type, std::vector<int64_t> shape, std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::span<const std::byte> view = *owner;
  return {type, std::move(shape), view, std::move(owner)};
}

std::vector<int64_t> integers(const Tensor &tensor) {
  std::vector<int64_t> values(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = integer(tensor, i);
  return values;
}

std::vector<double> reals(const Tensor &tensor) {
  std::vector<double> values(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = real(tensor, i);
  return values;
}

} // namespace cadenza::onnx
