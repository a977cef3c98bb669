// One answer on its way to a client: what comes from the decoding thread becomes a reply, whole or in pieces.
#pragma once

#include "runtime/chat/thinking.h"
#include "runtime/serve/api_error.h"
#include "runtime/serve/api_response.h"
#include "runtime/serve/http_server.h"
#include "runtime/serve/tool_calls.h"

#include <memory>

namespace cadenza::serve {

/// Used on the loop's thread.
class Answer {
public:
  /// `tools`: names of those that the model may call. `thinks`: the prompt ends in the middle of thoughts.
  Answer(AnswerFacts facts, std::shared_ptr<HttpReply> reply, TokenTexts texts, bool streams, bool includesUsage,
         bool hasLogprobs, std::set<std::string> tools, bool thinks);

  void addLogprobs(const TokenLogprobs &logprobs) { pending_.logprobs.push_back(logprobs); }
  void addText(std::string_view text);
  /// Sends what is left. The result is the status of HTTP that the client sees.
  int end(const StatusOr<Generation> &generation);

private:
  void addPart(std::string_view text, bool isThought);
  void begin();
  void flush();
  int fail(const ApiError &error);

  const AnswerFacts facts_;
  const std::shared_ptr<HttpReply> reply_;
  const TokenTexts texts_;
  const bool streams_, includesUsage_, hasLogprobs_;
  AnswerPiece pending_;       // of a stream: not sent yet; otherwise the whole answer
  size_t callCount_ = 0;      // in all pieces
  ToolCallFilter callFilter_; // of what is no thought
  ThinkingFilter filter_;
};

} // namespace cadenza::serve
