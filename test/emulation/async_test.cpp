// The mechanisms of persistent kernels: right kernels give the reference's words under every seed, each mistake shows.
#include "test/emulation/async_reference.h"
#include "test/emulation/driver_test.h"

namespace cadenza::emulation {
namespace {

class AsyncTest : public DriverTest {
protected:
  static constexpr uint64_t patience = 3'000'000'000; // limit of a wait, in ns

  /// A fresh device for one seed.
  void device(int seed, const std::string &capability = "9.0", int sms = 4) {
    restart({{"CADENZA_EMULATION_SEED", std::to_string(seed)},
             {"CADENZA_EMULATED_CAPABILITY", capability},
             {"CADENZA_EMULATED_SMS", std::to_string(sms)}});
  }
  struct Run {
    std::string kernel, file = "async";
    uint32_t blocks, threads, shared = 0, clusterBlocks = 1;
    uint64_t steps, outWords;
    Words weights = {0};
    uint64_t slotBytes = 16, firstEpoch = 1, limitNs = patience;
    uint32_t firstWord = ~0u; // of out
  };
  /// Launches cooperatively; the words of out, or none after an error, which `error` then holds.
  Words execute(const Run &run) {
    AsyncArgs args{upload(run.weights),
                   upload(Words(run.outWords, run.firstWord)),
                   allocate<unsigned char>(run.slotBytes),
                   nullptr,
                   run.steps,
                   run.firstEpoch,
                   run.limitNs};
    EXPECT_EQ(cuMemsetD32_v2(reinterpret_cast<CUdeviceptr>(args.slots), 0, run.slotBytes / 4), CUDA_SUCCESS);
    void *host = nullptr;
    EXPECT_EQ(cuMemHostAlloc(&host, 16, 2 /* mapped */), CUDA_SUCCESS);
    diagnosis_ = static_cast<uint32_t *>(host);
    std::fill_n(diagnosis_, 4, 0u);
    CUdeviceptr mapped = 0;
    EXPECT_EQ(cuMemHostGetDevicePointer_v2(&mapped, host, 0), CUDA_SUCCESS);
    args.diagnosis = reinterpret_cast<uint32_t *>(mapped);
    std::vector<CUlaunchAttribute> attributes{attribute(CU_LAUNCH_ATTRIBUTE_COOPERATIVE)};
    if (run.clusterBlocks > 1) {
      attributes.push_back(attribute(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION));
      attributes.back().value.clusterDim = {run.clusterBlocks, 1, 1};
    }
    error_ = launch(kernel(run.kernel, run.file), run.blocks, run.threads, args, run.shared, attributes);
    EXPECT_EQ(error_, CUDA_SUCCESS) << run.kernel;
    if (error_ == CUDA_SUCCESS)
      error_ = finish();
    return error_ == CUDA_SUCCESS ? download(args.out, run.outWords) : Words{};
  }
  /// How many of `seeds` seeds give something else than `expected`, faults included.
  int wrong(const Run &run, const Words &expected, int seeds, const std::string &capability = "9.0", int sms = 4) {
    int count = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
      device(seed, capability, sms);
      count += execute(run) != expected;
    }
    return count;
  }

