#include "compiler/import/text.h"

namespace cadenza {

std::string escaped(std::string_view text, size_t shown) {
  constexpr char digits[] = "0123456789abcdef";
  std::string result;
  for (char c : text.substr(0, shown)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      result += c;
    } else {
      result += "\\x";
      result += digits[byte >> 4];
      result += digits[byte & 15];
    }
  }
  return text.size() > shown ? result + "..." : result;
}

std::string quotedName(std::string_view text) {
  std::string result = "'";
  result += escaped(text, 80);
  result += '\'';
  return result;
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

} // namespace cadenza
