#include "runtime/support/interrupt.h"
#include "runtime/support/status.h"

#include <atomic>
#include <climits>
#include <csignal>
#include <cstring>
#include <unistd.h>

namespace cadenza {
namespace {

constexpr int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGXFSZ};

constexpr int slots = 256;
enum SlotState : int { Unused, Filling, Used };
char names[slots][PATH_MAX];
std::atomic<int> states[slots]; // a SlotState

const char *toolName = "cadenza";
std::atomic<void (*)()> onFirst{nullptr};
std::atomic<bool> deferred{false};
std::atomic<int> arrived{0}; // the signal that came while they were deferred
std::atomic<pid_t> child{0};
static_assert(std::atomic<void (*)()>::is_always_lock_free && std::atomic<int>::is_always_lock_free &&
                  std::atomic<bool>::is_always_lock_free,
              "signal handlers use them");

void print(const char *text) {
  if (write(STDERR_FILENO, text, std::strlen(text)) < 0)
    return; // there is nobody to tell
}

void endChild() {
  if (const pid_t group = child; group > 0)
    kill(-group, SIGTERM);
}

void handle(int signal) {
  if (signal != SIGXFSZ) {
    if (auto *callback = onFirst.exchange(nullptr))
      return callback();
    if (deferred) {
      arrived = signal;
      return endChild();
    }
  }
  endForSignal(signal);
}

} // namespace

void endForSignal(int signal) noexcept {
  for (int i = 0; i < slots; ++i)
    if (states[i] == Used)
      unlink(names[i]);
  print(toolName);
  print(signal == SIGXFSZ ? ": cancelled: a file grew beyond the limit that is set (ulimit -f)\n"
                          : ": cancelled: interrupted\n");
  _exit(static_cast<int>(StatusCode::Cancelled));
}

void endOnSignals(const char *tool) noexcept {
  toolName = tool;
  for (int signal : signals) {
    struct sigaction action = {};
    sigaction(signal, nullptr, &action);
    if (signal == SIGHUP && action.sa_handler == SIG_IGN) // nohup
      continue;
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

OnSignal::OnSignal(void (*callback)()) { onFirst = callback; }
OnSignal::~OnSignal() { onFirst = nullptr; }

RemoveOnSignal::RemoveOnSignal(const std::string &path) : slot_(-1) {
  if (path.size() >= PATH_MAX)
    return;
  for (int i = 0; i < slots; ++i) {
    int unused = Unused;
    if (!states[i].compare_exchange_strong(unused, Filling))
      continue;
    std::memcpy(names[i], path.c_str(), path.size() + 1);
    states[i] = Used;
    slot_ = i;
    return;
  }
}

RemoveOnSignal::~RemoveOnSignal() {
  if (slot_ >= 0)
    states[slot_] = Unused;
}

DeferSignals::DeferSignals() { deferred = true; }

DeferSignals::~DeferSignals() {
  deferred = false;
  if (const int signal = arrived.exchange(0))
    endForSignal(signal);
}

void DeferSignals::setChild(pid_t group) {
  child = group;
  if (arrived != 0)
    endChild();
}

} // namespace cadenza