  CUresult error_ = CUDA_SUCCESS;
  uint32_t *diagnosis_ = nullptr;
};

// Ring ----------------------------------------------------------------------------------------------------------------

class RingTest : public AsyncTest, public testing::WithParamInterface<const char *> {
protected:
  static constexpr uint32_t blocks = 3, consumers = 64;
  static constexpr uint64_t steps = 20;
  const Words weights = testWeights(blocks * steps * stageWords);
  const Words expected = ringReference(weights, blocks, consumers, steps);
  int wrongRuns(const std::string &name) {
    return wrong({.kernel = name,
                  .blocks = blocks,
                  .threads = consumers + 32,
                  .shared = ringShared,
                  .steps = steps,
                  .outWords = expected.size(),
                  .weights = weights},
                 expected, 40, GetParam());
  }
};
TEST_P(RingTest, StreamsUnderEverySeed) { EXPECT_EQ(wrongRuns("ring"), 0) << message(); }
TEST_P(RingTest, MissingWaitForFullShows) { EXPECT_GT(wrongRuns("ring_without_full_wait"), 35); }
TEST_P(RingTest, MissingWaitForEmptyShows) { EXPECT_GT(wrongRuns("ring_without_empty_wait"), 35); }
TEST_P(RingTest, EarlyReleaseShows) { EXPECT_GT(wrongRuns("ring_released_early"), 25); }
TEST_P(RingTest, Pieces) {
  Words expected(32 * 4, 7);
  for (int lane = 0; lane < 24; ++lane) // words 4 to 7 of piece 23 - lane
    for (int i = 0; i < 4; ++i)
      expected[4 * lane + i] = weights[(23 - lane) * 16 + 4 + i];
  const Run run{.kernel = "pieces",
                .blocks = 1,
                .threads = 64,
                .shared = 16 + 24 * 64,
                .steps = 1,
                .outWords = expected.size(),
                .weights = weights};
  EXPECT_EQ(wrong(run, expected, 20, GetParam()), 0) << message();
}
INSTANTIATE_TEST_SUITE_P(BulkCopiesAndCpAsync, RingTest, testing::Values("9.0", "8.0"),
                         [](const auto &info) { return info.param[0] == '9' ? "sm_90" : "sm_80"; });

// Packets -------------------------------------------------------------------------------------------------------------

class ExchangeTest : public AsyncTest {
protected:
  static constexpr uint32_t blocks = 4;
  static constexpr uint64_t steps = 8;
  int wrongRuns(const std::string &name, int seeds) {
    return wrong({.kernel = name,
                  .blocks = blocks,
                  .threads = 64,
                  .shared = blocks * packetsABlock * 4,
                  .steps = steps,
                  .outWords = blocks * packetsABlock,
                  .slotBytes = 2 * blocks * packetsABlock * 16,
                  .firstEpoch = 41,
                  .limitNs = 20'000'000},
                 exchangeReference(blocks, steps, 41), seeds);
  }
};
TEST_F(ExchangeTest, AgreesUnderEverySeed) { EXPECT_EQ(wrongRuns("exchange", 50), 0) << message(); }
TEST_F(ExchangeTest, SlotReusedTooEarlyShows) { EXPECT_GT(wrongRuns("exchange_one_slot", 30), 20); }
TEST_F(ExchangeTest, MissingBlockBarrierShows) { EXPECT_GT(wrongRuns("exchange_without_barrier", 30), 15); }
TEST_F(ExchangeTest, WatchdogSaysWhoWaitsForWhat) {
  device(3);
  for (int seed = 3; error_ == CUDA_SUCCESS; ++seed) {
    ASSERT_LT(seed, 30);
    device(seed);
    execute({.kernel = "exchange_one_slot",
             .blocks = blocks,
             .threads = 64,
             .shared = 1024,
             .steps = steps,
             .outWords = blocks * packetsABlock,
             .slotBytes = 1024,
             .limitNs = 2'000'000});
  }
  EXPECT_EQ(error_, CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_NE(message().find("trap"), std::string::npos) << message();
  EXPECT_EQ(diagnosis_[0], 3u);
  EXPECT_LT(diagnosis_[1], blocks);
}

TEST_F(AsyncTest, AcquireAndRelease) {
  for (int seed = 1; seed <= 20; ++seed) {
    device(seed);
    // out[0] counts turns from 0; the word begins as 1.
    AsyncArgs args{nullptr, upload<uint32_t>({0, 1}), nullptr, nullptr, 5, 0, 0};
    ASSERT_EQ(launch(kernel("turns", "async"), 4, 32, args, 0, {attribute(CU_LAUNCH_ATTRIBUTE_COOPERATIVE)}),
              CUDA_SUCCESS);
    ASSERT_EQ(finish(), CUDA_SUCCESS) << message();
    ASSERT_EQ(download(args.out, 2), turnsReference(4, 5));
  }
}

TEST_F(AsyncTest, NamedBarriers) {
  EXPECT_EQ(wrong({.kernel = "named_barriers", .blocks = 4, .threads = 128, .shared = 8, .steps = 20, .outWords = 8},
                  namedBarriersReference(4, 20), 30),
            0)
      << message();
  EXPECT_EQ(diagnosis_[0], 4u * 128 / 128);
}

// Clusters ------------------------------------------------------------------------------------------------------------

class ClusterTest : public AsyncTest {
protected:
  static constexpr uint64_t steps = 7;
  Run hops(const std::string &name, uint32_t blocks, uint32_t ranks) {
    return {.kernel = name,
            .file = "cluster",
            .blocks = blocks,
            .threads = 64,
            .shared = hopShared,
            .clusterBlocks = ranks,
            .steps = steps,
            .outWords = blocks * 64,
            .limitNs = 2'000'000};
  }
};
TEST_F(ClusterTest, HopsOfEveryClusterSize) {
  for (uint32_t ranks : {2, 4, 8})
    EXPECT_EQ(wrong(hops("hops", 8, ranks), hopsReference(8, ranks, steps), 15, "9.0", 8), 0) << ranks << message();
}
TEST_F(ClusterTest, MissingWaitShows) {
  EXPECT_GT(wrong(hops("hops_without_wait", 4, 4), hopsReference(4, 4, steps), 30), 25);
}
TEST_F(ClusterTest, BufferReusedTooEarlyShows) {
  EXPECT_GT(wrong(hops("hops_one_buffer", 4, 4), hopsReference(4, 4, steps), 30), 20);
}
TEST_F(ClusterTest, MissingFirstClusterBarrierShows) {
  EXPECT_GT(wrong(hops("hops_uninitialised", 4, 4), hopsReference(4, 4, steps), 30), 20);
  EXPECT_NE(message().find("no mbarrier has been initialised"), std::string::npos) << message();
}
TEST_F(ClusterTest, RemoteArrivals) {
  EXPECT_EQ(wrong({.kernel = "remote_arrivals",
                   .file = "cluster",
                   .blocks = 8,
                   .threads = 32,
                   .shared = 128,
                   .clusterBlocks = 4,
                   .steps = 10,
                   .outWords = 8},
                  remoteArrivalsReference(8, 4, 10), 30, "9.0", 8),
            0)
      << message();
}
TEST_F(ClusterTest, PersistentKernelInSmall) {
  for (const auto &[blocks, ranks] : {std::pair{4u, 2u}, {8u, 4u}, {16u, 8u}}) {
    const Words weights = testWeights(uint64_t{layerCount} * (blocks + 1) * stageWords);
    EXPECT_EQ(wrong({.kernel = "persistent",
                     .file = "cluster",
                     .blocks = blocks,
                     .threads = 96,
                     .shared = persistentShared,
                     .clusterBlocks = ranks,
                     .steps = 4,
                     .outWords = blocks * ranks * segmentWords,
                     .weights = weights,
                     .slotBytes = uint64_t{layerCount} * 2 * blocks * segmentWords * 16,
                     .firstEpoch = 7},
                    persistentReference(weights, blocks, ranks, 4), 10, "9.0", 16),
              0)
        << blocks << " blocks: " << message();
  }
}

// Waits that never end ------------------------------------------------------------------------------------------------

TEST_F(AsyncTest, DeadlockNamesTheBarrier) {
  for (int seed = 1; seed <= 5; ++seed) {
    device(seed);
    execute({.kernel = "wait_forever", .blocks = 1, .threads = 64, .shared = 128, .steps = 1, .outWords = 1});
    EXPECT_EQ(error_, CUDA_ERROR_LAUNCH_FAILED);
    EXPECT_NE(message().find("deadlock"), std::string::npos) << message();
    EXPECT_NE(message().find("wait for parity 0 of the mbarrier at shared memory + 0x40 of block 0 (phase 0, 1 of 2 "
                             "arrivals and 0 bytes to come)"),
              std::string::npos)
        << message();
  }
}
TEST_F(AsyncTest, WatchdogActsBeforeTheDeadlockIsReported) {
  device(1);
  execute({.kernel = "wait_with_watchdog", .blocks = 2, .threads = 64, .shared = 128, .steps = 1, .outWords = 1});
  EXPECT_EQ(error_, CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_EQ(diagnosis_[0], 4u);
  EXPECT_NE(message().find("trap\nafter a deadlock"), std::string::npos) << message();
  EXPECT_NE(message().find("shared memory + 0x40"), std::string::npos) << message();
}
TEST_F(AsyncTest, WatchdogOfAPoll) {
  device(1);
  execute(
      {.kernel = "poll_with_watchdog", .blocks = 2, .threads = 64, .steps = 1, .outWords = 1, .limitNs = 1'000'000});
  EXPECT_EQ(error_, CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_EQ(diagnosis_[0], 5u);
}
TEST_F(AsyncTest, PollWithoutEndIsALivelock) {
  device(1);
  execute(
      {.kernel = "poll_with_watchdog", .blocks = 1, .threads = 32, .steps = 1, .outWords = 1, .limitNs = 0xffffffff});
  EXPECT_EQ(error_, CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_NE(message().find("livelock"), std::string::npos) << message();
  EXPECT_NE(message().find("poll 0x"), std::string::npos) << message();
}

// Undefined uses ------------------------------------------------------------------------------------------------------

struct FaultCase {
  const char *kernel;
  CUresult code;
  const char *reason;
  uint64_t value = 0;
  uint32_t clusterBlocks = 1;
  int seeds = 10; // of ten, under which it shows at least
};
class AsyncFaultTest : public DriverTest, public testing::WithParamInterface<FaultCase> {};

TEST_P(AsyncFaultTest, IsNamed) {
  const FaultCase &fault = GetParam();
  int shown = 0;
  for (int seed = 1; seed <= 10; ++seed) {
    restartWithSeed(seed);
    struct {
      unsigned char *source;
      uint64_t value;
    } args{allocate<unsigned char>(4096), fault.value};
    std::vector<CUlaunchAttribute> attributes{attribute(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)};
    attributes.back().value.clusterDim = {fault.clusterBlocks, 1, 1};
    ASSERT_EQ(launch(kernel(fault.kernel, "async_faults"), fault.clusterBlocks, 64, args, 1024, attributes),
              CUDA_SUCCESS);
    const CUresult result = finish();
    if (result == CUDA_SUCCESS && fault.seeds < 10)
      continue;
    ++shown;
    EXPECT_EQ(result, fault.code) << seed;
    EXPECT_NE(message().find(fault.reason), std::string::npos) << seed << ": " << message();
  }
  EXPECT_GE(shown, fault.seeds);
}

constexpr CUresult failed = CUDA_ERROR_LAUNCH_FAILED, misaligned = CUDA_ERROR_MISALIGNED_ADDRESS,
                   illegal = CUDA_ERROR_ILLEGAL_ADDRESS;
INSTANTIATE_TEST_SUITE_P(
    Kernels, AsyncFaultTest,
    testing::Values(FaultCase{"too_many_arrivals", failed, "more arrivals in one phase than 2"},
                    FaultCase{"more_bytes_than_expected", failed, "and -16 bytes to come", 0, 2},
                    FaultCase{"more_bytes_than_expected", CUDA_ERROR_ILLEGAL_INSTRUCTION, "a launch without clusters",
                              1},
                    FaultCase{"fewer_bytes_than_expected", failed, "0 of 1 arrivals and 32 bytes to come", 32},
                    FaultCase{"overtaken_waiter", failed, "wait for parity 0 of the mbarrier at shared memory + 0x0"},
                    FaultCase{"no_such_barrier", failed, "no mbarrier has been initialised"},
                    FaultCase{"overwritten_barrier", failed, "overwritten the mbarrier at shared memory + 0x8"},
                    FaultCase{"initialised_twice", failed, "which is in use"},
                    FaultCase{"bad_copy", misaligned, "16-byte aligned", 0},
                    FaultCase{"bad_copy", misaligned, "16-byte aligned", 1},
                    FaultCase{"bad_copy", misaligned, "a size of 120 bytes", 2},
                    FaultCase{"bad_copy", illegal, "not in one allocation", 3},
                    FaultCase{"bad_copy", illegal, "not in this block's shared memory", 4},
                    FaultCase{"overlapping_copies", failed, "still being written by an earlier copy", 0, 1, 5},
                    FaultCase{"exit_during_copy", failed, "in flight", 0, 1, 4},
                    FaultCase{"barrier_elsewhere", failed, "in different blocks", 0, 2},
                    FaultCase{"send_to_exited", failed, "", 0, 2, 5},
                    FaultCase{"rank_outside_cluster", failed, "rank 2 in a cluster of 2", 0, 2},
                    FaultCase{"cluster_wait_alone", failed, "without cluster_barrier_arrive"},
                    FaultCase{"cluster_arrive_twice", failed, "twice without"},
                    FaultCase{"named_barrier_disagreement", failed, "named_barrier 3"},
                    FaultCase{"named_barrier_too_few", failed, "wait at named_barrier 7"}),
    [](const auto &info) { return std::string(info.param.kernel) + std::to_string(info.param.value); });

TEST_F(AsyncTest, OlderDevicesHaveNoClusters) {
  device(1, "8.0");
  AsyncArgs args{};
  ASSERT_EQ(launch(kernel("remote_arrivals", "cluster"), 1, 32, args, 128), CUDA_SUCCESS);
  EXPECT_EQ(finish(), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_NE(message().find("needs sm_90 or later"), std::string::npos) << message();
}

} // namespace
} // namespace cadenza::emulation
