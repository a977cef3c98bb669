// The normalizer of tokenizer.json: steps that rewrite a text before it is cut into pieces.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/charsmap.h"
#include "runtime/tokenizer/normal_form.h"
#include "runtime/tokenizer/regex.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cadenza {

class Normalizer {
public:
  /// From the value of the "normalizer" field: null, NFC, NFD, NFKC, NFKD, Replace, Prepend, Strip, Lowercase,
  /// StripAccents, BertNormalizer, Precompiled, or a Sequence of them.
  static StatusOr<Normalizer> parse(const nlohmann::json *config);

  /// Normalises valid UTF-8. The result is `text` itself, or a part of it, when nothing else changes, else a view of
  /// `storage`.
  std::string_view apply(std::string_view text, std::string &storage) const;

private:
  struct CharacterMap { // each character by itself
    void (*append)(uint32_t codePoint, std::string &out);
  };
  struct Replace {
    Regex pattern;
    std::string content;
  };
  struct Prepend {
    std::string text; // put before a text that is not empty
  };
  struct Strip { // white space
    bool left, right;
  };
  using Step = std::variant<NormalForm, CharacterMap, Charsmap, Replace, Prepend, Strip>;

  std::vector<Step> steps_;

  static Status parseInto(const nlohmann::json &config, const std::string &path, std::vector<Step> &steps);
  static Status parseBert(const nlohmann::json &config, const std::string &path, std::vector<Step> &steps);
  static StatusOr<Step> parseReplace(const nlohmann::json &config, const std::string &path);

  static std::string_view run(NormalForm form, std::string_view text, std::string &storage);
  static std::string_view run(const CharacterMap &step, std::string_view text, std::string &storage);
  static std::string_view run(const Charsmap &step, std::string_view text, std::string &storage);
  static std::string_view run(const Replace &step, std::string_view text, std::string &storage);
  static std::string_view run(const Prepend &step, std::string_view text, std::string &storage);
  static std::string_view run(const Strip &step, std::string_view text, std::string &storage);
};

} // namespace cadenza
