#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <unistd.h>
#include <utility>

namespace cadenza {

/// A line on standard error that says how much of a prompt is processed, if that is a terminal and it takes a while.
class PromptProgress {
public:
  explicit PromptProgress(size_t tokens) : tokens_(tokens) {}
  ~PromptProgress() { end(); }
  PromptProgress(const PromptProgress &) = delete;
  PromptProgress &operator=(const PromptProgress &) = delete;

  void show(int64_t done) {
    if (!isTerminal_ || Clock::now() - start_ < patience)
      return;
    std::fprintf(stderr, "\rprompt: %lld of %zu tokens", static_cast<long long>(done), tokens_);
    isShown_ = true;
  }
  /// Takes it away: something else is shown.
  void end() {
    if (std::exchange(isShown_, false))
      std::fputs("\r\033[K", stderr);
  }

private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds patience{500};
  const size_t tokens_;
  const Clock::time_point start_ = Clock::now();
  const bool isTerminal_ = isatty(STDERR_FILENO) != 0;
  bool isShown_ = false;
};

} // namespace cadenza
