#include "runtime/library/session.h"

#include <mutex>

namespace {

struct Log {
  std::mutex mutex;
  cadenza_log_callback callback = nullptr;
  void *user = nullptr;
};

Log &theLog() {
  static auto *log = new Log; // other threads may still log while the process ends
  return *log;
}

} // namespace

void cadenza::library::log(cadenza_log_level level, const std::string &message) {
  Log &log = theLog();
  const std::lock_guard lock(log.mutex); // whoever replaced a callback may free what it used
  if (log.callback)
    log.callback(log.user, level, message.c_str());
}

void cadenza_set_log(cadenza_log_callback callback, void *user) {
  Log &log = theLog();
  const std::lock_guard lock(log.mutex);
  log.callback = callback;
  log.user = user;
}
