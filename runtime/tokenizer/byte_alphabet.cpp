#include "runtime/tokenizer/byte_alphabet.h"

#include "runtime/tokenizer/utf8.h"

#include <array>

namespace cadenza {

static constexpr uint32_t kFirstShifted = 0x100;
static constexpr uint32_t kShiftedBytes = 68;

static constexpr bool isPrintable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<uint16_t, 256> character{};                   // of a byte
  std::array<int16_t, kFirstShifted + kShiftedBytes> byte; // of a character, -1 if it is none
};

static constexpr Alphabet makeAlphabet() {
  Alphabet alphabet;
  alphabet.byte.fill(-1);
  uint16_t shifted = kFirstShifted;
  for (int byte = 0; byte < 256; ++byte) {
    uint16_t character = isPrintable(byte) ? byte : shifted++;
    alphabet.character[byte] = character;
    alphabet.byte[character] = byte;
  }
  return alphabet;
}

static constexpr Alphabet kAlphabet = makeAlphabet();

std::optional<std::string> bytesOfToken(std::string_view token) {
  std::string bytes;
  for (size_t pos = 0; pos < token.size();) {
    utf8::Scan s = utf8::scan(token, pos);
    if (s.kind != utf8::Scan::Valid || s.codePoint >= kAlphabet.byte.size() || kAlphabet.byte[s.codePoint] < 0)
      return std::nullopt;
    bytes += static_cast<char>(kAlphabet.byte[s.codePoint]);
    pos += s.length;
  }
  return bytes;
}

std::string tokenOfBytes(std::string_view bytes) {
  std::string token;
  for (char byte : bytes)
    utf8::append(token, kAlphabet.character[static_cast<uint8_t>(byte)]);
  return token;
}

} // namespace cadenza
