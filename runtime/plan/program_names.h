// How the enumerations of program.h are spelled in the plan; the position is the value.
#pragma once

#include "runtime/plan/program.h"

#include <span>
#include <string_view>

namespace cadenza {

inline constexpr std::string_view layoutNames[] = {"vector", "tiles", "rope_table"};
inline constexpr std::string_view phaseKindNames[] = {"embed", "project", "attend", "select", "map"};
inline constexpr std::string_view argumentKindNames[] = {"edge",   "weight",  "cache_key", "cache_value", "state",
                                                         "tokens", "context", "logits",    "scratch",     "scalar"};

template <typename Enum> std::string_view nameOf(std::span<const std::string_view> names, Enum value) {
  const auto index = static_cast<size_t>(value);
  return index < names.size() ? names[index] : "?";
}

} // namespace cadenza
