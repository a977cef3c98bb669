#include "runtime/serve/http_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/thread.h>

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <csignal>
#include <cstring>
#include <mutex>
#include <poll.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

namespace cadenza::serve {
namespace {

template <auto release> struct Release {
  template <typename T> void operator()(T *object) const { release(object); }
};
using EventBase = std::unique_ptr<event_base, Release<event_base_free>>;
using Event = std::unique_ptr<event, Release<event_free>>;
using Http = std::unique_ptr<evhttp, Release<evhttp_free>>;
using Buffer = std::unique_ptr<evbuffer, Release<evbuffer_free>>;

std::string methodName(evhttp_cmd_type type) {
  switch (type) {
  case EVHTTP_REQ_GET:
    return "GET";
  case EVHTTP_REQ_HEAD:
    return "HEAD";
  case EVHTTP_REQ_POST:
    return "POST";
  case EVHTTP_REQ_PUT:
    return "PUT";
  case EVHTTP_REQ_DELETE:
    return "DELETE";
  case EVHTTP_REQ_OPTIONS:
    return "OPTIONS";
  default:
    return "?";
  }
}

class Reply final : public HttpReply {
public:
  explicit Reply(evhttp_request *request) : request_(request) {
    connection_ = evhttp_request_get_connection(request);
    descriptor_ = bufferevent_getfd(evhttp_connection_get_bufferevent(connection_));
    // libevent frees the request with its connection.
    evhttp_connection_set_closecb(
        connection_, [](evhttp_connection *, void *self) { static_cast<Reply *>(self)->forget(); }, this);
  }
  ~Reply() override {
    if (request_ != nullptr && !begun_)
      send(500, "text/plain", "", {});
    else if (request_ != nullptr)
      end();
  }

  void send(int status, const std::string &contentType, std::string_view body, const Headers &more) override {
    if (request_ == nullptr)
      return;
    evkeyvalq *headers = evhttp_request_get_output_headers(request_);
    evhttp_add_header(headers, "Content-Type", contentType.c_str());
    for (const auto &[name, value] : more)
      evhttp_add_header(headers, name.c_str(), value.c_str());
    const Buffer buffer(evbuffer_new());
    evbuffer_add(buffer.get(), body.data(), body.size());
    evhttp_send_reply(finish(), status, nullptr, buffer.get());
  }
  void begin(const std::string &contentType) override {
    if (request_ == nullptr || begun_)
      return;
    begun_ = true;
    evkeyvalq *headers = evhttp_request_get_output_headers(request_);
    evhttp_add_header(headers, "Content-Type", contentType.c_str());
    evhttp_add_header(headers, "Cache-Control", "no-cache");
    evhttp_send_reply_start(request_, 200, nullptr);
  }
  void write(std::string_view piece) override {
    if (request_ == nullptr || piece.empty())
      return;
    const Buffer buffer(evbuffer_new());
    evbuffer_add(buffer.get(), piece.data(), piece.size());
    evhttp_send_reply_chunk(request_, buffer.get());
  }
  void end() override {
    if (request_ != nullptr)
      evhttp_send_reply_end(finish());
  }
  bool hasBegun() const override { return begun_; }
  bool isConnected() const override {
    if (isGone_)
      return false;
    // A descriptor that is closed meanwhile, and another connection's by now, looks connected: until the next time.
    pollfd waits{descriptor_, POLLRDHUP, 0};
    return poll(&waits, 1, 0) == 0;
  }

private:
  void forget() {
    isGone_ = true;
    request_ = nullptr;
  }
  /// The request, which is libevent's from now on.
  evhttp_request *finish() {
    evhttp_connection_set_closecb(connection_, nullptr, nullptr);
    return std::exchange(request_, nullptr);
  }

  evhttp_request *request_;
  evhttp_connection *connection_;
  int descriptor_;
  bool begun_ = false;
  std::atomic<bool> isGone_ = false;
};

class Server final : public HttpServer {
public:
  Server(EventBase base, Http http, Handler handler)
      : base_(std::move(base)), handler_(std::move(handler)), http_(std::move(http)) {
    wake_.reset(event_new(
        base_.get(), -1, EV_PERSIST, [](int, short, void *self) { static_cast<Server *>(self)->work(); }, this));
    event_add(wake_.get(), nullptr);
    evhttp_set_gencb(
        http_.get(), [](evhttp_request *request, void *self) { static_cast<Server *>(self)->take(request); }, this);
  }

