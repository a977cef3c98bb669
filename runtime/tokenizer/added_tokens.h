// Added tokens: strings such as <|im_start|> that are found in the text itself, before pre-tokenisation. Those with
// "normalized": false are searched in the raw text, the others in the normalised text between them.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/normalizer.h"
#include "runtime/tokenizer/vocabulary.h"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cadenza {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  std::string searched;    // the form found in text and decoded to: normalised where `normalized` says so
  bool special = false;    // decoding can skip it
  bool normalized = false; // searched in the normalised text
  bool singleWord = false; // only where no word character touches it
  bool lstrip = false;     // takes the white space on its left with it
  bool rstrip = false;     // and on its right
};

class AddedTokens {
public:
  /// From the "added_tokens" field, or none if it is absent. As in Hugging Face, the ids in the file do not count: a
  /// token of the vocabulary keeps its id there, any other gets the next free one; a sentence in `notices` says where
  /// the file says something else. Of a token that is there twice, the later entry holds.
  static StatusOr<AddedTokens> parse(const nlohmann::json *list, const Vocabulary &vocabulary,
                                     const Normalizer &normalizer, std::vector<std::string> &notices);

  /// A part of a text: an added token, or (id -1) text without one.
  struct Segment {
    std::string_view text;
    int32_t id = -1;
  };
  enum Stage { Raw, Normalized };

  /// Appends the segments of valid UTF-8 for the tokens of one stage. Of several tokens that begin at one place the
  /// longest is taken.
  void split(std::string_view text, Stage stage, std::vector<Segment> &segments) const;

  const AddedToken *find(int32_t id) const;
  const AddedToken *find(std::string_view content) const;
  const std::vector<AddedToken> &all() const { return tokens_; }

private:
  /// What is searched for in one stage, sorted by text, so that a prefix is a range.
  struct Pattern {
    std::string text;
    size_t token; // index into tokens_
  };
  struct PatternSet {
    std::vector<Pattern> patterns;
    std::array<uint32_t, 257> begin{}; // patterns with first byte b are [begin[b], begin[b + 1])
    /// The longest pattern that begins at text[pos], or nullptr.
    const Pattern *longestAt(std::string_view text, size_t pos) const;
  };

  std::vector<AddedToken> tokens_;
  std::unordered_map<int32_t, size_t> byId_;
  std::unordered_map<std::string, size_t> byContent_;
  std::array<PatternSet, 2> sets_;

  Status buildPatterns(const Normalizer &normalizer);
};

} // namespace cadenza
