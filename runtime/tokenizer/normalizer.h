// The normalizer of tokenizer.json: steps that rewrite a text before it is cut into pieces.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/regex.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cadenza {

class Normalizer {
public:
  /// From the value of the "normalizer" field: null, NFC, Replace, Prepend, Strip, or a Sequence of them.
  static StatusOr<Normalizer> parse(const nlohmann::json *config);

  /// Normalises valid UTF-8. The result is `text` itself, or a part of it, when nothing else changes, else a view of
  /// `storage`.
  std::string_view apply(std::string_view text, std::string &storage) const;

private:
  struct Nfc {};
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
  using Step = std::variant<Nfc, Replace, Prepend, Strip>;

  std::vector<Step> steps_;

  static Status parseInto(const nlohmann::json &config, const std::string &path, std::vector<Step> &steps);
  static StatusOr<Step> parseReplace(const nlohmann::json &config, const std::string &path);

  static std::string_view run(const Nfc &, std::string_view text, std::string &storage);
  static std::string_view run(const Replace &step, std::string_view text, std::string &storage);
  static std::string_view run(const Prepend &step, std::string_view text, std::string &storage);
  static std::string_view run(const Strip &step, std::string_view text, std::string &storage);
};

} // namespace cadenza
