// Requests of OpenAI's API: what each field becomes, and what is refused, by the name of the field.
#include "runtime/serve/api_error.h"
#include "runtime/serve/api_request.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cadenza::serve {
namespace {

using nlohmann::json;

const char *const hello = R"([{"role": "user", "content": "Hello"}])";

std::string chat(const std::string &fields) {
  return std::string("{\"messages\": ") + hello + (fields.empty() ? "" : ", ") + fields + "}";
}

ApiRequest parsed(const StatusOr<ApiRequest> &request) {
  EXPECT_TRUE(request.isOk()) << request.status().message();
  return request.isOk() ? *request : ApiRequest();
}

TEST(ApiRequest, ChatDefaults) {
  const SamplingOptions model{.temperature = 0.6, .topK = 20, .topP = 0.95};
  const ApiRequest request = parsed(parseChatRequest(chat(""), {.sampling = model}));
  EXPECT_TRUE(request.isChat);
  EXPECT_FALSE(request.streams || request.includesUsage);
  EXPECT_EQ(request.generate.maxTokens, 0);
  EXPECT_EQ(request.generate.sampling.temperature, 0.6);
  EXPECT_EQ(request.generate.sampling.topK, 20);
  EXPECT_FALSE(request.generate.sampling.seed || request.generate.logprobs);
  EXPECT_EQ(request.chat.messages, nlohmann::ordered_json::parse(hello));
  EXPECT_TRUE(request.chat.tools.is_null());
}

TEST(ApiRequest, EveryField) {
  const ApiRequest request = parsed(parseChatRequest(
      chat(R"("model": "m", "stream": true, "stream_options": {"include_usage": true}, "max_completion_tokens": 7,
           "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "presence_penalty": 1, "frequency_penalty": -1,
           "repetition_penalty": 1.5, "logit_bias": {"5": -100, "6": 2.5}, "seed": -1, "stop": ["a", "b"],
           "logprobs": true, "top_logprobs": 3, "n": 1, "user": "somebody", "metadata": {"a": 1}, "something": [],
           "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto",
           "response_format": {"type": "text"}, "chat_template_kwargs": {"enable_thinking": false})"),
      {.sampling = {}, .keepsLogits = true}));
  EXPECT_EQ(request.model, "m");
  EXPECT_TRUE(request.streams && request.includesUsage);
  const GenerateOptions &generate = request.generate;
  EXPECT_EQ(generate.maxTokens, 7);
  EXPECT_EQ(generate.logprobs, 3);
  EXPECT_EQ(generate.stopTexts, (std::vector<std::string>{"a", "b"}));
  const SamplingOptions &sampling = generate.sampling;
  EXPECT_EQ(sampling.temperature, 0.5);
  EXPECT_EQ(sampling.topP, 0.9);
  EXPECT_EQ(sampling.topK, 40);
  EXPECT_EQ(sampling.minP, 0.1);
  EXPECT_EQ(sampling.presencePenalty, 1);
  EXPECT_EQ(sampling.frequencyPenalty, -1);
  EXPECT_EQ(sampling.repetitionPenalty, 1.5);
  EXPECT_EQ(sampling.seed, ~uint64_t{0}) << "OpenAI's seeds have a sign";
  EXPECT_EQ(sampling.logitBias.at(5), -INFINITY) << "-100 is a ban";
  EXPECT_EQ(sampling.logitBias.at(6), 2.5);
  EXPECT_EQ(request.chat.tools[0]["function"]["name"], "f");
  EXPECT_EQ(request.chat.variables["enable_thinking"], false);
}

TEST(ApiRequest, WhoAsksForDrawsHasThem) {
  for (const char *field : {R"("top_p": 0.9)", R"("top_k": 5)", R"("min_p": 0.1)", R"("seed": 3)"})
    EXPECT_EQ(parsed(parseChatRequest(chat(field), {})).generate.sampling.temperature, 1) << field;
  EXPECT_EQ(parsed(parseChatRequest(chat(R"("top_p": 0.9, "temperature": 0)"), {})).generate.sampling.temperature, 0);
  EXPECT_EQ(parsed(parseChatRequest(chat(R"("seed": 18446744073709551615)"), {})).generate.sampling.seed, ~uint64_t{0});
  EXPECT_EQ(parsed(parseChatRequest(chat(R"("temperature": null, "stop": null, "seed": null)"), {}))
                .generate.sampling.temperature,
            0);
}

TEST(ApiRequest, MessagesAsTemplatesKnowThem) {
  const ApiRequest request = parsed(parseChatRequest(
      R"({"messages": [{"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]},
                       {"role": "assistant", "tool_calls": [{"id": "1", "type": "function",
                         "function": {"name": "f", "arguments": "{\"b\": 1, \"a\": 2}"}}]},
                       {"role": "tool", "tool_call_id": "1", "content": "3"}],
          "tools": [{"type": "function"}], "tool_choice": "none"})",
      {}));
  EXPECT_EQ(request.chat.messages[0], nlohmann::ordered_json::parse(R"({"role": "system", "content": "Be brief."})"));
  EXPECT_EQ(request.chat.messages[1]["tool_calls"][0]["function"]["arguments"].dump(), R"({"b":1,"a":2})");
  EXPECT_TRUE(request.chat.messages[1]["content"].is_null());
  EXPECT_TRUE(request.chat.tools.is_null());
}

