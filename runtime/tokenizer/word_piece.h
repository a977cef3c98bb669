// WordPiece, the model of BERT: a word becomes the longest token that it begins with, then the longest that goes on
// (written with "##" in front), and so forth; or, if one is missing or the word is long, the unknown token alone.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/vocabulary.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

class WordPiece {
public:
  /// From the "model" field.
  static StatusOr<WordPiece> parse(const nlohmann::json &model);

  const Vocabulary &vocabulary() const { return vocabulary_; }

  /// Working memory of encode().
  struct Scratch {
    std::string continuing; // what is looked up behind the first token
  };

  /// Appends the ids of one word of valid UTF-8. A step looks at no more bytes than the longest token has.
  void encode(std::string_view word, std::vector<int32_t> &ids, Scratch &scratch) const;

private:
  Vocabulary vocabulary_;
  std::string continuingPrefix_; // "##"
  int32_t unknown_ = 0;
  size_t maxCharacters_ = 0; // of a word
  size_t maxToken_ = 0;      // bytes

  bool encodeKnown(std::string_view word, std::vector<int32_t> &ids, Scratch &scratch) const;
};

} // namespace cadenza
