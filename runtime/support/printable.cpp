#include "runtime/support/printable.h"

#include <cstdint>
#include <cstdio>

namespace cadenza {
namespace {

/// The code point that begins `text` if it is one of those that are escaped, and its bytes; 0 bytes otherwise.
struct Unprintable {
  uint32_t codePoint = 0;
  size_t bytes = 0;
};
Unprintable unprintableAt(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  if (byte(0) < 0x80) {
    const bool control = byte(0) < 0x20 && byte(0) != '\n' && byte(0) != '\t';
    return control || byte(0) == 0x7f ? Unprintable{byte(0), 1} : Unprintable{};
  }
  if (byte(0) >> 5 == 6 && byte(1) >> 6 == 2) {
    const uint32_t point = (byte(0) & 31) << 6 | (byte(1) & 63);
    return (point >= 0x80 && point < 0xa0) || point == 0x61c ? Unprintable{point, 2} : Unprintable{};
  }
  if (byte(0) >> 4 == 14 && byte(1) >> 6 == 2 && byte(2) >> 6 == 2) {
    const uint32_t point = (byte(0) & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63);
    const bool mark = point == 0x200e || point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
                      (point >= 0x2066 && point <= 0x2069);
    return mark ? Unprintable{point, 3} : Unprintable{};
  }
  return {};
}

} // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const Unprintable found = unprintableAt(text.substr(i, 3));
    if (found.bytes == 0) {
      result += text[i++];
      continue;
    }
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(found.codePoint));
    result += escape;
    i += found.bytes;
  }
  return result;
}

} // namespace cadenza
