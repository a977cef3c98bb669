// HTTP/1.1 by libevent: one thread runs the loop, reads requests and writes replies. Limits of sizes and times are
// enforced before a handler sees a request.
#pragma once

#include "runtime/support/status.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace cadenza::serve {

struct HttpLimits {
  size_t headerBytes = size_t(64) << 10;
  size_t bodyBytes = size_t(16) << 20;
  int idleSeconds = 60; // of a connection on which nothing is read or written
};

struct HttpRequest {
  std::string method, path; // "POST", "/v1/completions": without query
  std::string body;
  std::string peer;                           // "127.0.0.1:41234"
  std::map<std::string, std::string> headers; // names in small letters

  std::string header(const std::string &name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

/// The reply to one request. Used on the loop's thread, but for `isConnected`. If it is dropped without one, a reply
/// with status 500 is sent.
class HttpReply {
public:
  using Headers = std::map<std::string, std::string>;
  virtual ~HttpReply() = default;
  virtual void send(int status, const std::string &contentType, std::string_view body, const Headers &more = {}) = 0;
  /// A reply in pieces: begin, write as often as wanted, end.
  virtual void begin(const std::string &contentType) = 0;
  virtual void write(std::string_view piece) = 0;
  virtual void end() = 0;
  virtual bool hasBegun() const = 0;
  /// Whether the client is still there. From any thread; a system call.
  virtual bool isConnected() const = 0;
};

class HttpServer {
public:
  using Handler = std::function<void(const HttpRequest &request, const std::shared_ptr<HttpReply> &reply)>;

  /// Port 0: any free one. Io if the address cannot be had.
  static StatusOr<std::unique_ptr<HttpServer>> listen(const std::string &host, uint16_t port, const HttpLimits &limits,
                                                      Handler handler);
  virtual ~HttpServer() = default;

  virtual uint16_t port() const = 0;
  /// Serves until `stop`.
  virtual void run() = 0;
  /// Calls it on the loop's thread, soon. From any thread.
  virtual void post(std::function<void()> work) = 0;
  /// No new connections; those that there are go on. On the loop's thread, as `stop`.
  virtual void stopListening() = 0;
  virtual void stop() = 0;
  /// Stops once the replies that were given have had time to go out.
  virtual void stopSoon() = 0;
  /// Called on the loop's thread at SIGINT and SIGTERM.
  virtual void onSignal(std::function<void()> work) = 0;
};

} // namespace cadenza::serve
