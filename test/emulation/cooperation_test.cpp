// How the scheduler treats threads that work together: right kernels give one result under every seed, wrong ones are
// caught. Each mistake has its kernel: a test that could not fail would show nothing.
#include "test/emulation/driver_test.h"

#include <numeric>
#include <set>

namespace cadenza::emulation {
namespace {

class CooperationTest : public DriverTest {
protected:
  static constexpr unsigned blocks = 6, threads = 128;

  float runSum(const std::string &name) {
    std::vector<float> in(blocks * threads);
    std::iota(in.begin(), in.end(), 1.0f);
    SumArgs args{upload(in), allocate<float>(blocks), upload<float>({-1}), upload<uint32_t>({0})};
    EXPECT_EQ(launch(kernel(name), blocks, threads, args, 512), CUDA_SUCCESS);
    EXPECT_EQ(finish(), CUDA_SUCCESS);
    const auto partial = download(args.partial, blocks);
    const float out = download(args.out, 1)[0];
    EXPECT_EQ(download(args.counter, 1)[0], 0u); // reset for the next launch
    return out == -1 ? std::accumulate(partial.begin(), partial.end(), 0.0f) : out;
  }
  static constexpr float expected = blocks * threads * (blocks * threads + 1) / 2.0f;

  /// Launches a kernel on a page of words and expects the error and a message that names the reason.
  void expectFault(const std::string &name, CUresult code, const std::string &reason, unsigned gridBlocks = 2,
                   uint64_t value = 0, unsigned shared = 0, int seeds = 5) {
    for (int seed = 1; seed <= seeds; ++seed) {
      restartWithSeed(seed);
      WordArgs args{upload(std::vector<uint32_t>(1024)), value};
      const unsigned width = name.ends_with("_load") || name == "shared_overrun" || name == "trapping" ? 32 : 64;
      const CUresult launched = launch(kernel(name), gridBlocks, width, args, shared);
      ASSERT_EQ(launched, CUDA_SUCCESS); // a launch error is asynchronous
      EXPECT_EQ(finish(), code);
      EXPECT_NE(message().find(reason), std::string::npos) << message();
      EXPECT_NE(message().find("'" + name + "'"), std::string::npos) << message();
      size_t available, total;
      EXPECT_EQ(cuMemGetInfo_v2(&available, &total), code); // every later call says so
    }
  }
};

TEST_F(CooperationTest, ReductionIsTheSameUnderEverySeed) {
  for (int seed = 1; seed <= 50; ++seed) {
    restartWithSeed(seed);
    ASSERT_EQ(runSum("reduce"), expected) << seed;
  }
}

TEST_F(CooperationTest, MissingBarrierShows) {
  int wrong = 0;
  for (int seed = 1; seed <= 50; ++seed) {
    restartWithSeed(seed);
    wrong += runSum("reduce_without_barrier") != expected; // NaN counts: shared memory starts poisoned
  }
  EXPECT_GT(wrong, 40);
}

TEST_F(CooperationTest, LastArriverSumsAll) {
  for (int seed = 1; seed <= 50; ++seed) {
    restartWithSeed(seed);
    ASSERT_EQ(runSum("reduce_last_arriver"), expected) << seed;
    ASSERT_EQ(runSum("reduce_last_arriver"), expected) << seed;
  }
}

TEST_F(CooperationTest, WrongLastArriverShows) {
  int wrong = 0;
  for (int seed = 1; seed <= 50; ++seed) {
    restartWithSeed(seed);
    wrong += runSum("reduce_first_block") != expected;
  }
  EXPECT_GT(wrong, 20);
}

TEST_F(CooperationTest, SameSeedSameSchedule) {
  auto trace = [&](int seed) {
    restartWithSeed(seed);
    std::string text;
    for (int i = 0; i < 10; ++i)
      text += std::to_string(runSum("reduce_first_block")) + " ";
    return text;
  };
  std::set<std::string> different;
  for (int seed = 1; seed <= 10; ++seed) {
    const std::string first = trace(seed);
    EXPECT_EQ(first, trace(seed));
    different.insert(first);
  }
  EXPECT_GT(different.size(), 5u);
}

TEST_F(CooperationTest, ExitBeforeBarrier) {
  expectFault("exit_before_barrier", CUDA_ERROR_LAUNCH_FAILED, "block_barrier");
}
TEST_F(CooperationTest, ExitBeforeShuffle) { expectFault("exit_before_shuffle", CUDA_ERROR_LAUNCH_FAILED, "exited"); }
TEST_F(CooperationTest, DivergingCollectives) {
  expectFault("diverging_collectives", CUDA_ERROR_LAUNCH_FAILED, "divergence");
}
TEST_F(CooperationTest, BarrierInHalfAWarp) {
  expectFault("barrier_in_half_a_warp", CUDA_ERROR_LAUNCH_FAILED, "divergence");
}
TEST_F(CooperationTest, PollingForEver) {
  expectFault("poll_forever", CUDA_ERROR_LAUNCH_FAILED, "livelock", 1, 0, 0, 1);
}
TEST_F(CooperationTest, Trap) { expectFault("trapping", CUDA_ERROR_LAUNCH_FAILED, "trap"); }

// Addresses ----------------------------------------------------------------------------------------------------------

TEST_F(CooperationTest, MisalignedAccess) {
  expectFault("misaligned_load", CUDA_ERROR_MISALIGNED_ADDRESS, "16-byte access", 2, 8);
  expectFault("streaming_load", CUDA_ERROR_MISALIGNED_ADDRESS, "16-byte access", 2, 4);
}
TEST_F(CooperationTest, OutOfBounds) {
  expectFault("misaligned_load", CUDA_ERROR_ILLEGAL_ADDRESS, "outside every allocation", 2, 4096);
  expectFault("streaming_load", CUDA_ERROR_ILLEGAL_ADDRESS, "outside every allocation", 2, uint64_t(-16));
  expectFault("plain_load", CUDA_ERROR_ILLEGAL_ADDRESS, "an access to", 2, 4096);
  expectFault("plain_load", CUDA_ERROR_ILLEGAL_ADDRESS, "an access to", 2, uint64_t{1} << 40);
}
TEST_F(CooperationTest, SharedMemoryOverrun) {
  expectFault("shared_overrun", CUDA_ERROR_ILLEGAL_ADDRESS, "dynamic shared memory", 2, 256, 256);
}
TEST_F(CooperationTest, SharedAndDeviceMemoryStartPoisoned) {
  WordArgs args{allocate<uint32_t>(32), 0};
  EXPECT_EQ(download(args.words, 32), std::vector<uint32_t>(32, ~0u));
  ASSERT_EQ(launch(kernel("read_shared_poison"), 1, 32, args, 128), CUDA_SUCCESS);
  ASSERT_EQ(finish(), CUDA_SUCCESS);
  EXPECT_EQ(download(args.words, 32), std::vector<uint32_t>(32, ~0u));
}

// Blocks that wait for each other ------------------------------------------------------------------------------------

TEST_F(CooperationTest, GridBarrierNeedsACooperativeLaunch) {
  int failed = 0;
  for (int seed = 1; seed <= 10; ++seed) {
    restartWithSeed(seed);
    WordArgs args{upload(std::vector<uint32_t>(64)), 0};
    ASSERT_EQ(launch(kernel("grid_barrier"), 16, 64, args, 0, {attribute(CU_LAUNCH_ATTRIBUTE_COOPERATIVE)}),
              CUDA_SUCCESS);
    ASSERT_EQ(finish(), CUDA_SUCCESS);
    EXPECT_EQ(download(args.words, 17), std::vector<uint32_t>(17, 16));
    WordArgs again{upload(std::vector<uint32_t>(64)), 0};
    ASSERT_EQ(launch(kernel("grid_barrier"), 16, 64, again), CUDA_SUCCESS);
    failed += finish() != CUDA_SUCCESS;
  }
  EXPECT_GT(failed, 3);
}

TEST_F(CooperationTest, CooperativeLaunchTooLarge) {
  restart({{"CADENZA_EMULATED_SMS", "2"}});
  int perSm = 0;
  ASSERT_EQ(cuOccupancyMaxActiveBlocksPerMultiprocessor(&perSm, kernel("grid_barrier"), 256, 100), CUDA_SUCCESS);
  ASSERT_GT(perSm, 0);
  WordArgs args{upload(std::vector<uint32_t>(64)), 0};
  EXPECT_EQ(launch(kernel("grid_barrier"), 2 * perSm + 1, 256, args, 100, {attribute(CU_LAUNCH_ATTRIBUTE_COOPERATIVE)}),
            CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  EXPECT_EQ(launch(kernel("grid_barrier"), 2 * perSm, 256, args, 100, {attribute(CU_LAUNCH_ATTRIBUTE_COOPERATIVE)}),
            CUDA_SUCCESS);
  EXPECT_EQ(finish(), CUDA_SUCCESS);
}

// Dependent launches -------------------------------------------------------------------------------------------------

class DependentTest : public CooperationTest {
protected:
  /// Produces and consumes three times in a row; whether every consumer saw its producer's values.
  bool run(const std::string &consumer, bool programmatic) {
    constexpr unsigned words = blocks * threads;
    std::vector<CUlaunchAttribute> attributes;
    if (programmatic)
      attributes.push_back(attribute(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION));
    WordArgs produce{upload(std::vector<uint32_t>(words)), 0};
    std::vector<uint32_t *> outs;
    for (uint32_t round = 1; round <= 3; ++round) {
      produce.value = round;
      outs.push_back(allocate<uint32_t>(words));
      EXPECT_EQ(launch(kernel("produce"), blocks, threads, produce, 0, attributes), CUDA_SUCCESS);
      EXPECT_EQ(launch(kernel(consumer), blocks, threads, ConsumeArgs{produce.words, outs.back()}, 0, attributes),
                CUDA_SUCCESS);
    }
    EXPECT_EQ(finish(), CUDA_SUCCESS);
    bool right = true;
    for (uint32_t round = 1; round <= 3; ++round)
      right = right && download(outs[round - 1], words) == std::vector<uint32_t>(words, round);
    return right;
  }
};

TEST_F(DependentTest, WaitingDependentsSeeEverything) {
  for (int seed = 1; seed <= 50; ++seed) {
    restartWithSeed(seed);
    ASSERT_TRUE(run("consume", true)) << seed;
  }
}
TEST_F(DependentTest, MissingWaitShows) {
  int wrong = 0;
  for (int seed = 1; seed <= 50; ++seed) {
    restartWithSeed(seed);
    wrong += !run("consume_without_wait", true);
  }
  EXPECT_GT(wrong, 15);
}
TEST_F(DependentTest, OrdinaryLaunchesDoNotOverlap) {
  for (int seed = 1; seed <= 20; ++seed) {
    restartWithSeed(seed);
    ASSERT_TRUE(run("consume_without_wait", false)) << seed;
  }
}
TEST_F(DependentTest, OlderDevicesRefuseTheAttribute) {
  restart({{"CADENZA_EMULATED_CAPABILITY", "8.0"}});
  WordArgs args{allocate<uint32_t>(256), 0};
  EXPECT_EQ(
      launch(kernel("produce"), 1, 256, args, 0, {attribute(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION)}),
      CUDA_ERROR_NOT_SUPPORTED);
}

} // namespace
} // namespace cadenza::emulation
