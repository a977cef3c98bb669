// Grammars of JSON: the values of a schema, or any object. docs/grammar.md lists the keywords.
#pragma once

#include "runtime/grammar/grammar.h"
#include "runtime/grammar/json_text.h"

#include <nlohmann/json.hpp>

#include <string_view>

namespace cadenza::grammar {

struct JsonOptions {
  WhiteSpace whiteSpace = WhiteSpace::Flexible;
};

/// Values of the schema, which keeps the order of its properties. Unsupported, with the keyword and its JSON pointer,
/// for what is not supported; InvalidInput for what is no schema, or has no values.
StatusOr<Grammar> jsonSchema(const nlohmann::ordered_json &schema, const JsonOptions &options = {});
/// The same for its text, of at most 1 MiB.
StatusOr<Grammar> parseJsonSchema(std::string_view text, const JsonOptions &options = {});
/// JSON objects with whatever in them.
StatusOr<Grammar> jsonObject(const JsonOptions &options = {});
/// Texts that an expression matches as a whole (runtime/grammar/regex.h).
StatusOr<Grammar> regexGrammar(std::string_view pattern);
/// Exactly one of these texts.
StatusOr<Grammar> oneOf(std::span<const std::string> texts);

} // namespace cadenza::grammar
