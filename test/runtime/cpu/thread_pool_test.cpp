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

} // namespace
} // namespace cadenza
