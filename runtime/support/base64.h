// Bytes as text (RFC 4648, section 4: with padding, without line ends).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

std::string toBase64(std::span<const std::byte> bytes);
/// Nothing if `text` is not what toBase64 makes of some bytes.
std::optional<std::vector<std::byte>> fromBase64(std::string_view text);

} // namespace cadenza
