#include "compiler/import/hf/quantized/bit_grid.h"
#include "runtime/support/float16.h"

#include <cmath>

namespace cadenza {
namespace {

template <typename Word> Word load(const std::byte *values, int64_t index) {
  Word word;
  std::memcpy(&word, values + index * static_cast<int64_t>(sizeof(Word)), sizeof(Word));
  return word;
}

/// A power of two, as the OCP specification of microscaling formats defines E8M0: bias 127, 255 is NaN.
float e8m0(uint8_t exponent) { return exponent == 255 ? std::nanf("") : std::ldexp(1.0F, exponent - 127); }

} // namespace

float ScaleGrid::stored(int64_t index) const {
  switch (type) {
  case Type::f32:
    return load<float>(values, index);
  case Type::bf16:
    return bf16ToFloat(load<uint16_t>(values, index));
  case Type::f16:
    return f16ToFloat(load<uint16_t>(values, index));
  case Type::e8m0:
    break;
  }
  return e8m0(load<uint8_t>(values, index));
}

DType ScaleGrid::dtype() const {
  if (factor != 1 || type == Type::f32)
    return DType::f32;
  return type == Type::f16 ? DType::f16 : DType::bf16; // bf16 holds every power of two of E8M0
}

std::optional<ScaleGrid::Type> scaleType(std::string_view dtype) {
  if (dtype == "F32")
    return ScaleGrid::Type::f32;
  if (dtype == "BF16")
    return ScaleGrid::Type::bf16;
  if (dtype == "F16")
    return ScaleGrid::Type::f16;
  if (dtype == "F8_E8M0")
    return ScaleGrid::Type::e8m0;
  return std::nullopt;
}

} // namespace cadenza
