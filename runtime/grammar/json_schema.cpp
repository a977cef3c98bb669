#include "runtime/grammar/json_schema.h"

#include "runtime/grammar/regex.h"
#include "runtime/grammar/schema_compiler.h"
#include "runtime/support/json.h"

#include <utility>
#include <vector>

namespace cadenza::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t longestSchema = size_t(1) << 20;
constexpr size_t deepestValue = 256;

/// Without recursion: the depth is what may be too large.
bool isDeep(const Json &json) {
  std::vector<std::pair<const Json *, size_t>> left = {{&json, 1}};
  while (!left.empty()) {
    const auto [value, depth] = left.back();
    left.pop_back();
    if (depth > deepestValue)
      return true;
    if (value->is_structured())
      for (const Json &part : *value)
        left.emplace_back(&part, depth + 1);
  }
  return false;
}

} // namespace

StatusOr<Grammar> jsonSchema(const Json &schema, const JsonOptions &options) {
  if (isDeep(schema))
    return Status(StatusCode::Unsupported, "the schema nests deeper than " + std::to_string(deepestValue) + " levels");
  GrammarBuilder builder;
  JsonText text(builder, options.whiteSpace);
  CADENZA_ASSIGN_OR_RETURN(const Fragment root, SchemaCompiler(builder, text, schema).compile());
  auto grammar = builder.finish(root);
  if (!grammar.isOk())
    return grammar.status().withPrefix("schema");
  return grammar;
}

StatusOr<Grammar> parseJsonSchema(std::string_view text, const JsonOptions &options) {
  if (text.size() > longestSchema)
    return Status(StatusCode::InvalidInput, "a schema of " + std::to_string(text.size()) + " bytes: at most " +
                                                std::to_string(longestSchema) + " are read");
  const Json schema = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (schema.is_discarded())
    return Status(StatusCode::InvalidInput, "the schema is no JSON: " + parseJson(text).status().message());
  return jsonSchema(schema, options);
}

StatusOr<Grammar> jsonObject(const JsonOptions &options) {
  GrammarBuilder builder;
  return builder.finish(JsonText(builder, options.whiteSpace).anyObject());
}

StatusOr<Grammar> regexGrammar(std::string_view pattern) {
  GrammarBuilder builder;
  CADENZA_ASSIGN_OR_RETURN(const Fragment root, regex(builder, pattern, {.isWhole = true}));
  return builder.finish(root);
}

StatusOr<Grammar> oneOf(std::span<const std::string> texts) {
  GrammarBuilder builder;
  return builder.finish(builder.oneOf(texts));
}

} // namespace cadenza::grammar
