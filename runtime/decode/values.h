// Values of edges: between fp32 and the type that they are stored in, and between an edge and what is without gaps.
#pragma once

#include "runtime/plan/program.h"
#include "runtime/shared/dtype.h"

#include <cstddef>
#include <span>

namespace cadenza {

/// `values` in memory of type `dtype` (f32, bf16 or f16) as fp32.
void widen(DType dtype, const std::byte *from, std::span<float> values);
/// `values` rounded to nearest even and stored as `dtype`.
void narrow(DType dtype, std::span<const float> values, std::byte *to);

/// Row-major elements of the edge's type, all tokens of it, to memory that lies as the edge does.
void copyToEdge(const Edge &edge, std::span<const std::byte> values, std::byte *to);
/// And back.
void copyFromEdge(const Edge &edge, const std::byte *from, std::span<std::byte> values);

} // namespace cadenza
