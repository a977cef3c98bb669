#include "runtime/serve/api_request.h"

#include "runtime/support/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace cadenza::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

Status invalid(const std::string &path, const std::string &what) {
  return {StatusCode::InvalidArgument, path + ": " + what};
}

constexpr JsonLimits bodyLimits = {.bytes = size_t(64) << 20, .values = 4'000'000, .depth = 64};

/// The object of a body. ChatRequest keeps the order of keys, so `text` is parsed once more for it.
StatusOr<json> parseBody(std::string_view text) {
  StatusOr<json> body = parseJson(text, bodyLimits);
  if (!body.isOk())
    return Status(StatusCode::InvalidArgument, "the body is not JSON: " + body.status().message());
  if (!body->is_object())
    return Status(StatusCode::InvalidArgument, "the body is not a JSON object");
  return body;
}

/// Readers of fields: what is missing or null leaves `out` as it is.
class Fields {
public:
  explicit Fields(const json &object) : object_(object) {}

  const json *find(const char *name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  /// From `least` to `most`; `range`: how an error says that.
  Status number(const char *name, double &out, double least, double most, const char *range) const {
    const json *field = find(name);
    if (field == nullptr)
      return Status::ok();
    if (!field->is_number() || !(field->get<double>() >= least && field->get<double>() <= most))
      return invalid(name, std::string("expected ") + range + ", not " + shortened(*field));
    out = field->get<double>();
    return Status::ok();
  }
  Status integer(const char *name, int64_t &out, int64_t least, int64_t most) const {
    const json *field = find(name);
    if (field == nullptr)
      return Status::ok();
    const bool isWhole =
        field->is_number_integer() && (!field->is_number_unsigned() || field->get<uint64_t>() <= uint64_t(INT64_MAX));
    if (!isWhole || field->get<int64_t>() < least || field->get<int64_t>() > most)
      return invalid(name, "expected a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
                               ", not " + shortened(*field));
    out = field->get<int64_t>();
    return Status::ok();
  }
  Status boolean(const char *name, bool &out) const {
    const json *field = find(name);
    if (field == nullptr)
      return Status::ok();
    if (!field->is_boolean())
      return invalid(name, "expected true or false, not " + shortened(*field));
    out = field->get<bool>();
    return Status::ok();
  }
  Status text(const char *name, std::string &out) const {
    const json *field = find(name);
    if (field == nullptr)
      return Status::ok();
    if (!field->is_string())
      return invalid(name, "expected a text, not " + shortened(*field));
    out = field->get<std::string>();
    return Status::ok();
  }
  /// A field that would change the answer if it were supported, but for some values.
  Status unsupported(const char *name, const std::vector<json> &harmless, const char *why) const {
    const json *field = find(name);
    if (field == nullptr)
      return Status::ok();
    for (const json &value : harmless)
      if (*field == value)
        return Status::ok();
    return {StatusCode::Unsupported, std::string(name) + ": " + shortened(*field) + " is not supported: " + why};
  }

  static std::string shortened(const json &value) {
    std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 57) + "..." : text;
  }

  static constexpr int64_t maximum = 1 << 30; // of every count

private:
  const json &object_;
};

