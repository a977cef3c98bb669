#include "compiler/import/hf/chat.h"
#include "compiler/import/hf/model_texts.h"
#include "compiler/import/text.h"
#include "runtime/chat/jinja/template.h"
#include "runtime/support/json.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <set>

namespace cadenza {
namespace {

using nlohmann::json;

constexpr const char *tokenizerConfigFile = "tokenizer_config.json";
constexpr const char *additionalFolder = "additional_chat_templates";

/// By name. The one of tokenizers with a single template is "default".
using Templates = std::map<std::string, std::string>;

json objectOf(std::string_view text) {
  auto parsed = text.empty() ? StatusOr<json>(json::object()) : parseJson(text);
  return parsed.isOk() && parsed->is_object() ? std::move(*parsed) : json::object();
}

/// `chat_template` of a JSON file: a text, or [{"name": "tool_use", "template": "..."}, ...].
void readField(const json &value, const std::string &file, Templates &templates, Findings &findings) {
  const std::string where = file + ": chat_template";
  if (value.is_null())
    return;
  if (value.is_string()) {
    templates["default"] = value.get<std::string>();
    return;
  }
  if (!value.is_array())
    return findings.invalid(where + ": expected a text or a list of named templates");
  for (size_t i = 0; i < value.size(); ++i) {
    const json &named = value[i];
    if (!named.is_object() || !named.contains("name") || !named["name"].is_string() || !named.contains("template") ||
        !named["template"].is_string())
      return findings.invalid(where + "[" + std::to_string(i) +
                              "]: expected an object with the texts \"name\" and \"template\"");
    if (!templates.emplace(named["name"].get<std::string>(), named["template"].get<std::string>()).second)
      findings.notice(where + ": " + quotedName(named["name"].get<std::string>()) +
                      " is there twice; the first counts");
  }
}

/// additional_chat_templates/NAME.jinja
void readAdditional(ModelDirectory &directory, Templates &templates, Findings &findings) {
  namespace fs = std::filesystem;
  const fs::path path = fs::path(directory.path()) / additionalFolder;
  std::error_code error;
  if (!fs::is_directory(path, error))
    return;
  std::set<std::string> names; // in an order of their own
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".jinja")
      names.insert(entry->path().filename().string());
  auto folder = ModelDirectory::open(path.string());
  if (!folder.isOk())
    return findings.add(folder.status());
  for (const std::string &name : names)
    templates[fs::path(name).stem().string()] = readOptional(*folder, name, findings);
}

Templates readTemplates(ModelDirectory &directory, const json &config, Findings &findings) {
  Templates templates;
  if (std::string text = readOptional(directory, "chat_template.jinja", findings); !text.empty())
    templates["default"] = std::move(text);
  readAdditional(directory, templates, findings);
  if (templates.empty() && config.contains("chat_template"))
    readField(config["chat_template"], tokenizerConfigFile, templates, findings);
  constexpr const char *processorFile = "chat_template.json";
  if (templates.empty() && directory.has(processorFile)) {
    const auto file = parseObject(readOptional(directory, processorFile, findings), processorFile, findings);
    if (file && file->contains("chat_template"))
      readField((*file)["chat_template"], processorFile, templates, findings);
  }
  return templates;
}

/// The text of a special token: it is one, or an object with it.
const json *tokenText(const json &value) {
  const json *text = value.is_object() && value.contains("content") ? &value["content"] : &value;
  return text->is_string() ? text : nullptr;
}

/// Under the names by which templates know them.
void addSpecialTokens(const json &config, json &tokens) {
  for (const char *name : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"})
    if (config.contains(name) && !tokens.contains(name))
      if (const json *text = tokenText(config[name]))
        tokens[name] = *text;
  if (!config.contains("extra_special_tokens") || !config["extra_special_tokens"].is_object())
    return;
  for (const auto &[name, value] : config["extra_special_tokens"].items()) // "image_token", ...
    if (const json *text = tokenText(value); text && !tokens.contains(name))
      tokens[name] = *text;
}

} // namespace

std::string importChat(ModelDirectory &directory, std::string_view tokenizerConfig, Findings &findings) {
  const json config = objectOf(tokenizerConfig);
  const Templates templates = readTemplates(directory, config, findings);
  if (templates.empty())
    return {};
  json tokens = json::object();
  addSpecialTokens(config, tokens);
  addSpecialTokens(objectOf(readOptional(directory, "special_tokens_map.json", findings)), tokens);
  json list = json::array();
  for (const auto &[name, text] : templates) {
    if (const auto parsed = jinja::Template::parse(text); !parsed.isOk())
      findings.notice("chat template " + quotedName(name) + ": " + escaped(parsed.status().message(), 300) +
                      "; cadenza-run --chat will refuse it");
    json entry = {{"name", name}, {"text", text}};
    if (auto parsed = parseJson(entry.dump(-1, ' ', false, json::error_handler_t::replace)); parsed.isOk())
      list.push_back(std::move(*parsed)); // invalid UTF-8 of a .jinja file became U+FFFD
  }
  return json{{"special_tokens", std::move(tokens)}, {"templates", std::move(list)}}.dump();
}

std::string importGenerationDefaults(std::string_view text) {
  const json defaults = objectOf(text);
  return defaults.empty() ? std::string() : defaults.dump();
}

} // namespace cadenza
