#include "runtime/cpu/thread_pool.h"

#include "runtime/support/workers.h"

#include <algorithm>
#include <system_error>

namespace cadenza::cpu {

ThreadPool::ThreadPool(int threads) {
  const size_t count = threadCount(threads);
  workers_.reserve(count - 1);
  try {
    for (size_t i = 1; i < count; ++i)
      workers_.emplace_back([this] { work(); });
  } catch (const std::system_error &) { // NOLINT(bugprone-empty-catch)
    // The machine grants no more threads: the work is done by those that there are.
  }
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  epoch_.fetch_add(1);
  epoch_.notify_all();
  for (std::thread &worker : workers_)
    worker.join();
}

void ThreadPool::run(const Job &job) {
  // No worker reads these before the epoch changes, and none is left from the last job: run waited for all of them.
  job_ = job;
  nextChunk_ = 0;
  pending_ = static_cast<uint32_t>(workers_.size());
  epoch_.fetch_add(1);
  epoch_.notify_all();
  takeChunks();
  for (uint32_t left = pending_; left != 0; left = pending_)
    pending_.wait(left);
}

void ThreadPool::takeChunks() {
  for (;;) {
    int64_t begin = nextChunk_.fetch_add(job_.grain);
    if (begin >= job_.count)
      return;
    job_.call(job_.body, begin, std::min(begin + job_.grain, job_.count));
  }
}

void ThreadPool::work() {
  for (uint32_t seen = 0;; ++seen) { // every epoch is seen by every worker, because run waits
    epoch_.wait(seen);
    if (stopping_)
      return;
    takeChunks();
    if (pending_.fetch_sub(1) == 1)
      pending_.notify_one();
  }
}

} // namespace cadenza::cpu