Status readSampling(const Fields &fields, const SamplingOptions &defaults, SamplingOptions &sampling) {
  sampling = defaults;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const bool asksForDraws = fields.find("top_k") || fields.find("top_p") || fields.find("min_p") || fields.find("seed");
  if (asksForDraws && !sampling.draws())
    sampling.temperature = 1;
  CADENZA_RETURN_IF_ERROR(fields.number("temperature", sampling.temperature, 0, 100, "a number from 0 to 100"));
  CADENZA_RETURN_IF_ERROR(fields.integer("top_k", sampling.topK, -1, Fields::maximum));
  sampling.topK = std::max<int64_t>(sampling.topK, 0); // -1 are all tokens in vLLM's API, as 0 here
  CADENZA_RETURN_IF_ERROR(fields.number("top_p", sampling.topP, std::numeric_limits<double>::denorm_min(), 1,
                                        "a number above 0 and up to 1"));
  CADENZA_RETURN_IF_ERROR(fields.number("min_p", sampling.minP, 0, 1, "a number from 0 to 1"));
  CADENZA_RETURN_IF_ERROR(fields.number("repetition_penalty", sampling.repetitionPenalty,
                                        std::numeric_limits<double>::min(), 100, "a number above 0 and up to 100"));
  CADENZA_RETURN_IF_ERROR(
      fields.number("presence_penalty", sampling.presencePenalty, -100, 100, "a number from -100 to 100"));
  CADENZA_RETURN_IF_ERROR(
      fields.number("frequency_penalty", sampling.frequencyPenalty, -100, 100, "a number from -100 to 100"));
  if (const json *seed = fields.find("seed")) {
    if (!seed->is_number_integer())
      return invalid("seed", "expected a whole number, not " + Fields::shortened(*seed));
    // OpenAI's seeds have a sign.
    sampling.seed = seed->is_number_unsigned() ? seed->get<uint64_t>() : static_cast<uint64_t>(seed->get<int64_t>());
  }
  const json *biases = fields.find("logit_bias");
  if (biases == nullptr)
    return Status::ok();
  if (!biases->is_object())
    return invalid("logit_bias", "expected an object {\"token id\": bias}, not " + Fields::shortened(*biases));
  for (const auto &[id, bias] : biases->items()) {
    int32_t token = 0;
    const auto [end, problem] = std::from_chars(id.data(), id.data() + id.size(), token);
    if (problem != std::errc() || end != id.data() + id.size() || token < 0 || !bias.is_number() ||
        !std::isfinite(bias.get<double>()))
      return invalid("logit_bias", "expected token ids with a number each, not " + Fields::shortened(json(id)) + ": " +
                                       Fields::shortened(bias));
    // -100 bans a token in OpenAI's API.
    sampling.logitBias[token] = bias.get<double>() <= -100 ? -infinity : bias.get<double>();
  }
  return Status::ok();
}

Status readStop(const Fields &fields, std::vector<std::string> &stopTexts) {
  constexpr size_t most = 64;
  const json *stop = fields.find("stop");
  if (stop == nullptr)
    return Status::ok();
  const json list = stop->is_string() ? json::array({*stop}) : *stop;
  const std::string expected = "expected a text, or a list of up to " + std::to_string(most) + " texts, none empty";
  if (!list.is_array() || list.size() > most)
    return invalid("stop", expected);
  for (const json &text : list) {
    if (!text.is_string() || text.get_ref<const std::string &>().empty())
      return invalid("stop", expected);
    stopTexts.push_back(text.get<std::string>());
  }
  return Status::ok();
}

/// {"type": "json_schema", "json_schema": {"name", "schema", "strict"}}, or "json_object", or "text". Answers follow a
/// schema strictly, whatever "strict" is. llama.cpp takes a "schema" beside either type, too.
Status readFormat(std::string_view text, ApiRequest &request) {
  // The order of keys is that of the answer.
  const ordered_json body = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto field = [](const ordered_json &object, const char *name) {
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  };
  const ordered_json *format = field(body, "response_format");
  if (format == nullptr)
    return Status::ok();
  const ordered_json *named = format->is_object() ? field(*format, "type") : nullptr;
  const std::string type = named != nullptr && named->is_string() ? named->get<std::string>() : "";
  if (type == "text")
    return Status::ok();
  if (type != "json_object" && type != "json_schema")
    return invalid("response_format", R"(expected {"type": "text"}, "json_object" or "json_schema")");

  std::string path = "response_format.schema";
  const ordered_json *schema = field(*format, "schema");
  if (schema == nullptr && type == "json_schema") {
    path = "response_format.json_schema.schema";
    const ordered_json *wrapper = field(*format, "json_schema");
    schema = wrapper != nullptr && wrapper->is_object() ? field(*wrapper, "schema") : nullptr;
    if (schema == nullptr)
      return invalid("response_format.json_schema", R"(expected {"name": NAME, "schema": SCHEMA})");
  }
  StatusOr<grammar::Grammar> grammar = schema == nullptr ? grammar::jsonObject() : grammar::jsonSchema(*schema);
  if (!grammar.isOk())
    return {grammar.status().code(), path + ": " + grammar.status().message()};
  request.grammar = std::move(*grammar);
  request.grammarText = schema == nullptr ? type : schema->dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return Status::ok();
}

