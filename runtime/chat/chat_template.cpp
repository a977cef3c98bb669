#include "runtime/chat/chat_template.h"

#include "runtime/support/json.h"

namespace cadenza {
namespace {

using nlohmann::ordered_json;

Status invalid(std::string message) { return {StatusCode::InvalidInput, std::move(message)}; }

/// JSON in the order in which it is written, which templates show: checked first, since this parser has no bounds.
StatusOr<ordered_json> parseInOrder(std::string_view text) {
  CADENZA_RETURN_IF_ERROR(parseJson(text).status());
  return ordered_json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

Status checkMessage(const ordered_json &message, const std::string &path) {
  if (!message.is_object())
    return invalid(path + ": expected an object with \"role\" and \"content\"");
  const auto role = message.find("role");
  if (role == message.end() || !role->is_string() || role->get_ref<const std::string &>().empty())
    return invalid(path + ".role: expected a text such as \"user\"");
  const auto content = message.find("content");
  if (content == message.end() && message.size() == 1)
    return invalid(path + ".content: is missing");
  if (content != message.end() && !content->is_string() && !content->is_array() && !content->is_null())
    return invalid(path + ".content: expected a text, a list of parts or null");
  return Status::ok();
}

} // namespace

StatusOr<ChatRequest> parseTalk(std::string_view text) {
  CADENZA_ASSIGN_OR_RETURN(ordered_json json, parseInOrder(text));
  ChatRequest request;
  if (json.is_object()) {
    if (!json.contains("messages"))
      return invalid(
          "messages: is missing; a talk is a list of messages, or an object with \"messages\" and \"tools\"");
    for (const auto &[name, value] : json.items())
      if (name != "messages" && name != "tools")
        return invalid(name + ": is unknown; an object of a talk has \"messages\" and \"tools\"");
    if (json.contains("tools"))
      request.tools = std::move(json["tools"]);
    request.messages = std::move(json["messages"]);
  } else {
    request.messages = std::move(json);
  }
  if (!request.messages.is_array())
    return invalid("messages: expected a list");
  for (size_t i = 0; i < request.messages.size(); ++i)
    CADENZA_RETURN_IF_ERROR(checkMessage(request.messages[i], "messages[" + std::to_string(i) + "]"));
  if (!request.tools.is_null() && !request.tools.is_array())
    return invalid("tools: expected a list");
  for (size_t i = 0; i < request.tools.size(); ++i)
    if (!request.tools[i].is_object())
      return invalid("tools[" + std::to_string(i) + "]: expected an object");
  if (request.tools.empty())
    request.tools = nullptr; // as transformers has it where there are none
  return request;
}

StatusOr<ordered_json> parseVariables(std::string_view text) {
  CADENZA_ASSIGN_OR_RETURN(ordered_json json, parseInOrder(text));
  if (!json.is_object())
    return invalid("variables: expected an object such as {\"enable_thinking\": false}");
  return json;
}

StatusOr<ChatTemplates> ChatTemplates::parse(std::string_view chatJson) {
  ChatTemplates result;
  if (chatJson.empty())
    return result;
  CADENZA_ASSIGN_OR_RETURN(const ordered_json json, parseInOrder(chatJson));
  if (!json.is_object() || !json.contains("templates") || !json["templates"].is_array() ||
      !json.contains("special_tokens") || !json["special_tokens"].is_object())
    return invalid("chat: expected an object with the list \"templates\" and the object \"special_tokens\"");
  for (const ordered_json &entry : json["templates"]) {
    if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string() || !entry.contains("text") ||
        !entry["text"].is_string())
      return invalid("chat.templates: expected objects with the texts \"name\" and \"text\"");
    result.templates_.emplace(entry["name"], entry["text"]);
  }
  result.specialTokens_ = json["special_tokens"];
  return result;
}

std::vector<std::string> ChatTemplates::names() const {
  std::vector<std::string> names;
  names.reserve(templates_.size());
  for (const auto &[name, source] : templates_)
    names.push_back(name);
  return names;
}

StatusOr<std::string> ChatTemplates::render(const ChatRequest &request, const jinja::RenderOptions &options) const {
  auto chosen = templates_.find("default");
  if (const auto forTools = templates_.find("tool_use"); !request.tools.is_null() && forTools != templates_.end())
    chosen = forTools;
  if (chosen == templates_.end()) {
    std::string known;
    for (const std::string &name : names())
      known += (known.empty() ? "" : ", ") + name;
    return Status(StatusCode::InvalidArgument, known.empty()
                                                   ? "the model has no chat template"
                                                   : "the model has no chat template \"default\"; it has: " + known);
  }
  const std::string where = "chat template" + (chosen->first == "default" ? "" : " " + chosen->first);
  const auto parsed = jinja::Template::parse(chosen->second);
  if (!parsed.isOk())
    return parsed.status().withPrefix(where);
  ordered_json context = specialTokens_;
  context.update(request.variables);
  context["messages"] = request.messages;
  context["tools"] = request.tools;
  if (!context.contains("documents"))
    context["documents"] = nullptr;
  context["add_generation_prompt"] = request.addGenerationPrompt;
  auto text = parsed->render(context, options);
  return text.isOk() ? text : text.status().withPrefix(where);
}

std::string ChatTemplates::specialToken(std::string_view name) const {
  const auto found = specialTokens_.find(std::string(name));
  return found != specialTokens_.end() && found->is_string() ? found->get<std::string>() : std::string();
}

} // namespace cadenza