  Status bind(const std::string &host, uint16_t port) {
    errno = 0;
    socket_ = evhttp_bind_socket_with_handle(http_.get(), host.c_str(), port);
    if (socket_ == nullptr)
      return {StatusCode::Io, "cannot listen on " + host + ":" + std::to_string(port) + ": " +
                                  (errno != 0 ? std::strerror(errno) : "no address has this name")};
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    getsockname(evhttp_bound_socket_get_fd(socket_), reinterpret_cast<sockaddr *>(&address), &size);
    port_ = ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6 &>(address).sin6_port
                                                : reinterpret_cast<sockaddr_in &>(address).sin_port);
    return Status::ok();
  }

  uint16_t port() const override { return port_; }
  void run() override { event_base_loop(base_.get(), EVLOOP_NO_EXIT_ON_EMPTY); }
  void post(std::function<void()> work) override {
    {
      const std::lock_guard lock(mutex_);
      posted_.push_back(std::move(work));
      if (posted_.size() > 1)
        return; // the loop was woken for the first
    }
    event_active(wake_.get(), EV_READ, 0);
  }
  void stopListening() override {
    if (socket_ != nullptr)
      evhttp_del_accept_socket(http_.get(), std::exchange(socket_, nullptr));
  }
  void stop() override { event_base_loopbreak(base_.get()); }
  void stopSoon() override {
    const timeval time{.tv_sec = 0, .tv_usec = 200'000};
    event_base_loopexit(base_.get(), &time);
  }
  void onSignal(std::function<void()> work) override {
    signalled_ = std::move(work);
    for (const int number : {SIGINT, SIGTERM}) {
      signals_.emplace_back(evsignal_new(
          base_.get(), number, [](int, short, void *self) { static_cast<Server *>(self)->signalled_(); }, this));
      event_add(signals_.back().get(), nullptr);
    }
  }

private:
  void work() {
    std::vector<std::function<void()>> posted;
    {
      const std::lock_guard lock(mutex_);
      posted.swap(posted_);
    }
    for (const std::function<void()> &function : posted)
      function();
  }

  void take(evhttp_request *request) {
    HttpRequest taken;
    taken.method = methodName(evhttp_request_get_command(request));
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    taken.path = path == nullptr ? "" : path;
    evbuffer *body = evhttp_request_get_input_buffer(request);
    taken.body.resize(evbuffer_get_length(body));
    evbuffer_remove(body, taken.body.data(), taken.body.size());
    for (const evkeyval *header = evhttp_request_get_input_headers(request)->tqh_first; header != nullptr;
         header = header->next.tqe_next) {
      std::string name = header->key;
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
      taken.headers[name] = header->value;
    }
    char *address = nullptr;
    uint16_t port = 0;
    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address, &port);
    taken.peer = std::string(address == nullptr ? "?" : address) + ":" + std::to_string(port);
    handler_(taken, std::make_shared<Reply>(request));
  }

  EventBase base_;
  Event wake_;
  std::vector<Event> signals_;
  std::function<void()> signalled_;
  Handler handler_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  evhttp_bound_socket *socket_ = nullptr;
  uint16_t port_ = 0;
  Http http_; // last: its connections are closed first
};

} // namespace

StatusOr<std::unique_ptr<HttpServer>> HttpServer::listen(const std::string &host, uint16_t port,
                                                         const HttpLimits &limits, Handler handler) {
  std::signal(SIGPIPE, SIG_IGN); // a client that goes away is no reason to end
  evthread_use_pthreads();
  EventBase base(event_base_new());
  Http http(base ? evhttp_new(base.get()) : nullptr);
  if (!http)
    return Status(StatusCode::Io, "libevent finds no way to wait for sockets");
  evhttp_set_max_headers_size(http.get(), static_cast<ssize_t>(limits.headerBytes));
  evhttp_set_max_body_size(http.get(), static_cast<ssize_t>(limits.bodyBytes));
  evhttp_set_timeout(http.get(), limits.idleSeconds);
  evhttp_set_allowed_methods(http.get(), EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                             EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS);
  auto server = std::make_unique<Server>(std::move(base), std::move(http), std::move(handler));
  CADENZA_RETURN_IF_ERROR(server->bind(host, port));
  return std::unique_ptr<HttpServer>(std::move(server));
}

} // namespace cadenza::serve