/// What other servers call constraints: who passes them over writes an answer that does not keep them.
Status refuseOtherConstraints(const Fields &fields) {
  for (const char *name : {"grammar", "json_schema", "guided_json", "guided_regex", "guided_choice", "guided_grammar",
                           "structured_outputs"})
    CADENZA_RETURN_IF_ERROR(fields.unsupported(
        name, {"", json::object()}, R"(an answer is restricted by "response_format", to JSON or a schema of JSON)"));
  return Status::ok();
}

/// What both APIs have.
Status readCommon(std::string_view body, const Fields &fields, const ApiDefaults &defaults, ApiRequest &request) {
  CADENZA_RETURN_IF_ERROR(fields.text("model", request.model));
  CADENZA_RETURN_IF_ERROR(fields.boolean("stream", request.streams));
  if (const json *options = fields.find("stream_options")) {
    if (!options->is_object())
      return invalid("stream_options", "expected an object, not " + Fields::shortened(*options));
    CADENZA_RETURN_IF_ERROR(Fields(*options).boolean("include_usage", request.includesUsage));
  }
  CADENZA_RETURN_IF_ERROR(fields.unsupported("n", {1}, "there is one answer a request; ask again, with another seed"));
  CADENZA_RETURN_IF_ERROR(readSampling(fields, defaults.sampling, request.generate.sampling));
  CADENZA_RETURN_IF_ERROR(readStop(fields, request.generate.stopTexts));
  CADENZA_RETURN_IF_ERROR(readFormat(body, request));
  CADENZA_RETURN_IF_ERROR(refuseOtherConstraints(fields));
  return fields.boolean("ignore_eos", request.generate.ignoreEos);
}

Status wantsLogprobs(const ApiDefaults &defaults, int64_t top, GenerateOptions &generate) {
  if (!defaults.keepsLogits)
    return {StatusCode::Unsupported,
            "logprobs: this server does not keep what they are computed from; start it with --logprobs"};
  generate.logprobs = top;
  return Status::ok();
}

/// Parts of a text are one text: few templates know of parts.
Status joinParts(ordered_json &content, const std::string &path) {
  if (!content.is_array())
    return Status::ok();
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    const ordered_json &part = content[i];
    const std::string at = path + "[" + std::to_string(i) + "]";
    if (!part.is_object() || !part.contains("type") || !part["type"].is_string())
      return invalid(at, R"(expected a part such as {"type": "text", "text": "..."})");
    if (part["type"] != "text")
      return {StatusCode::Unsupported, at + ".type: '" + part["type"].get<std::string>() +
                                           "' is not supported: this model reads text (a part of type \"text\")"};
    if (!part.contains("text") || !part["text"].is_string())
      return invalid(at + ".text", "expected a text");
    text += part["text"].get<std::string>();
  }
  content = text;
  return Status::ok();
}

/// OpenAI's messages as templates know them.
Status adaptMessages(ordered_json &messages) {
  for (size_t i = 0; i < messages.size(); ++i) {
    ordered_json &message = messages[i];
    const std::string path = "messages[" + std::to_string(i) + "]";
    if (message["role"] == "developer")
      message["role"] = "system";
    if (message.contains("content"))
      CADENZA_RETURN_IF_ERROR(joinParts(message["content"], path + ".content"));
    if (!message.contains("tool_calls") || !message["tool_calls"].is_array())
      continue;
    if (!message.contains("content"))
      message["content"] = nullptr;
    // Arguments are JSON in a text there, and an object here.
    for (ordered_json &call : message["tool_calls"]) {
      if (!call.is_object() || !call.contains("function") || !call["function"].is_object())
        return invalid(path + ".tool_calls", R"(expected {"type": "function", "function": {"name", "arguments"}})");
      ordered_json &function = call["function"];
      if (!function.contains("arguments") || !function["arguments"].is_string())
        continue;
      ordered_json arguments = ordered_json::parse(function["arguments"].get_ref<const std::string &>(), nullptr,
                                                   /*allow_exceptions=*/false);
      if (arguments.is_object())
        function["arguments"] = std::move(arguments);
    }
  }
  return Status::ok();
}

