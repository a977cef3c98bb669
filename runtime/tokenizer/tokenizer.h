// Text to token ids and back: BPE (byte-level or in SentencePiece's manner), WordPiece and Unigram as tokenizer.json
// describes them, equal id for id to Hugging Face tokenizers. docs/tokenizers.md lists what is supported.
//
// A text passes through these stages, each in its own file: invalid UTF-8 is repaired (utf8.h), added tokens are found
// (added_tokens.h), the rest is normalised (normalizer.h, normal_form.h, charsmap.h), cut into pieces (pre_tokenizer.h,
// metaspace.h, regex.h) and turned into ids by the model (bpe.h, word_piece.h, unigram.h, with vocabulary.h and
// byte_alphabet.h), and special tokens are put around it (post_processor.h). The way back is decoder.h's. What
// characters are is unicode.h's matter.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/added_tokens.h"
#include "runtime/tokenizer/decoder.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// Immutable, cheap to copy (copies share their tables), and safe to use from several threads.
class Tokenizer {
public:
  /// Reads the bytes of a tokenizer.json. Malformed content is InvalidInput; a well-formed component that is not
  /// implemented is Unsupported, never replaced by a default. Messages read "tokenizer.json: field: what is wrong".
  /// "truncation" and "padding" are not looked at: a prompt is encoded whole.
  static StatusOr<Tokenizer> parse(std::string_view json);

  /// The ids of `text`. Special tokens written in the text are recognised; `addSpecialTokens` decides about those that
  /// the post-processor puts around it (a Llama tokenizer's <|begin_of_text|>). Invalid UTF-8 counts as U+FFFD.
  std::vector<int32_t> encode(std::string_view text, bool addSpecialTokens = true) const;

  /// The text of `ids`, always valid UTF-8: bytes that are not become U+FFFD. Ids without a token give nothing, as in
  /// Hugging Face. `skipSpecial` leaves out special tokens.
  std::string decode(std::span<const int32_t> ids, bool skipSpecial = true) const;

  /// What a token adds to a text that has begun, in bytes, which need not be whole characters. None for ids without a
  /// token and for special tokens.
  std::optional<std::string> bytes(int32_t id) const;

  /// Between an id and its token as tokenizer.json writes it ("Ġthe", "<|im_end|>").
  std::optional<int32_t> tokenToId(std::string_view token) const;
  std::optional<std::string> idToToken(int32_t id) const;

  /// The added token written so, or nullptr. Valid as long as a copy of this tokenizer lives.
  const AddedToken *addedToken(std::string_view content) const;

  /// Whether the id is a special token (such as end of text).
  bool isSpecial(int32_t id) const;

  /// What the file says that does not hold, as sentences "tokenizer.json: field: what": ids that follow from the
  /// vocabulary and not from the file.
  const std::vector<std::string> &notices() const;

  /// The number of tokens, added ones included, and the largest id plus one: what an embedding table must cover.
  int32_t vocabSize() const;
  int32_t idLimit() const;

private:
  friend class StreamDecoder;
  struct Model;
  std::shared_ptr<const Model> model_;

  explicit Tokenizer(std::shared_ptr<const Model> model) : model_(std::move(model)) {}
};

/// Decodes tokens as they arrive: push() returns the text that is certain (of whole characters), and what may yet
/// change waits. All results and finish() concatenate to Tokenizer::decode() of all ids.
class StreamDecoder {
public:
  explicit StreamDecoder(Tokenizer tokenizer, bool skipSpecial = true);

  std::string push(int32_t id);
  /// The end of the text. The decoder can then be used for another text.
  std::string finish();

private:
  Tokenizer tokenizer_;
  TokenDecoder decoder_;
  bool skipSpecial_;
};

} // namespace cadenza
