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
  // No worker reads these before it has entered, and none is left from the last job: run waited for those.
  job_ = job;
  nextChunk_ = 0;
  inside_ = 0;
  epoch_.fetch_add(1);
  epoch_.notify_all();
  takeChunks();
  // Workers that are still asleep are not waited for: on a busy machine that takes longer than the job.
  inside_.fetch_or(closed);
  for (uint32_t left = inside_; left != closed; left = inside_)
    inside_.wait(left);
}

bool ThreadPool::enter() {
  uint32_t inside = inside_;
  while ((inside & closed) == 0)
    if (inside_.compare_exchange_weak(inside, inside + 1))
      return true;
  return false;
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
  for (uint32_t seen = 0;;) {
    epoch_.wait(seen);
    seen = epoch_;
    if (stopping_)
      return;
    if (!enter())
      continue;
    takeChunks();
    if (inside_.fetch_sub(1) == closed + 1)
      inside_.notify_one();
  }
}

} // namespace cadenza::cpu
