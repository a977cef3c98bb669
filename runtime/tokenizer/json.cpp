#include "runtime/tokenizer/json.h"

#include "runtime/support/json.h"

#include <algorithm>

namespace cadenza::tokenizer_json {

/// `text` cut to about `limit` bytes at a character, without control characters.
static std::string shorten(std::string_view text, size_t limit) {
  std::string shown(text.substr(0, limit));
  if (text.size() > limit) {
    while (!shown.empty() && (shown.back() & 0xC0) == 0x80)
      shown.pop_back();
    if (!shown.empty() && (shown.back() & 0x80))
      shown.pop_back();
    shown += "...";
  }
  for (char &c : shown)
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F)
      c = '?';
  return shown;
}

std::string quote(std::string_view text) {
  std::string quoted(1, '\'');
  quoted += shorten(text, 64);
  quoted += '\'';
  return quoted;
}

StatusOr<json> parse(std::string_view text) {
  JsonLimits limits;
  limits.bytes = kMaxBytes;
  limits.values = kMaxValues;
  limits.depth = kMaxDepth;
  auto document = parseJson(text, limits);
  if (!document.isOk()) // the message may repeat what was read last, which may be the whole file
    return Status(document.status().code(), shorten(document.status().message(), 240));
  return document;
}

static std::string join(std::string_view path, std::string_view what) {
  return std::string(path) + (what.starts_with('\'') || what.starts_with('[') ? " " : ": ") + std::string(what);
}

Status invalid(std::string_view path, std::string_view what) { return {StatusCode::InvalidInput, join(path, what)}; }

Status unsupported(std::string_view path, std::string_view what) { return {StatusCode::Unsupported, join(path, what)}; }

const json *find(const json &object, const char *key) {
  if (!object.is_object())
    return nullptr;
  auto entry = object.find(key);
  return entry == object.end() || entry->is_null() ? nullptr : &*entry;
}

static std::string child(std::string_view path, const char *key) {
  return path.empty() ? key : std::string(path) + "." + key;
}

StatusOr<bool> readBool(const json &object, std::string_view path, const char *key, std::optional<bool> fallback) {
  const json *value = find(object, key);
  if (!value && fallback)
    return *fallback;
  if (!value || !value->is_boolean())
    return invalid(child(path, key), "expected true or false");
  return value->get<bool>();
}

StatusOr<std::string> readString(const json &object, std::string_view path, const char *key) {
  const json *value = find(object, key);
  if (!value || !value->is_string())
    return invalid(child(path, key), "expected a string");
  return value->get_ref<const std::string &>();
}

StatusOr<int32_t> readId(const json &value, std::string_view path) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= kMaxId)
    return invalid(path, "expected a token id from 0 to " + std::to_string(kMaxId - 1));
  return static_cast<int32_t>(value.get<uint64_t>());
}

Status checkFields(const json &object, std::string_view path, std::initializer_list<std::string_view> known) {
  for (const auto &[key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      return unsupported(path, "the field " + quote(key) + " is not supported");
  return Status::ok();
}

StatusOr<std::string> readType(const json &component, std::string_view path) {
  if (!component.is_object())
    return invalid(path, "expected an object");
  return readString(component, path, "type");
}

StatusOr<const json *> readArray(const json &object, std::string_view path, const char *key) {
  const json *value = find(object, key);
  if (!value || !value->is_array())
    return invalid(child(path, key), "expected an array");
  return value;
}

} // namespace cadenza::tokenizer_json
