// How the enumerations of program.h are spelled in the plan; the position is the value.
#pragma once

#include "runtime/plan/program.h"

#include <array>
#include <span>
#include <string_view>

namespace cadenza {

/// The element types that anything computes with (isComputable).
inline constexpr std::array computableTypes = {
    ElementType::f32, ElementType::bf16, ElementType::f16, ElementType::f64, ElementType::boolean,
    ElementType::i8,  ElementType::i16,  ElementType::i32, ElementType::i64, ElementType::u8,
    ElementType::u16, ElementType::u32,  ElementType::u64};
inline constexpr auto computableTypeNames = [] {
  std::array<std::string_view, computableTypes.size()> names;
  for (size_t i = 0; i < names.size(); ++i)
    names[i] = elementTypeName(computableTypes[i]);
  return names;
}();
inline constexpr std::string_view phaseKindNames[] = {"embed", "project", "attend", "select", "map", "fusion", "last"};
inline constexpr std::string_view argumentKindNames[] = {
    "edge",   "weight", "cache_key", "cache_value", "cache_positions", "state",
    "tokens", "logits", "scratch",   "scalar",      "number"};

template <typename Enum> std::string_view nameOf(std::span<const std::string_view> names, Enum value) {
  const auto index = static_cast<size_t>(value);
  return index < names.size() ? names[index] : "?";
}

} // namespace cadenza
