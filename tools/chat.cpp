#include "tools/chat.h"

#include "runtime/chat/chat_template.h"
#include "runtime/plan/plan.h"
#include "runtime/support/output_file.h"
#include "runtime/support/printable.h"
#include "tools/cancel_on_signal.h"
#include "tools/line_editor.h"
#include "tools/read_file.h"
#include "tools/sampling.h"
#include "tools/talk.h"

#include <cstdio>
#include <iostream>
#include <optional>

namespace cadenza {
namespace {

constexpr const char *help =
    R"(What you type goes to the model. A line that ends with \ goes on in the next one, and so does
everything between """ and """. Ctrl-C stops an answer and keeps the talk; Ctrl-D, or Ctrl-C
while you type, ends the program.
  /help             this text
  /reset            forgets the talk, but not the system message
  /system TEXT      sets the system message; without TEXT: shows it; /system "" removes it
  /save FILE        writes the talk as JSON messages
  /load FILE        goes on with such a talk
  /think on|off     lets the model think first, or not, if its template knows enable_thinking
  /timing on|off    a line with speeds after each answer
  /quit             ends the program
A message that begins with / is written with two.
)";

std::string indented(const ChatRequest &request) {
  using nlohmann::ordered_json;
  const ordered_json json = request.tools.is_null()
                                ? request.messages
                                : ordered_json{{"messages", request.messages}, {"tools", request.tools}};
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

void setThinking(ChatRequest &request, const std::string &think) {
  if (!think.empty())
    request.variables["enable_thinking"] = think == "on";
}

void printTiming(const Session &session, const Timing &timing) {
  const std::string schedule = session.schedule().name;
  std::fprintf(stderr,
               "[%s%s%s] prompt: %lld tokens, %lld of them kept; first token after %.1f ms; decode: %lld tokens, %.1f "
               "tok/s\n",
               session.deviceName().c_str(), schedule.empty() ? "" : ", schedule ", schedule.c_str(),
               static_cast<long long>(timing.promptTokens), static_cast<long long>(timing.keptTokens),
               timing.promptSeconds * 1e3, static_cast<long long>(timing.decodeTokens), timing.decodeTokensPerSecond());
}

StatusOr<ChatTemplates> readTemplates(const Session &session, const ChatArguments &chat) {
  const std::string &plan = session.plan().path();
  auto templates = ChatTemplates::parse(session.plan().chatJson());
  if (!templates.isOk())
    return templates.status().withPrefix(plan);
  if (!chat.templateFile.empty()) {
    CADENZA_ASSIGN_OR_RETURN(std::string source, readFile(chat.templateFile));
    templates->replace(std::move(source));
  }
  if (templates->empty())
    return Status(StatusCode::InvalidArgument,
                  plan + ": has no chat template: its model's directory has none (chat_template in " +
                      "tokenizer_config.json, or chat_template.jinja). Continue a text with --prompt, or give a " +
                      "template with --chat-template FILE");
  return templates;
}

/// Turns that are typed, or come one a line.
class Conversation {
public:
  Conversation(Session &session, Talk &talk, const ChatArguments &chat)
      : session_(session), talk_(talk), timing_(chat.timing) {}

  Status run() {
    if (editor_.isInteractive())
      std::fprintf(stderr, "%s on %s. /help says what there is beside talking; Ctrl-D ends.\n",
                   printable(session_.plan().program().model.name).c_str(), session_.deviceName().c_str());
    Status last; // of the last turn: the exit code where nobody reads messages
    while (const auto turn = readTurn()) {
      if (turn->empty())
        continue;
      if (turn->starts_with('/') && !turn->starts_with("//")) {
        if (!command(*turn))
          break;
        continue;
      }
      last = say(turn->substr(turn->starts_with("//") ? 1 : 0));
      if (last.code() == StatusCode::DeviceLost)
        return last;
    }
    if (editor_.isInteractive()) {
      std::puts("");
      return Status::ok();
    }
    return last.isOk() ? last : Status(last.code(), "the last turn failed: what was wrong is above");
  }

private:
  /// One message, of one line or several. Nothing at the end of the input.
  std::optional<std::string> readTurn() {
    constexpr std::string_view quotes = "\"\"\"";
    std::optional<std::string> line = editor_.read("> ");
    if (!line)
      return std::nullopt;
    std::string turn;
    bool quoted = line->starts_with(quotes);
    if (quoted)
      line->erase(0, quotes.size());
    while (true) {
      const bool ends = quoted ? line->ends_with(quotes) : !line->ends_with('\\');
      if (quoted && ends)
        line->resize(line->size() - quotes.size());
      else if (!quoted && !ends)
        line->pop_back();
      turn += *line;
      if (ends)
        return turn;
      turn += '\n';
      line = editor_.read("... ");
      if (!line)
        return turn;
    }
  }

  void complain(const Status &status) const {
    std::fprintf(stderr, "%s: %s\n", std::string(statusCodeName(status.code())).c_str(),
                 printable(status.message()).c_str());
  }

  Status say(const std::string &text) {
    talk_.say("user", text);
    const CancelOnSignal cancelOnSignal(session_);
    const StatusOr<Generation> result = talk_.answer();
    if (!result.isOk()) {
      talk_.takeBack();
      complain(result.status());
      return result.status();
    }
    const Status status = result->status();
    if (status.code() == StatusCode::CacheFull)
      complain(Status(status.code(), status.message() + "; /reset begins a new talk"));
    else if (!status.isOk())
      std::fputs("(stopped; the talk goes on)\n", stderr);
    if (timing_)
      printTiming(session_, result->timing);
    return status;
  }

  /// False: the end.
  bool command(const std::string &line) {
    const size_t space = line.find(' ');
    const std::string name = line.substr(0, space);
    std::string rest = space == std::string::npos ? ""
                                                  : line.substr(line.find_first_not_of(' ', space) == std::string::npos
                                                                    ? line.size()
                                                                    : line.find_first_not_of(' ', space));
    if (name == "/quit" || name == "/exit" || name == "/bye")
      return false;
    if (name == "/help" || name == "/?")
      std::fputs(help, stderr);
    else if (name == "/reset" || name == "/clear")
      reset();
    else if (name == "/system")
      system(rest);
    else if (name == "/save" || name == "/load")
      withFile(name, rest);
    else if ((name == "/think" || name == "/timing") && (rest == "on" || rest == "off"))
      name == "/think" ? setThinking(talk_.request, rest) : void(timing_ = rest == "on");
    else if (name == "/think" || name == "/timing")
      std::fprintf(stderr, "%s needs on or off\n", name.c_str());
    else
      std::fprintf(stderr, "there is no command %s here; /help lists them, // writes a message that begins with /\n",
                   printable(line).c_str());
    return true;
  }

  std::string systemMessage() const {
    const auto &messages = talk_.request.messages;
    return !messages.empty() && messages[0]["role"] == "system" && messages[0]["content"].is_string()
               ? messages[0]["content"].get<std::string>()
               : std::string();
  }

  void reset() {
    const std::string kept = systemMessage();
    talk_.request.messages.clear();
    talk_.setSystem(kept);
  }

  void system(const std::string &text) {
    if (text.empty())
      std::fprintf(stderr, "%s\n", printable(systemMessage().empty() ? "(none)" : systemMessage()).c_str());
    else
      talk_.setSystem(text == "\"\"" ? "" : text);
  }

  void withFile(const std::string &name, const std::string &path) {
    Status status = path.empty() ? Status(StatusCode::InvalidArgument, name + " needs the name of a file") : Status();
    if (status.isOk() && name == "/save")
      status = writeOutput(path, indented(talk_.request));
    else if (status.isOk())
      status = load(path);
    if (!status.isOk())
      complain(status);
    else
      std::fprintf(stderr, "%zu messages\n", talk_.request.messages.size());
  }

  Status load(const std::string &path) {
    CADENZA_ASSIGN_OR_RETURN(const std::string text, readFile(path));
    StatusOr<ChatRequest> loaded = parseTalk(text);
    if (!loaded.isOk())
      return loaded.status().withPrefix(path);
    loaded->variables = std::move(talk_.request.variables);
    talk_.request = std::move(*loaded);
    return Status::ok();
  }

  Session &session_;
  Talk &talk_;
  LineEditor editor_;
  bool timing_;
};

Status answerOnce(Session &session, Talk &talk, const ChatArguments &chat) {
  if (!chat.question.empty())
    talk.say("user", chat.question);
  const CancelOnSignal cancelOnSignal(session);
  CADENZA_ASSIGN_OR_RETURN(const Generation result, talk.answer());
  if (chat.timing)
    printTiming(session, result.timing);
  return result.status();
}

} // namespace

void declareChat(CLI::App &app, CLI::App &inputs, ChatArguments &chat) {
  CLI::Option *asked =
      inputs
          .add_option("--chat", chat.question,
                      "talk to the model by its chat template: answer this question, or, without one, turn by turn")
          ->expected(0, 1)
          ->type_name("[QUESTION]");
  app.add_option("--system", chat.system, "of a talk: the system message")
      ->needs(asked)
      ->each([&](const std::string &) { chat.systemGiven = true; });
  app.add_option("--messages", chat.messages,
                 "of a talk: go on with the messages of this JSON file ('-': standard input): a list of {\"role\", "
                 "\"content\"}, or an object with \"messages\" and \"tools\"")
      ->needs(asked);
  app.add_option("--think", chat.think, "of a talk: on or off: enable_thinking, for models that think first")
      ->needs(asked)
      ->check(CLI::IsMember({"on", "off"}));
  app.add_option("--chat-template", chat.templateFile, "of a talk: a file with the template, in place of the plan's")
      ->needs(asked);
  app.add_option("--reuse", chat.reuse,
                 "of a talk: which tokens of the turns before are not processed again: on (all), exact (not those that "
                 "the model wrote, so that the bits are those of off) or off")
      ->needs(asked)
      ->check(CLI::IsMember({"on", "exact", "off"}))
      ->capture_default_str();
  app.add_flag("--timing", chat.timing, "of a talk: a line with speeds after each answer")->needs(asked);
}

bool isInteractive(const ChatArguments &chat) { return chat.question.empty() && chat.messages.empty(); }

Status runChat(Session &session, const ChatArguments &chat, const GenerateOptions &generate) {
  CADENZA_ASSIGN_OR_RETURN(ChatTemplates templates, readTemplates(session, chat));
  GenerateOptions options = generate;
  options.reuse = chat.reuse == "on" ? PrefixReuse::On : chat.reuse == "exact" ? PrefixReuse::Exact : PrefixReuse::Off;
  Talk talk(session, std::move(templates), options);
  if (!chat.messages.empty()) {
    CADENZA_ASSIGN_OR_RETURN(const std::string text, readFile(chat.messages));
    auto loaded = parseTalk(text);
    if (!loaded.isOk())
      return loaded.status().withPrefix(chat.messages);
    talk.request = std::move(*loaded);
  }
  if (!chat.load.empty()) {
    CADENZA_ASSIGN_OR_RETURN(const std::string note, session.loadState(chat.load));
    auto loaded = parseTalk(note);
    if (!loaded.isOk())
      return Status(StatusCode::InvalidArgument,
                    chat.load + ": has no talk: it was not saved by --chat; use it with --prompt");
    talk.request = std::move(*loaded);
  }
  if (chat.systemGiven)
    talk.setSystem(chat.system);
  setThinking(talk.request, chat.think);
  printSampling(generate.sampling);
  const Status status = isInteractive(chat) ? Conversation(session, talk, chat).run() : answerOnce(session, talk, chat);
  if (chat.save.empty() || status.code() == StatusCode::DeviceLost)
    return status;
  const Status saved = session.saveState(chat.save, indented(talk.request));
  return status.isOk() ? saved : status;
}

} // namespace cadenza