TEST(ApiRequest, Completions) {
  EXPECT_EQ(parsed(parseCompletionRequest(R"({"prompt": "a"})", {})).prompt, "a");
  EXPECT_EQ(parsed(parseCompletionRequest(R"({"prompt": "a"})", {})).generate.maxTokens, 16);
  EXPECT_EQ(parsed(parseCompletionRequest(R"({"prompt": ["a"]})", {})).prompt, "a");
  for (const char *body : {R"({"prompt": [1, 2]})", R"({"prompt": [[1, 2]]})"})
    EXPECT_EQ(parsed(parseCompletionRequest(body, {})).promptTokens, (std::vector<int32_t>{1, 2})) << body;
  EXPECT_EQ(parsed(parseCompletionRequest(R"({"prompt": "a", "logprobs": 2, "stop": "x"})",
                                          {.sampling = {}, .keepsLogits = true}))
                .generate.logprobs,
            2);
}

TEST(ApiRequest, WhereSchemasAre) {
  const std::string schema = R"({"enum":["b","a"]})";
  for (const std::string &format :
       {R"({"type": "json_schema", "json_schema": {"name": "n", "schema": )" + schema + "}}",
        R"({"type": "json_schema", "schema": )" + schema + "}",
        R"({"type": "json_object", "schema": )" + schema + "}"}) {
    const std::string field = "\"response_format\": " + format;
    for (const ApiRequest &request : {parsed(parseChatRequest(chat(field), {})),
                                      parsed(parseCompletionRequest("{\"prompt\": \"a\", " + field + "}", {}))}) {
      EXPECT_TRUE(request.grammar) << format;
      EXPECT_EQ(request.grammarText, schema) << format;
    }
  }
  EXPECT_EQ(parsed(parseChatRequest(chat(R"("response_format": {"type": "json_object"})"), {})).grammarText,
            "json_object");
  EXPECT_EQ(parsed(parseChatRequest(chat(R"("top_k": -1)"), {})).generate.sampling.topK, 0) << "vLLM's name for all";
}

struct Refused {
  const char *fields, *message;
  const char *param;
};

