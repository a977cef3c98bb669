// The thread pool on its own.
#include "runtime/cpu/thread_pool.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

TEST(ThreadPool, CoversEachIndexOnce) {
  for (int threads : {1, 2, 5}) {
    cpu::ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int64_t count : {0, 1, 7, 64, 1000}) {
      for (int repeat = 0; repeat < 50; ++repeat) {
        std::vector<int> visits(count);
        pool.parallelFor(count, 3, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i)
            ++visits[i];
        });
        EXPECT_EQ(visits, std::vector<int>(count, 1));
      }
    }
  }
}

/// Jobs follow each other before workers have woken up: none may take part in a job that is over.
TEST(ThreadPool, WorkersThatComeLate) {
  cpu::ThreadPool pool(16);
  std::vector<int> written(64);
  for (int job = 0; job < 3000; ++job) {
    const int count = 2 + job % 63;
    pool.parallelFor(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        written[i] = job + static_cast<int>(i);
    });
    for (int i = 0; i < count; ++i)
      ASSERT_EQ(written[i], job + i);
  }
}

} // namespace
} // namespace cadenza
