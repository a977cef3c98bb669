// What an argument or a result of an entry is: for the compiler's IR (#nn.port) and for plans.
#pragma once

#include <cstdint>
#include <string_view>

namespace cadenza {

enum class PortKind : uint8_t {
  Token,    // the token that a step processes, i32 [tokens]
  Position, // of the token, i32 [tokens]
  Logits,   // scores of the vocabulary, f32
  Next,     // the token that a step selects, i32 [tokens]
  Tensor,   // a tensor with a name of its own
};

/// How kinds are spelled in IR and plans; the position is the value.
inline constexpr std::string_view portKindNames[] = {"token", "position", "logits", "next", "tensor"};

constexpr std::string_view portKindName(PortKind kind) { return portKindNames[static_cast<uint8_t>(kind)]; }

} // namespace cadenza
