#include "runtime/support/base64.h"

#include <algorithm>
#include <cstdint>

namespace cadenza {
namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

} // namespace

std::string toBase64(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < count; ++k)
      bits |= std::to_integer<uint32_t>(bytes[i + k]) << (16 - 8 * k);
    for (size_t k = 0; k < 4; ++k)
      text += k <= count ? digits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::optional<std::vector<std::byte>> fromBase64(std::string_view text) {
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3);
  if (text.size() % 4 != 0)
    return std::nullopt;
  for (size_t i = 0; i < text.size(); i += 4) {
    const bool isLast = i + 4 == text.size();
    const size_t padding = !isLast || text[i + 3] != '=' ? 0 : text[i + 2] == '=' ? 2 : 1;
    uint32_t bits = 0;
    for (size_t k = 0; k < 4 - padding; ++k) {
      const size_t digit = digits.find(text[i + k]);
      if (digit == std::string_view::npos)
        return std::nullopt;
      bits |= static_cast<uint32_t>(digit) << (18 - 6 * k);
    }
    for (size_t k = 0; k < 3 - padding; ++k)
      bytes.push_back(static_cast<std::byte>(bits >> (16 - 8 * k)));
    if ((bits & ((1U << 8 * padding) - 1)) != 0) // of bytes that are not there
      return std::nullopt;
  }
  return bytes;
}

} // namespace cadenza