/// A tool of another form would be written into the prompt as it is, and its calls be no calls.
Status checkTools(const ordered_json &tools) {
  for (size_t i = 0; i < tools.size(); ++i) {
    const ordered_json &tool = tools[i];
    const bool isFunction = tool.contains("function") && tool["function"].is_object() &&
                            tool["function"].contains("name") && tool["function"]["name"].is_string();
    if (!isFunction)
      return invalid("tools[" + std::to_string(i) + "]",
                     R"(expected {"type": "function", "function": {"name": NAME, "parameters": SCHEMA}})");
  }
  return Status::ok();
}

/// Messages, tools and what else goes into the template.
Status readTalk(std::string_view text, const Fields &fields, ChatRequest &chat) {
  // The order of keys is a matter of the template (tools | tojson).
  ordered_json body = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  ordered_json talk = {{"messages", body.contains("messages") ? body["messages"] : ordered_json()}};
  if (!talk["messages"].is_array() || talk["messages"].empty())
    return invalid("messages", "expected a list of {\"role\", \"content\"}, one at least");
  std::string choice = "auto";
  if (const json *given = fields.find("tool_choice"); given != nullptr && given->is_string())
    choice = given->get<std::string>();
  if (fields.find("tools") != nullptr && choice != "none")
    talk["tools"] = body["tools"];
  StatusOr<ChatRequest> parsed = parseTalk(talk.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  if (!parsed.isOk())
    return {StatusCode::InvalidArgument, parsed.status().message()};
  chat = std::move(*parsed);
  CADENZA_RETURN_IF_ERROR(checkTools(chat.tools));
  CADENZA_RETURN_IF_ERROR(adaptMessages(chat.messages));
  if (const json *variables = fields.find("chat_template_kwargs")) {
    if (!variables->is_object())
      return invalid("chat_template_kwargs", "expected an object, not " + Fields::shortened(*variables));
    chat.variables = body["chat_template_kwargs"];
  }
  return Status::ok();
}

Status checkTokens(const char *name, const json &list, std::vector<int32_t> &tokens) {
  for (const json &id : list) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX)
      return invalid(name, "expected token ids, not " + Fields::shortened(id));
    tokens.push_back(id.get<int32_t>());
  }
  return Status::ok();
}

} // namespace

StatusOr<ApiRequest> parseChatRequest(std::string_view body, const ApiDefaults &defaults) {
  CADENZA_ASSIGN_OR_RETURN(const json object, parseBody(body));
  const Fields fields(object);
  ApiRequest request;
  request.isChat = true;
  CADENZA_RETURN_IF_ERROR(readTalk(body, fields, request.chat));
  CADENZA_RETURN_IF_ERROR(readCommon(body, fields, defaults, request));
  request.generate.maxTokens = 0;
  CADENZA_RETURN_IF_ERROR(fields.integer("max_tokens", request.generate.maxTokens, 1, Fields::maximum));
  CADENZA_RETURN_IF_ERROR(fields.integer("max_completion_tokens", request.generate.maxTokens, 1, Fields::maximum));
  if (request.grammar && !request.chat.variables.contains("enable_thinking"))
    request.chat.variables["enable_thinking"] = false; // the answer is JSON from its first token on
  CADENZA_RETURN_IF_ERROR(fields.unsupported("tool_choice", {"auto", "none"},
                                             "the model decides whether it calls a tool (\"auto\"), or has none"));
  const char *const turns = "an answer is a turn of its own; /v1/completions continues a text";
  CADENZA_RETURN_IF_ERROR(fields.unsupported("continue_final_message", {false}, turns));
  CADENZA_RETURN_IF_ERROR(fields.unsupported("add_generation_prompt", {true}, turns));
  CADENZA_RETURN_IF_ERROR(fields.unsupported("modalities", {json::array({"text"})}, "answers are text"));
  CADENZA_RETURN_IF_ERROR(fields.unsupported("audio", {}, "answers are text"));
  CADENZA_RETURN_IF_ERROR(fields.unsupported("functions", {json::array()}, "it is called \"tools\" now"));
  bool logprobs = false;
  int64_t top = 0;
  CADENZA_RETURN_IF_ERROR(fields.boolean("logprobs", logprobs));
  CADENZA_RETURN_IF_ERROR(fields.integer("top_logprobs", top, 0, 20));
  if (fields.find("top_logprobs") != nullptr && !logprobs)
    return invalid("top_logprobs", "needs \"logprobs\": true");
  if (logprobs)
    CADENZA_RETURN_IF_ERROR(wantsLogprobs(defaults, top, request.generate));
  return request;
}

