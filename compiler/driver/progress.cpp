#include "compiler/driver/progress.h"
#include "runtime/support/printable.h"

#include <cstdio>
#include <unistd.h>

using namespace cadenza;

Progress::Progress(bool quiet) : quiet(quiet), terminal(isatty(STDERR_FILENO)) {}

void Progress::clearLine() {
  if (terminal)
    std::fputs("\r\033[K", stderr);
}

void Progress::begin(std::string name) {
  finish();
  stage = std::move(name);
  stageStart = lastUpdate = Clock::now();
  if (!quiet && terminal)
    std::fprintf(stderr, "%s ...", stage.c_str());
}

void Progress::update(uint64_t done, uint64_t total, const char *unit) {
  auto now = Clock::now();
  if (quiet || total == 0 || now - lastUpdate < (terminal ? std::chrono::milliseconds(100) : std::chrono::seconds(10)))
    return;
  lastUpdate = now;
  constexpr int width = 30;
  double share = static_cast<double>(done) / static_cast<double>(total);
  if (terminal) {
    clearLine();
    std::string bar(static_cast<size_t>(share * width), '=');
    std::fprintf(stderr, "%s [%-*s] %3.0f %%  %.1f of %.1f %s", stage.c_str(), width, bar.c_str(), 100 * share,
                 static_cast<double>(done), static_cast<double>(total), unit);
  } else {
    std::fprintf(stderr, "%s: %3.0f %%\n", stage.c_str(), 100 * share);
  }
}

void Progress::finish() {
  if (!stage.empty() && !quiet) {
    clearLine();
    double seconds = std::chrono::duration<double>(Clock::now() - stageStart).count();
    std::fprintf(stderr, "%-32s %6.2f s\n", stage.c_str(), seconds);
  }
  stage.clear();
}

void Progress::warn(const std::string &text) {
  clearLine();
  std::fprintf(stderr, "warning: %s\n", printable(text).c_str());
}

void Progress::note(const std::string &text) {
  if (!quiet) {
    clearLine();
    std::fprintf(stderr, "%s\n", printable(text).c_str());
  }
}
