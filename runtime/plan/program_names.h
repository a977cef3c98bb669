// How the enumerations of program.h are spelled in the plan; the position is the value.
#pragma once

#include "runtime/plan/program.h"

#include <array>
#include <span>
#include <string_view>

namespace cadenza {

inline constexpr auto encodingNames = [] {
  std::array<std::string_view, encoding_count> names;
  for (size_t i = 0; i < names.size(); ++i)
    names[i] = format_of(static_cast<Encoding>(i)).name;
  return names;
}();
inline constexpr std::string_view phaseKindNames[] = {"embed", "project", "attend", "select", "map"};
inline constexpr std::string_view argumentKindNames[] = {
    "edge", "weight", "cache_key", "cache_value", "cache_positions", "state", "tokens", "logits", "scratch", "scalar"};

template <typename Enum> std::string_view nameOf(std::span<const std::string_view> names, Enum value) {
  const auto index = static_cast<size_t>(value);
  return index < names.size() ? names[index] : "?";
}

} // namespace cadenza
