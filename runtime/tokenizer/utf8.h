// UTF-8 as text from outside needs it: every malformed sequence becomes U+FFFD, one for each maximal ill-formed part
// (Unicode 3.9, and what Hugging Face's decoder does), and a stream can be cut anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cadenza::utf8 {

/// What stands at one position of a text.
struct Scan {
  enum Kind { Valid, Invalid, Incomplete } kind; // Incomplete: a sound beginning that the end of the text cuts off
  uint32_t codePoint;                            // of a Valid sequence
  size_t length;                                 // bytes, at least 1
};

/// Reads the sequence that begins at text[pos]; pos < text.size().
Scan scan(std::string_view text, size_t pos);

/// Where the character before `pos` begins, in valid UTF-8; pos > 0.
size_t previous(std::string_view text, size_t pos);

/// Whether every byte of `text` belongs to a valid sequence.
bool isValid(std::string_view text);

/// `text` with U+FFFD in place of each ill-formed part.
std::string repair(std::string_view text);

/// Appends the encoding of `codePoint` (a Unicode scalar value).
void append(std::string &out, uint32_t codePoint);

/// repair() for a text that arrives in parts: a sequence cut by the end of a part waits for the next one.
class StreamRepair {
public:
  /// Takes more bytes; returns what is now certain. The results, and finish(), concatenate to repair() of the whole.
  std::string push(std::string_view bytes);
  /// The end of the text: a sequence still waiting becomes one U+FFFD.
  std::string finish();

private:
  std::string pending_; // at most 3 bytes between calls
};

} // namespace cadenza::utf8
