// cadenza-run --chat: a talk with a model, turn by turn or one answer.
#pragma once

#include "runtime/cadenza.h"

#include <CLI/CLI.hpp>

#include <string>

namespace cadenza {

struct ChatArguments {
  std::string question; // empty: a session, or an answer to `messages`
  std::string system, messages, templateFile, think, reuse = "on", save, load;
  bool isAsked = false; // --chat
  bool systemGiven = false;
  bool timing = false;
};

/// Declares --chat in the group of inputs, and what goes with it.
void declareChat(CLI::App &app, CLI::App &inputs, ChatArguments &chat);

/// Whether turns are read from standard input: without a question and without messages. (Loaded messages have been
/// answered.)
bool isInteractive(const ChatArguments &chat);

/// InvalidArgument if the plan has no chat template and none is given; CacheFull, with what can be done about it, for a
/// talk that does not fit; Cancelled for one answer that was interrupted. `generate`: what ends an answer; maxTokens 0:
/// the context does.
Status runChat(Session &session, const ChatArguments &chat, const GenerateOptions &generate);

} // namespace cadenza
