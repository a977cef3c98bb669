// The element type of weights, caches and activations: one of all element types, of which few may be what is said
// where.
#pragma once

#include "runtime/shared/element_type.h"

namespace cadenza {

using DType = ElementType;

/// Bytes of one element.
constexpr uint64_t dtypeSize(DType dtype) { return elementBytes(dtype); }

/// "f32", "bf16", ...
constexpr std::string_view dtypeName(DType dtype) { return elementTypeName(dtype); }

} // namespace cadenza
