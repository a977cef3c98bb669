#include "compiler/import/gguf/chat.h"
#include "compiler/import/text.h"
#include "runtime/chat/jinja/template.h"
#include "runtime/tokenizer/utf8.h"

#include <nlohmann/json.hpp>

namespace cadenza::gguf {
namespace {

using nlohmann::json;

/// "bos_token" and others, by the ids that the file has for them.
json specialTokens(const File &file) {
  json specials = json::object();
  const Value *list = file.find("tokenizer.ggml.tokens");
  const auto *array = list ? std::get_if<Array>(list) : nullptr;
  constexpr uint64_t maxTokens = uint64_t{1} << 22; // tokenizer.cpp refuses more
  if (!array || array->count > maxTokens)
    return specials;
  const std::vector<std::string_view> tokens = array->strings();
  const std::pair<const char *, const char *> names[] = {
      {"bos", "bos_token"}, {"eos", "eos_token"}, {"unknown", "unk_token"}, {"padding", "pad_token"}};
  for (const auto &[key, name] : names) {
    const Value *value = file.find("tokenizer.ggml." + std::string(key) + "_token_id");
    const auto *id = value ? std::get_if<int64_t>(value) : nullptr;
    if (id && *id >= 0 && *id < std::ssize(tokens) && utf8::isValid(tokens[*id]))
      specials[name] = std::string(tokens[*id]);
  }
  return specials;
}

} // namespace

std::string makeChat(const File &file, Findings &findings) {
  constexpr std::string_view prefix = "tokenizer.chat_template";
  json templates = json::array();
  for (const auto &[key, value] : file.metadata()) {
    const auto *text = std::get_if<std::string_view>(&value);
    if (!text || !key.starts_with(prefix) || (key.size() > prefix.size() && key[prefix.size()] != '.'))
      continue;
    const std::string name = key.size() <= prefix.size() + 1 ? "default" : key.substr(prefix.size() + 1);
    const std::string shown = file.name() + ": " + escaped(key, 80);
    if (!utf8::isValid(*text) || !utf8::isValid(name)) {
      findings.invalid(shown + " is not valid UTF-8");
      continue;
    }
    if (const auto parsed = jinja::Template::parse(std::string(*text)); !parsed.isOk())
      findings.notice(shown + ": " + escaped(parsed.status().message(), 300) + "; cadenza-run --chat will refuse it");
    templates.push_back({{"name", name}, {"text", std::string(*text)}});
  }
  return templates.empty() ? std::string()
                           : json{{"special_tokens", specialTokens(file)}, {"templates", templates}}.dump();
}

} // namespace cadenza::gguf
