#include "runtime/serve/api_response.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace cadenza::serve {
namespace {

using nlohmann::ordered_json;

std::string dump(const ordered_json &json) { return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

/// JSON has no infinity; OpenAI writes this for what cannot come.
double finite(double logprob) { return std::isfinite(logprob) ? logprob : -9999.0; }

/// From the bytes of all tokens a client has the text, where characters are cut, too.
ordered_json numbers(const std::string &text) {
  ordered_json bytes = ordered_json::array();
  for (const char c : text)
    bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

ordered_json chatLogprobs(const std::vector<TokenLogprobs> &all, const TokenTexts &texts) {
  const auto entry = [&](const TokenLogprob &token) {
    const TokenText text = texts(token.token);
    return ordered_json{{"token", text.text}, {"logprob", finite(token.logprob)}, {"bytes", numbers(text.bytes)}};
  };
  ordered_json content = ordered_json::array();
  for (const TokenLogprobs &token : all) {
    content.push_back(entry(token.chosen));
    content.back()["top_logprobs"] = ordered_json::array();
    for (const TokenLogprob &top : token.top)
      content.back()["top_logprobs"].push_back(entry(top));
  }
  return {{"content", content}};
}

/// The older API's: lists side by side. text_offset is left out: text may be held back.
ordered_json completionLogprobs(const std::vector<TokenLogprobs> &all, const TokenTexts &texts) {
  ordered_json tokens = ordered_json::array(), logprobs = ordered_json::array(), tops = ordered_json::array();
  for (const TokenLogprobs &token : all) {
    tokens.push_back(texts(token.chosen.token).text);
    logprobs.push_back(finite(token.chosen.logprob));
    ordered_json top = ordered_json::object();
    for (const TokenLogprob &other : token.top)
      top[texts(other.token).text] = finite(other.logprob);
    tops.push_back(std::move(top));
  }
  return {{"tokens", tokens}, {"token_logprobs", logprobs}, {"top_logprobs", tops}};
}

ordered_json logprobsOf(const AnswerFacts &facts, const std::vector<TokenLogprobs> &all, const TokenTexts &texts) {
  return facts.isChat ? chatLogprobs(all, texts) : completionLogprobs(all, texts);
}

ordered_json frame(const AnswerFacts &facts, bool isChunk) {
  const char *object = !facts.isChat ? "text_completion" : isChunk ? "chat.completion.chunk" : "chat.completion";
  return {{"id", facts.id}, {"object", object}, {"created", facts.created}, {"model", facts.model}};
}

/// Nine letters and digits, which is what Mistral's templates take for an id. The end of the answer's id is random.
std::string callId(const AnswerFacts &facts, size_t index) {
  char number[24];
  std::snprintf(number, sizeof(number), "%02zx", index);
  return facts.id.substr(facts.id.size() - std::min<size_t>(facts.id.size(), 7)) + number;
}

ordered_json callsJson(const AnswerFacts &facts, const AnswerPiece &piece, bool isChunk) {
  ordered_json calls = ordered_json::array();
  for (size_t i = 0; i < piece.calls.size(); ++i) {
    ordered_json call = ordered_json::object();
    if (isChunk)
      call["index"] = piece.firstCall + i;
    call["id"] = callId(facts, piece.firstCall + i);
    call["type"] = "function";
    call["function"] = {{"name", piece.calls[i].name}, {"arguments", piece.calls[i].arguments}};
    calls.push_back(std::move(call));
  }
  return calls;
}

ordered_json chunk(const AnswerFacts &facts, ordered_json choice) {
  ordered_json json = frame(facts, /*isChunk=*/true);
  choice["index"] = 0;
  json["choices"] = ordered_json::array({std::move(choice)});
  return json;
}

} // namespace

std::string finishReason(FinishReason reason, bool hasCalls) {
  if (reason == FinishReason::Length || reason == FinishReason::ContextFull)
    return "length";
  return hasCalls ? "tool_calls" : "stop";
}

ordered_json usageJson(const Timing &timing, size_t generated) {
  const auto made = static_cast<int64_t>(generated);
  return {{"prompt_tokens", timing.promptTokens},
          {"completion_tokens", made},
          {"total_tokens", timing.promptTokens + made},
          {"prompt_tokens_details", {{"cached_tokens", timing.keptTokens}}}};
}

std::string answerJson(const AnswerFacts &facts, const AnswerPiece &all, const Generation &generation, bool hasLogprobs,
                       const TokenTexts &texts) {
  ordered_json choice = {{"index", 0}};
  if (facts.isChat) {
    choice["message"] = {{"role", "assistant"}, {"content", all.content}};
    if (!all.reasoning.empty())
      choice["message"]["reasoning_content"] = all.reasoning;
    if (!all.calls.empty()) {
      choice["message"]["tool_calls"] = callsJson(facts, all, /*isChunk=*/false);
      if (all.content.empty())
        choice["message"]["content"] = nullptr;
    }
  } else {
    choice["text"] = all.content;
  }
  choice["logprobs"] = hasLogprobs ? logprobsOf(facts, all.logprobs, texts) : ordered_json();
  choice["finish_reason"] = finishReason(generation.reason, !all.calls.empty());
  ordered_json json = frame(facts, /*isChunk=*/false);
  json["choices"] = ordered_json::array({std::move(choice)});
  json["usage"] = usageJson(generation.timing, generation.tokens.size());
  return dump(json);
}

std::string event(std::string_view json) { return "data: " + std::string(json) + "\n\n"; }

std::string firstEvent(const AnswerFacts &facts) {
  if (!facts.isChat)
    return "";
  return event(
      dump(chunk(facts, {{"delta", {{"role", "assistant"}, {"content", ""}}}, {"finish_reason", ordered_json()}})));
}

std::string pieceEvent(const AnswerFacts &facts, const AnswerPiece &piece, const TokenTexts &texts) {
  ordered_json choice;
  if (facts.isChat) {
    choice["delta"] = ordered_json::object();
    if (!piece.content.empty())
      choice["delta"]["content"] = piece.content;
    if (!piece.reasoning.empty())
      choice["delta"]["reasoning_content"] = piece.reasoning;
    if (!piece.calls.empty())
      choice["delta"]["tool_calls"] = callsJson(facts, piece, /*isChunk=*/true);
  } else {
    choice["text"] = piece.content;
  }
  if (!piece.logprobs.empty())
    choice["logprobs"] = logprobsOf(facts, piece.logprobs, texts);
  choice["finish_reason"] = nullptr;
  return event(dump(chunk(facts, std::move(choice))));
}

std::string lastEvents(const AnswerFacts &facts, const Generation &generation, bool hasCalls, bool usage) {
  ordered_json choice;
  if (facts.isChat)
    choice["delta"] = ordered_json::object();
  else
    choice["text"] = "";
  choice["finish_reason"] = finishReason(generation.reason, hasCalls);
  std::string events = event(dump(chunk(facts, std::move(choice))));
  if (usage) {
    ordered_json last = frame(facts, /*isChunk=*/true);
    last["choices"] = ordered_json::array();
    last["usage"] = usageJson(generation.timing, generation.tokens.size());
    events += event(dump(last));
  }
  return events;
}

} // namespace cadenza::serve
