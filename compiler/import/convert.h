// Runs of numbers between f32, bf16 and f16, from and to unaligned bytes. Narrowing rounds to nearest even; what is too
// large becomes an infinity, which countNonFinite finds.
#pragma once

#include "runtime/shared/dtype.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace cadenza {

/// Converts count elements: `from` -> `via` -> `to`, rounding at each arrow.
void convert(const std::byte *in, DType from, DType via, DType to, std::byte *out, size_t count);

/// Rounds f32 values to `dtype` in place.
void roundTo(DType dtype, std::span<float> values);

/// Infinities and NaNs among the elements of `bytes`.
uint64_t countNonFinite(DType dtype, std::span<const std::byte> bytes);

} // namespace cadenza
