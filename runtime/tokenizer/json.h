// Reading tokenizer.json without trusting it: a parse with bounds, and field accessors whose errors name the field.
// Paths in messages are relative to the document ("model.merges[7]"); Tokenizer::parse adds the file name.
#pragma once

#include "runtime/support/status.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace cadenza::tokenizer_json {

using nlohmann::json;

// The largest published tokenizer.json files are 33 MB with 1.8 million values. The bounds keep the memory of a parse
// near 256 MiB for any input.
inline constexpr size_t kMaxBytes = size_t{128} << 20;
inline constexpr size_t kMaxValues = 2'500'000;
inline constexpr size_t kMaxDepth = 64;
inline constexpr int32_t kMaxId = 1 << 22; // exclusive; ids index dense tables

/// The document, or an error for malformed JSON, a repeated key or an exceeded bound.
StatusOr<json> parse(std::string_view text);

/// InvalidInput and Unsupported errors about the field at `path`.
Status invalid(std::string_view path, std::string_view what);
Status unsupported(std::string_view path, std::string_view what);

/// 'text', shortened and with control characters replaced, for a message.
std::string quote(std::string_view text);

/// object[key], or nullptr when it is absent or null.
const json *find(const json &object, const char *key);

/// `fallback` stands for an absent or null field; without one such a field is an error.
StatusOr<bool> readBool(const json &object, std::string_view path, const char *key, std::optional<bool> fallback = {});
StatusOr<std::string> readString(const json &object, std::string_view path, const char *key);
StatusOr<int32_t> readId(const json &value, std::string_view path);

/// Unsupported if the object at `path` has a field that is not one of these.
Status checkFields(const json &object, std::string_view path, std::initializer_list<std::string_view> known);

/// The "type" of the component at `path`, an object.
StatusOr<std::string> readType(const json &component, std::string_view path);

/// object[key] as an array.
StatusOr<const json *> readArray(const json &object, std::string_view path, const char *key);

} // namespace cadenza::tokenizer_json