StatusOr<ApiRequest> parseCompletionRequest(std::string_view body, const ApiDefaults &defaults) {
  CADENZA_ASSIGN_OR_RETURN(const json object, parseBody(body));
  const Fields fields(object);
  ApiRequest request;
  const json *prompt = fields.find("prompt");
  if (prompt == nullptr)
    return invalid("prompt", "is missing");
  if (prompt->is_array() && prompt->size() == 1 && !prompt->at(0).is_number())
    prompt = &prompt->at(0); // a list of one prompt
  if (prompt->is_string())
    request.prompt = prompt->get<std::string>();
  else if (prompt->is_array() && !prompt->empty() && prompt->at(0).is_number())
    CADENZA_RETURN_IF_ERROR(checkTokens("prompt", *prompt, request.promptTokens));
  else
    return invalid("prompt", "expected one text, or one list of token ids");
  CADENZA_RETURN_IF_ERROR(readCommon(body, fields, defaults, request));
  request.generate.maxTokens = 16; // OpenAI's default
  CADENZA_RETURN_IF_ERROR(fields.integer("max_tokens", request.generate.maxTokens, 1, Fields::maximum));
  CADENZA_RETURN_IF_ERROR(fields.unsupported("echo", {false}, "the answer is what comes after the prompt"));
  CADENZA_RETURN_IF_ERROR(fields.unsupported("suffix", {""}, "a text is continued at its end"));
  CADENZA_RETURN_IF_ERROR(fields.unsupported("best_of", {1}, "there is one answer a request"));
  if (fields.find("logprobs") != nullptr) {
    int64_t top = 0;
    CADENZA_RETURN_IF_ERROR(fields.integer("logprobs", top, 0, 20));
    CADENZA_RETURN_IF_ERROR(wantsLogprobs(defaults, top, request.generate));
  }
  return request;
}

StatusOr<TokenizeRequest> parseTokenizeRequest(std::string_view body) {
  CADENZA_ASSIGN_OR_RETURN(const json object, parseBody(body));
  const Fields fields(object);
  TokenizeRequest request;
  const char *name = fields.find("content") != nullptr ? "content" : "prompt"; // llama.cpp's and vLLM's name
  if (fields.find(name) == nullptr)
    return invalid("content", "is missing");
  CADENZA_RETURN_IF_ERROR(fields.text(name, request.text));
  CADENZA_RETURN_IF_ERROR(fields.boolean("add_special", request.addSpecial));
  CADENZA_RETURN_IF_ERROR(fields.boolean("add_special_tokens", request.addSpecial));
  return request;
}

StatusOr<std::vector<int32_t>> parseDetokenizeRequest(std::string_view body) {
  CADENZA_ASSIGN_OR_RETURN(const json object, parseBody(body));
  const json *list = Fields(object).find("tokens");
  if (list == nullptr || !list->is_array())
    return invalid("tokens", "expected a list of token ids");
  std::vector<int32_t> tokens;
  CADENZA_RETURN_IF_ERROR(checkTokens("tokens", *list, tokens));
  return tokens;
}

} // namespace cadenza::serve
