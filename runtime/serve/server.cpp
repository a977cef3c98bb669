#include "runtime/serve/server.h"

#include "runtime/decode/sequence.h"
#include "runtime/decode/sequence_sampling.h"
#include "runtime/plan/plan.h"
#include "runtime/serve/answer.h"
#include "runtime/serve/api_request.h"
#include "runtime/serve/generation_queue.h"
#include "runtime/serve/metrics.h"
#include "runtime/support/printable.h"

#include <chrono>
#include <random>

namespace cadenza::serve {

extern const std::string_view chat_page; // chat_page.html

namespace {

using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
using ReplyPointer = std::shared_ptr<HttpReply>;

/// Takes as long whatever is wrong, so that nobody learns a key letter by letter.
bool isSame(std::string_view given, std::string_view key) {
  unsigned different = given.size() == key.size() ? 0 : 1;
  for (size_t i = 0; i < key.size(); ++i)
    different |= static_cast<unsigned char>(key[i]) ^ static_cast<unsigned char>(i < given.size() ? given[i] : 0);
  return different == 0;
}

int64_t secondsSince1970() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string randomId(const char *prefix) {
  static std::mt19937_64 random(std::random_device{}());
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(random()));
  return std::string(prefix) + text;
}

std::string dump(const ordered_json &json) { return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

/// `text` with U+FFFD for what is no UTF-8.
std::string validUtf8(const std::string &text) { return ordered_json::parse(dump(text)).get<std::string>(); }

ApiError notFound(const std::string &path) {
  return {.status = 404,
          .message = "there is no " + path +
                     " here, but /v1/chat/completions, /v1/completions, /v1/models, /tokenize, /detokenize, /health, " +
                     "/metrics and a page to chat at /",
          .param = {},
          .code = "not_found"};
}

class PlanServer final : public Server {
public:
  PlanServer(Session &session, ServerOptions options, ChatTemplates templates, ApiDefaults defaults)
      : session_(session), options_(std::move(options)), templates_(std::move(templates)),
        defaults_(std::move(defaults)) {
    if (options_.model.empty())
      options_.model = session.plan().program().model.name;
    endsTurn_ = session.specialToken(templates_.specialToken("eos_token"));
  }

  Status listen() {
    CADENZA_ASSIGN_OR_RETURN(http_, HttpServer::listen(options_.host, options_.port, options_.limits,
                                                       [this](const HttpRequest &request, const ReplyPointer &reply) {
                                                         take(request, reply);
                                                       }));
    queue_.emplace(session_, options_.queueLimit);
    return Status::ok();
  }

  uint16_t port() const override { return http_->port(); }

  void run() override {
    http_->onSignal([this] {
      if (std::exchange(isEnding_, true))
        return http_->stop();
      http_->stopListening();
      stopIfIdle();
    });
    http_->run();
  }

private:
  /// What is known of a request that is being answered.
  struct Call {
    std::string method, path, peer;
    Clock::time_point began = Clock::now();
    ReplyPointer reply;
  };
  using CallPointer = std::shared_ptr<Call>;

  void take(const HttpRequest &request, const ReplyPointer &reply) {
    const auto call = std::make_shared<Call>(Call{request.method, request.path, request.peer, Clock::now(), reply});
    if (const std::optional<ApiError> error = checkRequest(request))
      return fail(*call, *error);
    route(request, call);
  }

  /// What holds for all paths.
  std::optional<ApiError> checkRequest(const HttpRequest &request) const {
    const bool isOpen = request.path == "/" || request.path == "/health"; // neither says anything of the model
    if (!options_.apiKey.empty() && !isOpen && !isSame(request.header("authorization"), "Bearer " + options_.apiKey))
      return ApiError{.status = 401,
                      .type = "authentication_error",
                      .message = "the header 'Authorization: Bearer KEY' with this server's key is needed",
                      .param = {},
                      .code = "invalid_api_key"};
    // A page of another site may post anything but this type without being asked for permission.
    if (request.method == "POST" && !request.header("content-type").starts_with("application/json"))
      return ApiError{.status = 415,
                      .message = "the header 'Content-Type: application/json' is needed",
                      .param = {},
                      .code = "unsupported_media_type"};
    return std::nullopt;
  }

  void route(const HttpRequest &request, const CallPointer &call) {
    const std::string &path = request.path;
    const auto only = [&](const char *method) {
      const bool fits = request.method == method || (request.method == "HEAD" && std::string_view(method) == "GET");
      if (!fits)
        fail(*call, {.status = 405, .message = path + " takes " + method, .param = {}, .code = "method_not_allowed"});
      return fits;
    };
    if (path == "/health")
      return only("GET") ? health(*call) : void();
    if (path == "/metrics")
      return only("GET") ? sendText(*call, "text/plain; version=0.0.4", metrics_.text(queue_->waiting(), inFlight_ > 0))
                         : void();
    if (path == "/")
      return only("GET") ? sendText(*call, "text/html; charset=utf-8", std::string(chat_page)) : void();
    if (path == "/v1/models")
      return only("GET") ? send(*call, {{"object", "list"}, {"data", ordered_json::array({modelJson()})}}) : void();
    if (path.starts_with("/v1/models/"))
      return only("GET") ? model(*call, path.substr(std::string_view("/v1/models/").size())) : void();
    if (path == "/tokenize")
      return only("POST") ? tokenize(*call, request.body) : void();
    if (path == "/detokenize")
      return only("POST") ? detokenize(*call, request.body) : void();
    if (path == "/v1/chat/completions")
      return only("POST") ? generate(call, parseChatRequest(request.body, defaults_)) : void();
    if (path == "/v1/completions")
      return only("POST") ? generate(call, parseCompletionRequest(request.body, defaults_)) : void();
    if (path == "/v1/embeddings")
      return fail(*call, apiError({StatusCode::Unsupported, "this plan is of a decoder, which gives no embeddings"}));
    fail(*call, notFound(path));
  }

  // Small things

  void health(const Call &call) {
    if (isEnding_)
      return fail(call, ending());
    send(call, {{"status", "ok"}});
  }
  ordered_json modelJson() const {
    return {{"id", options_.model},
            {"object", "model"},
            {"created", started_},
            {"owned_by", "cadenza"},
            {"context_length", session_.context()}};
  }
  ApiError unknownModel(const std::string &name) const {
    return {.status = 404,
            .message = "there is no model '" + name + "' here, but '" + options_.model + "'",
            .param = "model",
            .code = "model_not_found"};
  }
  void model(const Call &call, const std::string &name) {
    return name == options_.model ? send(call, modelJson()) : fail(call, unknownModel(name));
  }
  void tokenize(const Call &call, std::string_view body) {
    const auto tokens = [&]() -> StatusOr<std::vector<int32_t>> {
      CADENZA_ASSIGN_OR_RETURN(const TokenizeRequest request, parseTokenizeRequest(body));
      return session_.tokenize(request.text, request.addSpecial);
    }();
    if (!tokens.isOk())
      return fail(call, apiError(tokens.status()));
    send(call, {{"tokens", *tokens}, {"count", tokens->size()}, {"max_model_len", session_.context()}});
  }
  void detokenize(const Call &call, std::string_view body) {
    const auto text = [&]() -> StatusOr<std::string> {
      CADENZA_ASSIGN_OR_RETURN(const std::vector<int32_t> tokens, parseDetokenizeRequest(body));
      return session_.detokenize(tokens);
    }();
    if (!text.isOk())
      return fail(call, apiError(text.status()));
    send(call, {{"content", *text}});
  }

  // Generation

  /// The tokens of a request, and in `thinks` whether an answer begins in the middle of thoughts.
  StatusOr<std::vector<int32_t>> promptOf(const ApiRequest &request, bool &thinks) const {
    std::vector<int32_t> prompt = request.promptTokens;
    if (request.isChat) {
      if (templates_.empty())
        return Status(StatusCode::Unsupported,
                      "this model has no chat template; continue texts with /v1/completions, or start the server with "
                      "--chat-template FILE");
      CADENZA_ASSIGN_OR_RETURN(const std::string text, templates_.render(request.chat));
      thinks = endsInThought(text) && !request.grammar;
      CADENZA_ASSIGN_OR_RETURN(prompt, session_.tokenize(text, /*addSpecialTokens=*/false));
    } else if (prompt.empty()) {
      CADENZA_ASSIGN_OR_RETURN(prompt, session_.tokenize(request.prompt));
    }
    const std::string field = request.isChat ? "messages: " : "prompt: ";
    if (prompt.empty())
      return Status(StatusCode::InvalidArgument, field + "has no token");
    for (const int32_t id : prompt)
      if (id >= session_.vocabulary())
        return Status(StatusCode::InvalidArgument, field + "token " + std::to_string(id) + " is not one of the " +
                                                       std::to_string(session_.vocabulary()) + " of the vocabulary");
    const auto tokens = static_cast<int64_t>(prompt.size());
    if (tokens >= session_.context())
      return Status(StatusCode::CacheFull, field + "has " + std::to_string(tokens) + " tokens; the context has " +
                                               std::to_string(session_.context()) + ", with the answer");
    return prompt;
  }

  void generate(const CallPointer &call, StatusOr<ApiRequest> parsed) {
    if (isEnding_)
      return fail(*call, ending());
    if (!parsed.isOk())
      return fail(*call, apiError(parsed.status()));
    ApiRequest &request = *parsed;
    if (!request.model.empty() && request.model != options_.model)
      return fail(*call, unknownModel(request.model));
    bool thinks = false;
    StatusOr<std::vector<int32_t>> prompt = promptOf(request, thinks);
    Status status = prompt.isOk() ? checkSampling(request.generate.sampling, session_.vocabulary()) : prompt.status();
    if (!status.isOk())
      return fail(*call, apiError(status));

    GenerateOptions options = std::move(request.generate);
    if (options.maxTokens == 0)
      options.maxTokens = session_.context();
    options.reuse = options_.reuse;
    if (request.isChat && endsTurn_ && !options.ignoreEos)
      options.stopTokens.push_back(*endsTurn_);
    const AnswerFacts facts{request.isChat, randomId(request.isChat ? "chatcmpl-" : "cmpl-"), options_.model,
                            secondsSince1970()};
    const auto texts = [this](int32_t token) {
      const std::string text = session_.tokenText(token);
      return TokenText{text, session_.tokenBytes(token).value_or(text)};
    };
    const auto answer = std::make_shared<Answer>(facts, call->reply, texts, request.streams, request.includesUsage,
                                                 options.logprobs.has_value(), toolNames(request.chat.tools), thinks);
    auto job = std::make_unique<Job>();
    job->prompt = std::move(*prompt);
    job->grammar = std::move(request.grammar);
    job->grammarText = std::move(request.grammarText);
    job->generate = std::move(options);
    enqueue(call, std::move(job), answer);
  }

  /// What the decoding thread tells goes to `answer` on the loop's thread.
  void enqueue(const CallPointer &call, std::unique_ptr<Job> job, const std::shared_ptr<Answer> &answer) {
    job->deadline = call->began + std::chrono::seconds(options_.seconds);
    job->isWanted = [reply = call->reply] { return reply->isConnected(); };
    job->onText = [this, answer](std::string_view text) {
      http_->post([answer, text = std::string(text)] { answer->addText(text); });
    };
    job->onLogprobs = [this, answer](const TokenLogprobs &logprobs) {
      http_->post([answer, logprobs] { answer->addLogprobs(logprobs); });
    };
    job->onEnd = [this, answer, call](StatusOr<Generation> result) {
      http_->post([this, answer, call, result = std::move(result)] { finish(*call, *answer, result); });
    };
    if (queue_->push(std::move(job)))
      ++inFlight_;
    else
      fail(*call,
           {.status = 429,
            .type = "rate_limit_error",
            .message = std::to_string(options_.queueLimit) + " requests are waiting already; try again later",
            .param = {},
            .code = "queue_full"},
           {{"Retry-After", "1"}});
  }

  void finish(const Call &call, Answer &answer, const StatusOr<Generation> &result) {
    const bool isGone = !call.reply->isConnected();
    const int status = answer.end(result);
    std::string what;
    if (result.isOk()) {
      metrics_.add(result->timing, result->tokens.size());
      char text[160];
      std::snprintf(text, sizeof(text), "%lld tokens of prompt (%lld kept), %zu generated, %.1f tok/s",
                    static_cast<long long>(result->timing.promptTokens),
                    static_cast<long long>(result->timing.keptTokens), result->tokens.size(),
                    result->timing.decodeTokensPerSecond());
      what = text;
    } else {
      what = result.status().message();
      if (result.status().code() == StatusCode::Cancelled)
        metrics_.countCancelled();
    }
    note(call, isGone && !result.isOk() ? 499 : status, what); // 499: nginx's number for clients that went away
    --inFlight_;
    stopIfIdle();
  }

  // Ends and replies

  static ApiError ending() {
    return {.status = 503, .type = "server_error", .message = "the server ends", .param = {}, .code = "server_ends"};
  }
  void stopIfIdle() {
    if (isEnding_ && inFlight_ == 0)
      http_->stopSoon();
  }

  void send(const Call &call, const ordered_json &json) { sendText(call, "application/json", dump(json)); }
  void sendText(const Call &call, const char *type, const std::string &text) {
    call.reply->send(200, type, text);
    note(call, 200, "");
  }
  void fail(const Call &call, const ApiError &error, const HttpReply::Headers &headers = {}) {
    call.reply->send(error.status, "application/json", error.json(), headers);
    note(call, error.status, error.message);
  }
  void note(const Call &call, int status, const std::string &what) {
    metrics_.countRequest(status);
    if (!options_.log)
      return;
    char times[40];
    std::snprintf(times, sizeof(times), " %d %.1f ms", status,
                  std::chrono::duration<double, std::milli>(Clock::now() - call.began).count());
    options_.log(printable(
        validUtf8(call.peer + " " + call.method + " " + call.path + times + (what.empty() ? "" : " " + what))));
  }

  Session &session_;
  ServerOptions options_;
  const ChatTemplates templates_;
  const ApiDefaults defaults_;
  const int64_t started_ = secondsSince1970();
  std::optional<int32_t> endsTurn_;
  bool isEnding_ = false;
  int64_t inFlight_ = 0; // generations that wait, run, or are about to be answered
  Metrics metrics_;
  std::unique_ptr<HttpServer> http_;
  std::optional<GenerationQueue> queue_; // last: what it still posts needs the others
};

} // namespace

StatusOr<std::unique_ptr<Server>> Server::start(Session &session, bool keepsLogits, ServerOptions options) {
  auto templates = ChatTemplates::parse(session.plan().chatJson());
  if (!templates.isOk())
    return templates.status().withPrefix(session.plan().path());
  if (!options.chatTemplate.empty())
    templates->replace(options.chatTemplate);
  CADENZA_ASSIGN_OR_RETURN(SamplingOptions sampling, session.samplingDefaults());
  auto server = std::make_unique<PlanServer>(session, std::move(options), std::move(*templates),
                                             ApiDefaults{std::move(sampling), keepsLogits});
  CADENZA_RETURN_IF_ERROR(server->listen());
  return std::unique_ptr<Server>(std::move(server));
}

} // namespace cadenza::serve
