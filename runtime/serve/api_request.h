// Requests of OpenAI's API: their JSON, checked field by field.
#pragma once

#include "runtime/cadenza.h"
#include "runtime/chat/chat_template.h"
#include "runtime/grammar/grammar.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::serve {

/// What holds where a request does not say it.
struct ApiDefaults {
  SamplingOptions sampling; // Session::samplingDefaults
  bool keepsLogits = false; // whether log-probabilities can be asked for (SessionOptions::logits)
};

struct ApiRequest {
  std::string model;                       // that is asked for; empty: any
  ChatRequest chat;                        // of a chat
  std::string prompt;                      // of a completion: a text, ...
  std::vector<int32_t> promptTokens;       // ... or tokens
  GenerateOptions generate;                // maxTokens 0: until the model ends, or the context is full
  std::optional<grammar::Grammar> grammar; // of the answer: response_format
  bool isChat = false;
  bool streams = false, includesUsage = false;
};

/// The body of POST /v1/chat/completions. Tools go into the template. With a response_format of JSON, enable_thinking
/// is false for the template, unless the request says otherwise. InvalidArgument, beginning with the path of the field,
/// for what is malformed or not supported; fields that do not change an answer ("user", "metadata") and unknown ones
/// are passed over.
StatusOr<ApiRequest> parseChatRequest(std::string_view body, const ApiDefaults &defaults);

/// The body of POST /v1/completions: the older API, of texts.
StatusOr<ApiRequest> parseCompletionRequest(std::string_view body, const ApiDefaults &defaults);

/// The body of POST /tokenize: {"content": text, "add_special": bool}, and of POST /detokenize: {"tokens": [id, ...]}.
struct TokenizeRequest {
  std::string text;
  bool addSpecial = true;
};
StatusOr<TokenizeRequest> parseTokenizeRequest(std::string_view body);
StatusOr<std::vector<int32_t>> parseDetokenizeRequest(std::string_view body);

} // namespace cadenza::serve
