// Answers in the shapes of OpenAI's API.
#pragma once

#include "runtime/cadenza.h"
#include "runtime/serve/tool_calls.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::serve {

/// What all parts of an answer have in common.
struct AnswerFacts {
  bool isChat = false;
  std::string id, model; // "chatcmpl-..."
  int64_t created = 0;   // seconds since 1970
};

/// A piece of an answer: of the text itself, or of what the model thinks before it.
struct AnswerPiece {
  std::string content, reasoning;
  std::vector<ToolCall> calls;
  size_t firstCall = 0;                // how many calls the pieces before had
  std::vector<TokenLogprobs> logprobs; // of tokens whose text is in this piece, or was held back before it
};

/// A token's text, with U+FFFD for a part of a character, and its bytes.
struct TokenText {
  std::string text, bytes;
};
using TokenTexts = std::function<TokenText(int32_t)>;

/// "stop", "length", or "tool_calls" of an answer that has some and is whole.
std::string finishReason(FinishReason reason, bool hasCalls);
nlohmann::ordered_json usageJson(const Timing &timing, size_t generated);

/// The whole answer.
std::string answerJson(const AnswerFacts &facts, const AnswerPiece &all, const Generation &generation, bool hasLogprobs,
                       const TokenTexts &texts);

// Events of a stream: "data: {...}\n\n".
std::string firstEvent(const AnswerFacts &facts); // of a chat: who speaks; else empty
std::string pieceEvent(const AnswerFacts &facts, const AnswerPiece &piece, const TokenTexts &texts);
/// Why it ended; with `usage` one more event that has it, as stream_options.include_usage asks for.
std::string lastEvents(const AnswerFacts &facts, const Generation &generation, bool hasCalls, bool usage);
std::string event(std::string_view json);
constexpr std::string_view doneEvent = "data: [DONE]\n\n";

} // namespace cadenza::serve
