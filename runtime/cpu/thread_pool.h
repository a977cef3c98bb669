// A fixed set of threads for loops over rows and heads. Nothing is allocated after construction. Which thread takes
// which chunk depends on timing, so a loop body must give the same result wherever it runs: each output element is
// computed by one call, never summed across calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace cadenza::cpu {

class ThreadPool {
public:
  /// `threads` in all, the caller of parallelFor among them; 0: as many as there are cores.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(begin, end) for disjoint ranges of at most `grain` that cover [0, count), and returns when all are
  /// done.
  template <typename Body> void parallelFor(int64_t count, int64_t grain, const Body &body) {
    if (workers_.empty() || count <= grain) {
      if (count > 0)
        body(int64_t{0}, count);
      return;
    }
    run(Job{count, grain, &body,
            [](const void *erased, int64_t begin, int64_t end) { (*static_cast<const Body *>(erased))(begin, end); }});
  }

private:
  struct Job {
    int64_t count = 0;
    int64_t grain = 1;
    const void *body = nullptr;
    void (*call)(const void *body, int64_t begin, int64_t end) = nullptr;
  };
  void run(const Job &job);
  bool enter();
  void takeChunks();
  void work();

  std::vector<std::thread> workers_;
  Job job_;
  std::atomic<int64_t> nextChunk_{0};
  std::atomic<uint32_t> epoch_{0};       // counts jobs; workers wait for it to change
  std::atomic<uint32_t> inside_{closed}; // workers that take part in the current job; with `closed`: no more may
  static constexpr uint32_t closed = uint32_t{1} << 31;
  std::atomic<bool> stopping_{false};
};

} // namespace cadenza::cpu
