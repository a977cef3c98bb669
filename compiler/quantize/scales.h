// Scales in the types that encodings store them in.
#pragma once

#include "runtime/shared/dtype.h"
#include "runtime/support/float16.h"

#include <bit>
#include <cmath>

namespace cadenza {

/// Rounded to nearest even, as a float: f32, bf16 or f16. Too large a scale becomes infinite, too small a one zero.
inline float roundScale(float scale, DType type) {
  return type == DType::f16    ? f16ToFloat(floatToF16(scale))
         : type == DType::bf16 ? bf16ToFloat(floatToBf16(scale))
                               : scale;
}

/// The next scale of the type towards zero (-1) or away from it (1). `scale` is of the type, finite and not zero.
inline float neighbour(float scale, DType type, int direction) {
  if (type == DType::f16)
    return f16ToFloat(static_cast<uint16_t>(floatToF16(scale) + direction));
  const uint32_t step = type == DType::bf16 ? 0x10000u : 1u, bits = std::bit_cast<uint32_t>(scale);
  return std::bit_cast<float>(direction < 0 ? bits - step : bits + step);
}

} // namespace cadenza
