// Opening and closing plans, and what there is to know of them.
#include "runtime/library/session.h"

#include "runtime/decode/entry_choice.h"
#include "runtime/executor.h"
#include "runtime/library/memory.h"
#include "runtime/library/options.h"

#include <nlohmann/json.hpp>

namespace cadenza::library {
namespace {

using nlohmann::ordered_json;

std::string textOr(const char *text, const char *missing) { return text ? text : missing; }

ordered_json portsJson(const Program &program, const std::vector<Port> &ports) {
  ordered_json list = ordered_json::array();
  for (const Port &port : ports)
    list.push_back({{"name", port.name},
                    {"type", port.edge ? ordered_json(dtypeName(program.edges[*port.edge].dtype)) : ordered_json()},
                    {"shape", port.shape}});
  return list;
}

ordered_json decoderJson(const cadenza_session &session) {
  if (!session.decoder)
    return nullptr;
  const Decoder &decoder = *session.plan->program().decoder;
  return {{"family", decoder.family},
          {"vocabulary", decoder.vocabulary},
          {"context", session.decoder->context()},
          {"max_context", decoder.maxContext},
          {"eos_tokens", decoder.eosTokens},
          {"tokenizer", session.decoder->hasTokenizer()},
          {"chat_template", session.templates && !session.templates->empty()},
          {"logits", session.stepper.has_value()}};
}

std::string infoOf(const cadenza_session &session) {
  const Program &program = session.plan->program();
  ordered_json entries = ordered_json::array();
  for (const uint32_t index : tensorEntries(program)) {
    const Entry &entry = program.entries[index];
    entries.push_back({{"name", entry.name},
                       {"inputs", portsJson(program, entry.inputs)},
                       {"outputs", portsJson(program, entry.outputs)}});
  }
  const std::string schedule = session.decoder ? session.decoder->schedule().name : "";
  const ordered_json json = {{"path", session.plan->path()},
                             {"file_bytes", session.plan->fileBytes()},
                             {"model", program.model.name},
                             {"weights", program.model.weights},
                             {"device", session.decoder ? session.decoder->deviceName() : session.graphs->deviceName()},
                             {"schedule", schedule.empty() ? ordered_json() : ordered_json(schedule)},
                             {"notice", session.decoder ? session.decoder->notice() : session.graphs->notice()},
                             {"decoder", decoderJson(session)},
                             {"entries", std::move(entries)}};
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Status openDecoder(cadenza_session &session, const cadenza_open_options &options) {
  SessionOptions asked;
  asked.device = textOr(options.device, "auto");
  asked.schedule = textOr(options.schedule, "auto");
  asked.division = textOr(options.division, "");
  asked.context = options.context;
  asked.threads = options.threads;
  asked.logits = options.logits != 0;
  asked.prefill = options.prefill != 0;
  CADENZA_ASSIGN_OR_RETURN(session.decoder, Session::open(session.plan, asked));
  if (asked.logits)
    session.stepper.emplace(*session.decoder);
  auto templates = ChatTemplates::parse(session.plan->chatJson());
  if (templates.isOk())
    session.templates = std::move(*templates);
  else
    session.templatesError = templates.status().withPrefix(session.plan->path());
  return Status::ok();
}

StatusOr<std::unique_ptr<cadenza_session>> open(const std::string &path, const cadenza_open_options &options) {
  if (options.context < 0 || options.threads < 0)
    return Status(StatusCode::InvalidArgument, "cadenza_open_options: context " + std::to_string(options.context) +
                                                   " and threads " + std::to_string(options.threads) +
                                                   ": expected 0 or more");
  auto session = std::make_unique<cadenza_session>();
  CADENZA_ASSIGN_OR_RETURN(session->plan, Plan::open(path));
  session->graphOptions = {.device = textOr(options.device, "auto"),
                           .threads = options.threads,
                           .schedule = textOr(options.schedule, "auto")};
  if (session->plan->program().decoder) {
    CADENZA_RETURN_IF_ERROR(openDecoder(*session, options));
  } else {
    CADENZA_ASSIGN_OR_RETURN(session->graphs, TensorSession::open(session->plan, session->graphOptions));
  }
  session->info = infoOf(*session);
  return session;
}

void logOpened(const cadenza_session &session) {
  const std::string &path = session.plan->path();
  const std::string &notice = session.decoder ? session.decoder->notice() : session.graphs->notice();
  if (!notice.empty())
    log(CADENZA_LOG_WARNING, path + ": " + notice);
  log(CADENZA_LOG_INFO,
      path + ": opened on " + (session.decoder ? session.decoder->deviceName() : session.graphs->deviceName()));
}

Status noDecoder(const cadenza_session &session) {
  return {StatusCode::InvalidArgument, session.plan->path() + ": is no decoder: run it with cadenza_run_graph"};
}

} // namespace

StatusOr<Session *> decoderOf(cadenza_session &session) {
  return session.decoder ? StatusOr<Session *>(&*session.decoder) : noDecoder(session);
}

StatusOr<const Session *> decoderOf(const cadenza_session &session) {
  return session.decoder ? StatusOr<const Session *>(&*session.decoder) : noDecoder(session);
}

} // namespace cadenza::library

using namespace cadenza;
using namespace cadenza::library;

cadenza_status cadenza_open(const char *path, const cadenza_open_options *options, cadenza_session **session) {
  return guarded([&]() -> Status {
    CADENZA_REQUIRE(path);
    CADENZA_REQUIRE(session);
    CADENZA_ASSIGN_OR_RETURN(const cadenza_open_options asked, read(options, openDefaults, "cadenza_open_options"));
    CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<cadenza_session> opened, library::open(path, asked));
    logOpened(*opened);
    *session = opened.release();
    return Status::ok();
  });
}

cadenza_status cadenza_close(cadenza_session *session) {
  if (!session)
    return CADENZA_OK;
  if (session->busy.exchange(true, std::memory_order_acquire))
    return report(CADENZA_BUSY, "a call is using this session: it stays open");
  return guarded([&]() -> Status {
    delete session;
    return Status::ok();
  });
}

cadenza_status cadenza_info(const cadenza_session *session, char **json) {
  return guarded([&]() -> Status {
    CADENZA_REQUIRE(session);
    CADENZA_REQUIRE(json);
    *json = copyOf(session->info);
    return Status::ok();
  });
}

void cadenza_cancel(cadenza_session *session) {
  if (session && session->decoder && session->busy.load(std::memory_order_relaxed))
    session->decoder->requestCancel();
}
