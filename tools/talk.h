// A talk with a model: its messages, and the next answer.
#pragma once

#include "runtime/cadenza.h"
#include "runtime/chat/chat_template.h"

#include <string>

namespace cadenza {

class Talk {
public:
  Talk(Session &session, ChatTemplates templates, GenerateOptions generate);

  ChatRequest request; // with all messages so far

  /// The system message at the beginning: replaced, or removed by the empty text.
  void setSystem(const std::string &text);
  void say(const std::string &role, const std::string &text);
  /// The last message is taken back: it had no answer.
  void takeBack() { request.messages.erase(request.messages.end() - 1); }

  /// Writes the model's next message to standard output as it is made, thoughts dimmed on a terminal, and appends it,
  /// also if it was interrupted or the context was full. Nothing is appended after an error: CacheFull for a talk that
  /// does not fit, those of ChatTemplates::render and of Session::generate. The n-th answer (from 0) is drawn with the
  /// seed plus n.
  StatusOr<Generation> answer();

private:
  StatusOr<std::vector<int32_t>> promptTokens(std::string &text) const;

  Session &session_;
  ChatTemplates templates_;
  GenerateOptions generate_;
  uint64_t answers_ = 0;
};

} // namespace cadenza
