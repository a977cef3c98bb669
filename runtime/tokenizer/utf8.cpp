#include "runtime/tokenizer/utf8.h"

namespace cadenza::utf8 {

static constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

Scan scan(std::string_view text, size_t pos) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[pos + i]); };
  uint8_t lead = byte(0);
  if (lead < 0x80)
    return {Scan::Valid, lead, 1};

  // Table 3-7 of the Unicode standard: the lead byte decides the length and the range of the second byte.
  size_t length;
  uint8_t low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0)
      low = 0xA0;
    else if (lead == 0xED)
      high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0)
      low = 0x90;
    else if (lead == 0xF4)
      high = 0x8F;
  } else {
    return {Scan::Invalid, 0, 1};
  }

  uint32_t codePoint = lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if (pos + i == text.size())
      return {Scan::Incomplete, 0, i};
    if (byte(i) < low || byte(i) > high)
      return {Scan::Invalid, 0, i};
    codePoint = codePoint << 6 | (byte(i) & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {Scan::Valid, codePoint, length};
}

size_t previous(std::string_view text, size_t pos) {
  do
    --pos;
  while (pos > 0 && (static_cast<uint8_t>(text[pos]) & 0xC0) == 0x80);
  return pos;
}

bool isValid(std::string_view text) {
  for (size_t pos = 0; pos < text.size();) {
    Scan s = scan(text, pos);
    if (s.kind != Scan::Valid)
      return false;
    pos += s.length;
  }
  return true;
}

/// Appends the repaired form of `text` up to its end or an incomplete tail; returns the bytes consumed.
static size_t repairInto(std::string &out, std::string_view text) {
  size_t pos = 0;
  while (pos < text.size()) {
    Scan s = scan(text, pos);
    if (s.kind == Scan::Incomplete)
      break;
    out += s.kind == Scan::Valid ? text.substr(pos, s.length) : kReplacement;
    pos += s.length;
  }
  return pos;
}

std::string repair(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (repairInto(out, text) < text.size())
    out += kReplacement;
  return out;
}

void append(std::string &out, uint32_t codePoint) {
  if (codePoint < 0x80) {
    out += static_cast<char>(codePoint);
    return;
  }
  int continuation = codePoint < 0x800 ? 1 : codePoint < 0x10000 ? 2 : 3;
  static constexpr uint8_t lead[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(lead[continuation] | codePoint >> (6 * continuation));
  while (continuation-- > 0)
    out += static_cast<char>(0x80 | (codePoint >> (6 * continuation) & 0x3F));
}

std::string StreamRepair::push(std::string_view bytes) {
  pending_ += bytes;
  std::string out;
  pending_.erase(0, repairInto(out, pending_));
  return out;
}

std::string StreamRepair::finish() {
  std::string out = repair(pending_);
  pending_.clear();
  return out;
}

} // namespace cadenza::utf8
