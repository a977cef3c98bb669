// What the Metaspace pre-tokenizer and the Metaspace decoder have in common: SentencePiece's way of writing a space.
#pragma once

#include "runtime/support/status.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace cadenza {

/// Whether a mark goes before a piece: never, before the one that the input begins with, before each.
enum class PrependScheme { Never, First, Always };

struct Metaspace {
  std::string replacement; // one character that stands for a space, U+2581 '▁' mostly
  PrependScheme prepend = PrependScheme::Always;

  static StatusOr<Metaspace> parse(const nlohmann::json &config, const std::string &path);
};

} // namespace cadenza
