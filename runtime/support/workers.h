// Threads that share work with the thread that starts them, as many as the system grants.
#pragma once

#include <algorithm>
#include <system_error>
#include <thread>
#include <vector>

namespace cadenza {

/// `threads`, or the number of cores where it is not positive.
inline size_t threadCount(int threads) {
  return threads > 0 ? static_cast<size_t>(threads) : std::max(1u, std::thread::hardware_concurrency());
}

/// Runs `work` in `threads` threads at once, the caller's among them, and waits for all. Each call of `work` takes
/// pieces from what they share until there is none left: where the system grants no more threads (ulimit -u) those that
/// there are do everything. `work` throws nothing.
template <typename Work> void runWorkers(size_t threads, const Work &work) {
  std::vector<std::jthread> others; // joined at the end
  try {
    for (size_t i = 1; i < threads; ++i)
      others.emplace_back([&work] { work(); });
  } catch (const std::system_error &) { // NOLINT(bugprone-empty-catch)
  }
  work();
}

} // namespace cadenza
