#include "tools/talk.h"

#include "runtime/chat/thinking.h"
#include "runtime/decode/sequence.h"
#include "runtime/plan/plan.h"
#include "tools/prompt_progress.h"

#include <cstdio>
#include <unistd.h>

namespace cadenza {
namespace {

using nlohmann::ordered_json;

/// Text as it comes; thoughts in faint letters on a terminal.
void writeText(std::string_view text, bool isThought) {
  const bool dims = isThought && isatty(STDOUT_FILENO) != 0;
  if (dims)
    std::fputs("\033[2m", stdout);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (dims)
    std::fputs("\033[0m", stdout);
  std::fflush(stdout);
}

bool isSystem(const ordered_json &message) { return message["role"] == "system"; }

} // namespace

Talk::Talk(Session &session, ChatTemplates templates, GenerateOptions generate)
    : session_(session), templates_(std::move(templates)), generate_(std::move(generate)) {
  // Some configurations name only the token that ends a text, not the one that ends a turn.
  if (const auto end = session.specialToken(templates_.specialToken("eos_token")); end && !generate_.ignoreEos)
    generate_.stopTokens.push_back(*end);
}

void Talk::say(const std::string &role, const std::string &text) {
  request.messages.push_back({{"role", role}, {"content", text}});
}

void Talk::setSystem(const std::string &text) {
  ordered_json &messages = request.messages;
  if (!messages.empty() && isSystem(messages.front()))
    messages.erase(messages.begin());
  if (!text.empty())
    messages.insert(messages.begin(), ordered_json{{"role", "system"}, {"content", text}});
}

StatusOr<std::vector<int32_t>> Talk::promptTokens(std::string &text) const {
  CADENZA_ASSIGN_OR_RETURN(text, templates_.render(request));
  CADENZA_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, session_.tokenize(text, /*addSpecialTokens=*/false));
  if (std::ssize(tokens) >= session_.context())
    return Status(StatusCode::CacheFull, "the talk has " + std::to_string(tokens.size()) +
                                             " tokens, which leaves no room for an answer in the " + "context of " +
                                             std::to_string(session_.context()) + "; " +
                                             adviceForLongTexts(session_.plan().program(), session_.context()) +
                                             "; /reset begins a new talk");
  return tokens;
}

StatusOr<Generation> Talk::answer() {
  std::string text;
  CADENZA_ASSIGN_OR_RETURN(const std::vector<int32_t> prompt, promptTokens(text));
  GenerateOptions options = generate_;
  if (options.maxTokens == 0)
    options.maxTokens = session_.context();
  PromptProgress progress(prompt.size());
  ThinkingFilter filter(writeText, endsInThought(text));
  options.onPrompt = [&](int64_t done) { progress.show(done); };
  options.onToken = [&](int32_t) {
    progress.end();
    return true;
  };
  options.onText = [&](std::string_view piece) { filter.push(piece); };
  if (options.sampling.seed) // the same question, asked again, may have another answer
    *options.sampling.seed += answers_++;
  StatusOr<Generation> result = session_.generate(prompt, options);
  progress.end();
  filter.finish();
  if (!result.isOk())
    return result;
  if (!result->text.ends_with('\n'))
    std::puts("");
  std::fflush(stdout);
  say("assistant", result->text);
  return result;
}

} // namespace cadenza
