// The decoder of tokenizer.json: a chain of steps (decode_steps.h) from tokens, as the vocabulary spells them, to text.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/decode_steps.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <vector>

namespace cadenza {

class TokenDecoder {
public:
  /// From the value of the "decoder" field: ByteLevel, Metaspace, WordPiece, BPEDecoder, Replace (of a string),
  /// ByteFallback, Fuse, Strip, a Sequence of them, or null, which puts a space between tokens.
  static StatusOr<TokenDecoder> parse(const nlohmann::json *config);

  TokenDecoder() = default;
  TokenDecoder(TokenDecoder &&) = default;
  TokenDecoder &operator=(TokenDecoder &&) = default;
  /// A copy for decoding one text.
  TokenDecoder clone() const;

  /// The text that is certain after one more token, and what is left at the end: valid UTF-8.
  std::string push(std::string token);
  std::string finish();
  /// What a token adds within a text, in bytes.
  std::string bytes(std::string token) const;

private:
  std::vector<std::unique_ptr<DecodeStep>> steps_;

  std::string run(size_t firstStep, std::vector<std::string> tokens);
};

} // namespace cadenza
