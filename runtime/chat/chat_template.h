// From a talk to the text that its model expects.
#pragma once

#include "runtime/chat/jinja/template.h"
#include "runtime/support/status.h"

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// What a template is rendered with, under the names that transformers gives it.
struct ChatRequest {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array(); // [{"role", "content", ...}]
  nlohmann::ordered_json tools = {};                                 // a list, or null
  bool addGenerationPrompt = true;                                   // ends where the answer begins
  /// Other names: enable_thinking, documents, ...
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
};

/// A talk as JSON: the list of its messages, or an object with "messages" and, if there are any, "tools".
/// InvalidInput, with the path of the field, for what is none: a message is an object with the text "role" and with
/// "content", which is a text, a list of parts or null, or with other fields instead ("tool_calls").
StatusOr<ChatRequest> parseTalk(std::string_view json);

/// ChatRequest::variables as JSON. InvalidInput for what is no object.
StatusOr<nlohmann::ordered_json> parseVariables(std::string_view json);

/// The templates of a model.
class ChatTemplates {
public:
  /// Of a plan (Plan::chatJson). InvalidInput for JSON that is not as docs/plan-format.md says; templates themselves
  /// are parsed when they are used.
  static StatusOr<ChatTemplates> parse(std::string_view chatJson);

  /// None: the model's directory had no template.
  bool empty() const { return templates_.empty(); }
  std::vector<std::string> names() const;
  /// Takes this one for all that there are.
  void replace(std::string source) { templates_ = {{"default", std::move(source)}}; }

  /// The prompt of a talk, by the template "tool_use" if there are tools and such a template, else by "default". It has
  /// the tokens that begin a text, so tokenize it without adding any. Errors: as jinja::Template; InvalidArgument if
  /// there is no template.
  StatusOr<std::string> render(const ChatRequest &request, const jinja::RenderOptions &options = {}) const;

  /// The text of "eos_token", "bos_token", ...; empty if the model has none.
  std::string specialToken(std::string_view name) const;

private:
  std::map<std::string, std::string> templates_;
  nlohmann::ordered_json specialTokens_ = nlohmann::ordered_json::object();
};

} // namespace cadenza
