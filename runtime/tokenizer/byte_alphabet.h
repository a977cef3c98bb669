// GPT-2's byte alphabet: the vocabulary of a byte-level BPE spells each byte as one printable character, so that its
// files hold no control characters. Bytes that are printable in Latin-1 stand for themselves, the other 68 are
// U+0100, U+0101, ... in order; a space is U+0120 'Ġ'.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cadenza {

/// The bytes that `token` spells, or nothing if it holds a character outside the alphabet (or is not UTF-8).
std::optional<std::string> bytesOfToken(std::string_view token);

/// `bytes` spelled in the alphabet.
std::string tokenOfBytes(std::string_view bytes);

} // namespace cadenza
