// A plan behind OpenAI's API: docs/server.md.
#pragma once

#include "runtime/cadenza.h"
#include "runtime/chat/chat_template.h"
#include "runtime/serve/http_server.h"

#include <functional>
#include <memory>
#include <string>

namespace cadenza::serve {

struct ServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8080;
  std::string model;             // its name in the API; empty: the plan's
  std::string apiKey;            // empty: none is needed
  std::string chatTemplate = {}; // in place of those of the plan; empty: those
  size_t queueLimit = 64;        // generations that wait
  int64_t seconds = 600;         // that a request may take, with waiting
  PrefixReuse reuse = PrefixReuse::On;
  HttpLimits limits;
  std::function<void(const std::string &line)> log; // a line a request; null: none
};

class Server {
public:
  /// `session` is used by the server alone. Errors: Io if the address cannot be had; InvalidInput if the plan's chat
  /// templates or sampling defaults are damaged.
  static StatusOr<std::unique_ptr<Server>> start(Session &session, bool keepsLogits, ServerOptions options);
  virtual ~Server() = default;

  virtual uint16_t port() const = 0;
  /// Serves until SIGINT or SIGTERM; what runs and waits then is answered first, unless a second signal comes.
  virtual void run() = 0;
};

} // namespace cadenza::serve
