// The steps of a decoder. Hugging Face hands a list of tokens from step to step; here tokens come one by one, so that
// text can be shown while it is generated, and a step keeps back what it cannot know yet.
#pragma once

#include "runtime/tokenizer/regex.h"
#include "runtime/tokenizer/utf8.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// One step, with what it remembers of the text that it is decoding.
class DecodeStep {
public:
  virtual ~DecodeStep() = default;
  /// A copy, which can decode another text if this one has decoded none.
  virtual std::unique_ptr<DecodeStep> clone() const = 0;
  /// Appends to `out` the tokens that follow from one more token.
  virtual void push(std::string token, std::vector<std::string> &out) = 0;
  /// The end of the text: appends what was kept back.
  virtual void finish(std::vector<std::string> &) {}
  /// What a token becomes within a text, in bytes, which need not be whole characters.
  virtual std::string bytes(std::string token) const = 0;
};

/// No decoder: a space between tokens.
std::unique_ptr<DecodeStep> makeJoinStep();

/// The bytes that tokens spell in the byte alphabet (a token with other characters is its UTF-8), as one text with
/// U+FFFD for each ill-formed part.
std::unique_ptr<DecodeStep> makeByteLevelStep();

/// Successive tokens <0x00> to <0xFF> become the text that their bytes are in UTF-8, or one U+FFFD each if they are not
/// valid; which shows only when another token comes.
std::unique_ptr<DecodeStep> makeByteFallbackStep();

/// Every match of `pattern` within a token becomes `content`.
std::unique_ptr<DecodeStep> makeReplaceStep(Regex pattern, std::string content);

/// `replacement` becomes a space, or nothing within the first token if `dropsFirst`.
std::unique_ptr<DecodeStep> makeMetaspaceStep(std::string replacement, bool dropsFirst);

/// WordPiece: a space goes before each token but the first, or the token loses `prefix`. `cleansUp` takes away the
/// space before punctuation and English endings that are tokens.
std::unique_ptr<DecodeStep> makeWordPieceStep(std::string prefix, bool cleansUp);

/// BPEDecoder: `suffix`, the end of a word, becomes a space, or nothing within the last token.
std::unique_ptr<DecodeStep> makeWordEndStep(std::string suffix);

/// Takes up to `start` times `content`, one character, from the beginning of each token, or of the whole text if
/// `isWhole`, and up to `stop` times from its end.
std::unique_ptr<DecodeStep> makeStripStep(std::string content, size_t start, size_t stop, bool isWhole);

} // namespace cadenza