TEST(ApiRequest, RefusedByName) {
  const Refused cases[] = {
      {R"("temperature": -1)", "temperature: expected a number from 0 to 100, not -1", "temperature"},
      {R"("temperature": "hot")", "temperature: expected a number from 0 to 100, not \"hot\"", "temperature"},
      {R"("top_p": 0)", "top_p: expected a number above 0 and up to 1, not 0", "top_p"},
      {R"("top_p": 1.5)", "top_p: expected", "top_p"},
      {R"("top_k": 1.5)", "top_k: expected a whole number from -1 to 1073741824, not 1.5", "top_k"},
      {R"("top_k": 99999999999999999999)", "", nullptr},
      {R"("min_p": true)", "min_p: expected a number from 0 to 1, not true", "min_p"},
      {R"("repetition_penalty": 0)", "repetition_penalty: expected", "repetition_penalty"},
      {R"("max_tokens": -5)", "max_tokens: expected a whole number from 1 to 1073741824, not -5", "max_tokens"},
      {R"("max_tokens": 0)", "max_tokens: expected", "max_tokens"},
      {R"("max_tokens": 18446744073709551615)", "max_tokens: expected", "max_tokens"},
      {R"("seed": 1.5)", "seed: expected a whole number, not 1.5", "seed"},
      {R"("stop": [])", nullptr, nullptr},
      {R"("stop": "")", "stop: expected a text, or a list of up to 64 texts, none empty", "stop"},
      {R"("stop": [1])", "stop: expected", "stop"},
      {R"("stream": "yes")", "stream: expected true or false, not \"yes\"", "stream"},
      {R"("stream_options": 1)", "stream_options: expected an object, not 1", "stream_options"},
      {R"("logit_bias": {"x": 1})", "logit_bias: expected token ids with a number each, not \"x\": 1", "logit_bias"},
      {R"("logit_bias": {"1": "a"})", "logit_bias: expected", "logit_bias"},
      {R"("logit_bias": [1])", "logit_bias: expected an object", "logit_bias"},
      {R"("model": 7)", "model: expected a text, not 7", "model"},
      {R"("n": 2)", "n: 2 is not supported: there is one answer a request; ask again, with another seed", "n"},
      {R"("response_format": {"type": "xml"})", "response_format: expected", "response_format"},
      {R"("response_format": 5)", "response_format: expected", "response_format"},
      {R"("response_format": {"type": "json_schema"})", "response_format.json_schema: expected",
       "response_format.json_schema"},
      {R"("response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}})",
       "response_format.json_schema.schema: ", "response_format.json_schema.schema"},
      {R"("response_format": {"type": "json_schema", "schema": {"not": {}}})",
       "response_format.schema: ", "response_format.schema"},
      {R"("response_format": {"type": "json_object", "schema": {"not": {}}})",
       "response_format.schema: ", "response_format.schema"},
      {R"("grammar": "root ::= \"a\"")", "grammar: \"root ::= \\\"a\\\"\" is not supported", "grammar"},
      {R"("guided_choice": ["a"])", "guided_choice: [\"a\"] is not supported", "guided_choice"},
      {R"("structured_outputs": {"regex": "a"})", "structured_outputs: ", "structured_outputs"},
      {R"("grammar": "", "json_schema": {}, "guided_json": null)", nullptr, nullptr},
      {R"("continue_final_message": true)", "continue_final_message: true is not supported", "continue_final_message"},
      {R"("add_generation_prompt": false)", "add_generation_prompt: false is not supported", "add_generation_prompt"},
      {R"("continue_final_message": false, "add_generation_prompt": true)", nullptr, nullptr},
      {R"("tool_choice": "required")", "tool_choice: \"required\" is not supported", "tool_choice"},
      {R"("functions": [{}])", "functions: [{}] is not supported: it is called \"tools\" now", "functions"},
      {R"("audio": {})", "audio: {} is not supported", "audio"},
      {R"("logprobs": true)", "logprobs: this server does not keep what they are computed from", "logprobs"},
      {R"("top_logprobs": 2)", "top_logprobs: needs \"logprobs\": true", "top_logprobs"},
      {R"("tools": 5)", "tools: ", "tools"},
      {R"("tools": [{}])", "tools[0]: expected {\"type\": \"function\", ", "tools[0]"},
      {R"("tools": [{"type": "function", "name": "f"}])", "tools[0]: expected", "tools[0]"},
      {R"("tools": [{"type": "function", "function": {"name": 1}}])", "tools[0]: expected", "tools[0]"},
      {R"("chat_template_kwargs": [])", "chat_template_kwargs: expected an object", "chat_template_kwargs"},
  };
  for (const Refused &refused : cases) {
    const StatusOr<ApiRequest> request = parseChatRequest(chat(refused.fields), {});
    if (refused.message == nullptr) {
      EXPECT_TRUE(request.isOk()) << refused.fields;
      continue;
    }
    ASSERT_FALSE(request.isOk()) << refused.fields;
    const ApiError error = apiError(request.status());
    EXPECT_EQ(error.status, 400);
    EXPECT_TRUE(error.message.starts_with(refused.message)) << refused.fields << ": " << error.message;
    if (refused.param != nullptr) {
      EXPECT_EQ(error.param, refused.param) << error.message;
    }
  }
}

