// The pre_tokenizer of tokenizer.json: a list of steps that cut a text into the pieces that BPE never merges across.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/regex.h"

#include <nlohmann/json_fwd.hpp>

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

class PreTokenizer {
public:
  /// From the value of the "pre_tokenizer" field: Split, Digits, ByteLevel, or a Sequence of them. ByteLevel must be
  /// the last step: it turns text into bytes, and without it the model is no byte-level BPE.
  static StatusOr<PreTokenizer> parse(const nlohmann::json *config);

  /// Appends the non-empty pieces of valid UTF-8 in order. They are views of `text`, or of strings added to `storage`
  /// where a step puts a space in front.
  void split(std::string_view text, std::vector<std::string_view> &pieces, std::deque<std::string> &storage) const;

private:
  enum class Behavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

  struct Step {
    std::optional<Regex> regex; // ByteLevel with use_regex false has none: one piece
    Behavior behavior = Behavior::Isolated;
    bool invert = false;         // swap what matches and what does not
    bool addPrefixSpace = false; // before splitting, unless the piece begins with one
    bool isByteLevel = false;
  };

  std::vector<Step> steps_;

  static Status parseInto(const nlohmann::json &config, const std::string &path, std::vector<Step> &steps);
  static StatusOr<Step> parseSplit(const nlohmann::json &config, const std::string &path);
  static StatusOr<Step> parseByteLevel(const nlohmann::json &config, const std::string &path);
  static StatusOr<Step> parseDigits(const nlohmann::json &config, const std::string &path);
  static void group(std::vector<RegexSpan> &spans, Behavior behavior);
};

} // namespace cadenza
