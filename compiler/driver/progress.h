// Progress of long work: a bar on a terminal, plain lines elsewhere. Goes to standard error, so that what a stage emits
// on standard output stays clean.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cadenza {

class Progress {
public:
  explicit Progress(bool quiet = false);
  ~Progress() { finish(); }
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// Starts a stage, "packing weights", and ends the one before, whose duration is printed.
  void begin(std::string stage);
  /// How far the stage is. On a terminal it redraws at most ten times a second; elsewhere it prints every ten seconds.
  void update(uint64_t done, uint64_t total, const char *unit);
  /// Ends the last stage.
  void finish();
  /// A line of its own, between stages or within one.
  void note(const std::string &text);
  /// "warning: TEXT", which quiet does not silence.
  void warn(const std::string &text);

private:
  using Clock = std::chrono::steady_clock;
  void clearLine();

  bool quiet;
  bool terminal;
  std::string stage;
  Clock::time_point stageStart, lastUpdate;
};

} // namespace cadenza
