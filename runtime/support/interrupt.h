// Signals that end a program: SIGINT (Ctrl-C), SIGTERM, SIGHUP, and SIGXFSZ (a file beyond `ulimit -f`). A tool that
// was told endOnSignals ends with the exit code of Cancelled and leaves nothing behind. Nothing here allocates:
// handlers run in the middle of anything.
#pragma once

#include <string>
#include <sys/types.h>

namespace cadenza {

/// From now on such a signal removes what RemoveOnSignal names, prints one line and ends the program. A SIGHUP that
/// the program was started with as ignored (nohup) stays so. `tool`, which is printed, lives as long as the program.
void endOnSignals(const char *tool) noexcept;

/// Ends the program as a signal does.
[[noreturn]] void endForSignal(int signal) noexcept;

/// While it lives, the first signal calls `callback`, which must be async-signal-safe, instead of ending the program; a
/// second one ends it. SIGXFSZ always does. One at a time.
class OnSignal {
public:
  explicit OnSignal(void (*callback)());
  OnSignal(const OnSignal &) = delete;
  OnSignal &operator=(const OnSignal &) = delete;
  ~OnSignal();
};

/// A file that is removed if a signal ends the program while this lives. Of more than 256 at a time, and of a path that
/// is longer than the system's limit, the rest stays.
class RemoveOnSignal {
public:
  explicit RemoveOnSignal(const std::string &path);
  RemoveOnSignal(const RemoveOnSignal &) = delete;
  RemoveOnSignal &operator=(const RemoveOnSignal &) = delete;
  ~RemoveOnSignal();

private:
  int slot_; // -1: none was free
};

/// While it lives, a signal ends a child process instead of the program, and the program when this goes: for work whose
/// traces its own destructors remove. Declare it before them. One at a time.
class DeferSignals {
public:
  DeferSignals();
  DeferSignals(const DeferSignals &) = delete;
  DeferSignals &operator=(const DeferSignals &) = delete;
  ~DeferSignals();

  /// The process group of that number gets SIGTERM with the signal, or now if one came already. 0: none any more.
  void setChild(pid_t group);
};

} // namespace cadenza
