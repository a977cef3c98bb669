// The element types of everything that a plan stores or that travels between phases.
#pragma once

#include <cstdint>
#include <string_view>

namespace cadenza {

enum class DType : uint8_t { f32, bf16, f16, i32 };

/// How types are spelled in plans and for people; the position is the value.
inline constexpr std::string_view dtypeNames[] = {"f32", "bf16", "f16", "i32"};

/// Bytes of one element.
constexpr uint64_t dtypeSize(DType dtype) { return dtype == DType::f32 || dtype == DType::i32 ? 4 : 2; }

/// "f32", "bf16", ...
constexpr std::string_view dtypeName(DType dtype) { return dtypeNames[static_cast<uint8_t>(dtype)]; }

} // namespace cadenza
