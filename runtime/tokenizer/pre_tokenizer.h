// The pre_tokenizer of tokenizer.json: a list of steps that cut a text into the pieces that no token reaches across.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/metaspace.h"
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
  /// From the value of the "pre_tokenizer" field: null, Split, Digits, Metaspace, ByteLevel, BertPreTokenizer,
  /// Whitespace, WhitespaceSplit, Punctuation, CharDelimiterSplit, or a Sequence of them.
  /// ByteLevel must be the last step: it turns text into bytes.
  static StatusOr<PreTokenizer> parse(const nlohmann::json *config);

  /// Whether pieces are bytes to the model, spelled in the byte alphabet, and not text.
  bool isByteLevel() const { return !steps_.empty() && steps_.back().isByteLevel; }

  /// Appends the non-empty pieces of valid UTF-8 in order; `isStart` says whether the input begins with `text`. They
  /// are views of `text`, or of strings added to `storage` where a step rewrites.
  void split(std::string_view text, bool isStart, std::vector<std::string_view> &pieces,
             std::deque<std::string> &storage) const;

private:
  enum class Behavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

  /// What a step does to a piece, in this order.
  struct Step {
    std::string space;  // replaces each ' '; empty: none
    std::string prefix; // goes before a piece that does not begin with it
    PrependScheme prepend = PrependScheme::Never;
    std::optional<Regex> regex; // cuts the piece
    Behavior behavior = Behavior::Isolated;
    bool invert = false; // swap what matches and what does not
    bool isByteLevel = false;
  };

  std::vector<Step> steps_;

  static Status parseInto(const nlohmann::json &config, const std::string &path, std::vector<Step> &steps);
  static StatusOr<Step> parseSplit(const nlohmann::json &config, const std::string &path);
  static StatusOr<Step> parseWhitespace(const nlohmann::json &config, const std::string &path);
  static StatusOr<Step> parseWhitespaceSplit(const nlohmann::json &config, const std::string &path);
  static StatusOr<Step> parsePunctuation(const nlohmann::json &config, const std::string &path);
  static StatusOr<Step> parseCharDelimiterSplit(const nlohmann::json &config, const std::string &path);
  static StatusOr<Behavior> parseBehavior(const nlohmann::json &config, const std::string &path);
  static StatusOr<Step> parseByteLevel(const nlohmann::json &config, const std::string &path);
  static StatusOr<Step> parseDigits(const nlohmann::json &config, const std::string &path);
  static StatusOr<Step> parseMetaspace(const nlohmann::json &config, const std::string &path);
  static std::string_view rewrite(const Step &step, std::string_view piece, bool isStart,
                                  std::deque<std::string> &storage);
  static void group(std::vector<RegexSpan> &spans, Behavior behavior);
};

} // namespace cadenza
