// Values of edges between fp32 and the type that they are stored in.
#pragma once

#include "runtime/shared/dtype.h"

#include <cstddef>
#include <span>

namespace cadenza {

/// `values` in memory of type `dtype` (f32, bf16 or f16) as fp32.
void widen(DType dtype, const std::byte *from, std::span<float> values);
/// `values` rounded to nearest even and stored as `dtype`.
void narrow(DType dtype, std::span<const float> values, std::byte *to);

} // namespace cadenza