TEST(ApiRequest, RefusedBodies) {
  const Refused cases[] = {
      {"", "the body is not JSON: ", ""},
      {"{\"messages\": [", "the body is not JSON: ", ""},
      {"[]", "the body is not a JSON object", ""},
      {"{\"messages\": [{\"role\": \"user\", \"content\": \"\xff\"}]}", "the body is not JSON: ", ""},
      {R"({"messages": 1, "messages": 2})", "the body is not JSON: ", ""},
      {"{}", "messages: expected a list of {\"role\", \"content\"}, one at least", "messages"},
      {R"({"messages": []})", "messages: expected", "messages"},
      {R"({"messages": {"role": "user"}})", "messages: expected", "messages"},
      {R"({"messages": ["hello"]})", "messages[0]: ", "messages[0]"},
      {R"({"messages": [{"content": "hello"}]})", "messages[0].role: ", "messages[0].role"},
      {R"({"messages": [{"role": "user"}]})", "messages[0].content: ", "messages[0].content"},
      {R"({"messages": [{"role": "user", "content": 5}]})", "messages[0].content: ", "messages[0].content"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})",
       "messages[0].content[0].type: 'image_url' is not supported: this model reads text",
       "messages[0].content[0].type"},
      {R"({"messages": [{"role": "user", "content": [5]}]})", "messages[0].content[0]: ", "messages[0].content[0]"},
      {R"({"messages": [{"role": "assistant", "tool_calls": [5]}]})",
       "messages[0].tool_calls: ", "messages[0].tool_calls"},
  };
  for (const Refused &refused : cases) {
    const StatusOr<ApiRequest> request = parseChatRequest(refused.fields, {});
    ASSERT_FALSE(request.isOk()) << refused.fields;
    const ApiError error = apiError(request.status());
    EXPECT_EQ(error.status, 400);
    EXPECT_TRUE(error.message.starts_with(refused.message)) << refused.fields << ": " << error.message;
    EXPECT_EQ(error.param, refused.param) << error.message;
  }
  for (const char *body :
       {"{}", R"({"prompt": null})", R"({"prompt": []})", R"({"prompt": ["a", "b"]})", R"({"prompt": [1, "b"]})",
        R"({"prompt": [-1]})", R"({"prompt": [1.5]})", R"({"prompt": {}})", R"({"prompt": "a", "echo": true})",
        R"({"prompt": "a", "suffix": "b"})", R"({"prompt": "a", "best_of": 2})", R"({"prompt": "a", "logprobs": 1})"})
    EXPECT_FALSE(parseCompletionRequest(body, {}).isOk()) << body;
}

TEST(ApiRequest, DeepBodiesAreRefused) {
  std::string deep = R"({"messages": )" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  EXPECT_FALSE(parseChatRequest(deep, {}).isOk());
}

TEST(ApiRequest, Tokenizing) {
  const auto request = parseTokenizeRequest(R"({"content": "a", "add_special": false})");
  ASSERT_TRUE(request.isOk());
  EXPECT_EQ(request->text, "a");
  EXPECT_FALSE(request->addSpecial);
  EXPECT_TRUE(parseTokenizeRequest(R"({"prompt": "a"})").isOk());
  EXPECT_FALSE(parseTokenizeRequest("{}").isOk());
  EXPECT_FALSE(parseTokenizeRequest(R"({"content": 1})").isOk());
  const auto tokens = parseDetokenizeRequest(R"({"tokens": [1, 2]})");
  ASSERT_TRUE(tokens.isOk());
  EXPECT_EQ(*tokens, (std::vector<int32_t>{1, 2}));
  EXPECT_FALSE(parseDetokenizeRequest(R"({"tokens": ["a"]})").isOk());
}

TEST(ApiError, Shape) {
  const json error = json::parse(apiError({StatusCode::CacheFull, "prompt: has 9 tokens"}).json())["error"];
  EXPECT_EQ(error["message"], "prompt: has 9 tokens");
  EXPECT_EQ(error["type"], "invalid_request_error");
  EXPECT_EQ(error["param"], "prompt");
  EXPECT_EQ(error["code"], "context_length_exceeded");
  const ApiError lost = apiError({StatusCode::DeviceLost, "cuda:0: gone"});
  EXPECT_EQ(lost.status, 500);
  EXPECT_EQ(lost.type, "server_error");
}

} // namespace
} // namespace cadenza::serve
