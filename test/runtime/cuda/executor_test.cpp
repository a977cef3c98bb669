#include "runtime/cuda/executor.h"
#include "runtime/decode/rope_table.h"
#include "test/runtime/cuda/emulator.h"
#include "test/runtime/cuda/toy_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

namespace cadenza {
namespace {

using test::resetEmulator;
using test::ToyPlan;
using test::ToyReference;

struct Way {
  const char *name;
  Schedule schedule;
  GraphOptions graph = {};
};
std::ostream &operator<<(std::ostream &out, const Way &way) { return out << way.name; }

/// Every schedule that has phases; the toy step has no persistent one.
class CudaExecutorTest : public ::testing::TestWithParam<Way> {
protected:
  void SetUp() override { resetEmulator(); }
  ToyPlan plan{test::readImage(CADENZA_TOY_KERNELS)};

  StatusOr<std::unique_ptr<cuda::CudaExecutor>> tryMake(ExecutorOptions options, int ordinal = 0) {
    options.schedule = GetParam().schedule;
    options.graph = GetParam().graph;
    return cuda::CudaExecutor::make(plan, options, ordinal);
  }
  std::unique_ptr<cuda::CudaExecutor> make(ExecutorOptions options = {.context = 24}) {
    auto executor = tryMake(options);
    EXPECT_TRUE(executor.isOk()) << executor.status().message();
    return executor.isOk() ? std::move(*executor) : nullptr;
  }
};

INSTANTIATE_TEST_SUITE_P(
    Schedules, CudaExecutorTest,
    ::testing::Values(Way{"launch", Schedule::Launch}, Way{"graph", Schedule::Graph},
                      Way{"graph1", Schedule::Graph, {.steps = 1}}, Way{"graph3", Schedule::Graph, {.steps = 3}},
                      Way{"graph5Serial", Schedule::Graph, {.steps = 5, .dependentLaunch = false}}),
    [](const auto &info) { return std::string(info.param.name); });

/// Decodes `count` tokens with one step queued ahead.
StatusOr<std::vector<int>> generate(Executor &executor, std::vector<int32_t> prompt, int count,
                                    std::vector<int32_t> stop = {}) {
  CADENZA_RETURN_IF_ERROR(executor.begin(prompt, stop));
  for (size_t i = 0; i + 1 < prompt.size(); ++i)
    CADENZA_RETURN_IF_ERROR(executor.enqueueStep(false));
  int64_t length = static_cast<int64_t>(prompt.size());
  std::vector<int> tokens;
  for (int i = 0; i < count; ++i) {
    CADENZA_RETURN_IF_ERROR(executor.enqueueStep(true));
    if (i > 0) {
      CADENZA_ASSIGN_OR_RETURN(int32_t token, executor.awaitToken(length + i - 1));
      tokens.push_back(token);
    }
  }
  CADENZA_ASSIGN_OR_RETURN(int32_t last, executor.awaitToken(length + count - 1));
  tokens.push_back(last);
  return tokens;
}

TEST_P(CudaExecutorTest, DecodesWhatTheReferenceDoes) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    resetEmulator("", seed);
    auto executor = make();
    ASSERT_TRUE(executor);
    EXPECT_EQ(executor->deviceName(), "cuda:0 Cadenza emulated GPU");
    EXPECT_EQ(executor->context(), 24);
    auto tokens = generate(*executor, {5, 9, 11}, 12);
    ASSERT_TRUE(tokens.isOk()) << tokens.status().message();
    EXPECT_EQ(*tokens, ToyReference().generate({5, 9, 11}, 12)) << "seed " << seed;
    tokens = generate(*executor, {96}, 20); // a second prompt starts from nothing
    ASSERT_TRUE(tokens.isOk()) << tokens.status().message();
    EXPECT_EQ(*tokens, ToyReference().generate({96}, 20)) << "seed " << seed;
  }
}

TEST_P(CudaExecutorTest, StepsQueuedFarAheadKeepTheirTokens) {
  auto executor = make({.context = 200});
  ASSERT_TRUE(executor->begin(std::vector<int32_t>{7}, {}).isOk());
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(executor->enqueueStep(true).isOk());
  std::vector<int> tokens;
  for (int i = 1; i <= 100; ++i) {
    auto token = executor->awaitToken(i);
    ASSERT_TRUE(token.isOk()) << token.status().message();
    tokens.push_back(*token);
  }
  EXPECT_EQ(tokens, ToyReference().generate({7}, 100));
  EXPECT_EQ(*executor->awaitToken(3), tokens[2]); // again
}

TEST_P(CudaExecutorTest, StopTokenEndsTheSequence) {
  std::vector<int> expected = ToyReference().generate({5}, 8);
  size_t at = 3;
  for (size_t i = 0; i < at; ++i)
    ASSERT_NE(expected[i], expected[at]);
  auto executor = make();
  auto tokens = generate(*executor, {5}, 8, {expected[at]});
  ASSERT_TRUE(tokens.isOk());
  for (size_t i = 0; i < tokens->size(); ++i)
    EXPECT_EQ((*tokens)[i], i <= at ? expected[i] : 0); // what is after it was never written
}

TEST_P(CudaExecutorTest, FullCacheIsRefusedAndLeavesTheState) {
  auto executor = make({.context = 6});
  EXPECT_EQ(executor->begin(std::vector<int32_t>(7, 1), {}).code(), StatusCode::CacheFull);
  auto tokens = generate(*executor, {5, 6}, 5); // positions 0 to 5, the last selects the token at 6
  ASSERT_TRUE(tokens.isOk()) << tokens.status().message();
  EXPECT_EQ(executor->enqueueStep(true).code(), StatusCode::CacheFull);
  EXPECT_EQ(executor->stepWithVisitor([](const PhaseOutput &) { return Status(); }).code(), StatusCode::CacheFull);
  EXPECT_EQ(*executor->awaitToken(6), tokens->back());
  EXPECT_EQ(executor->awaitToken(7).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(*generate(*executor, {5, 6}, 5), *tokens);
}

TEST_P(CudaExecutorTest, ArgumentsAreChecked) {
  auto executor = make();
  std::vector<int32_t> one{1};
  EXPECT_EQ(executor->enqueueStep(true).code(), StatusCode::InvalidArgument); // nothing was begun
  EXPECT_EQ(executor->begin({}, {}).code(), StatusCode::InvalidArgument);
  Status outside = executor->begin(std::vector<int32_t>{1, 97}, {});
  EXPECT_EQ(outside.code(), StatusCode::InvalidArgument);
  EXPECT_NE(outside.message().find("prompt[1]: token 97"), std::string::npos) << outside.message();
  EXPECT_EQ(executor->begin(std::vector<int32_t>{-1}, {}).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(executor->begin(one, std::vector<int32_t>(17, 1)).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(executor->logits().status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(executor->fillCache(25, 1).code(), StatusCode::InvalidArgument);
  ASSERT_TRUE(executor->begin(one, {}).isOk());
  EXPECT_EQ(executor->awaitToken(1).status().code(), StatusCode::InvalidArgument);
  ASSERT_TRUE(executor->enqueueStep(false).isOk());
  EXPECT_EQ(executor->enqueueStep(true).code(), StatusCode::InvalidArgument); // no head: no token to go on with
  EXPECT_EQ(tryMake({.context = 257}).status().code(), StatusCode::InvalidArgument);
  Status ordinal = tryMake({.context = 8}, 1).status();
  EXPECT_EQ(ordinal.code(), StatusCode::NoDevice);
  EXPECT_NE(ordinal.message().find("cuda:0 only"), std::string::npos) << ordinal.message();
}

TEST_P(CudaExecutorTest, LogitsAreThoseOfTheLastHead) {
  auto executor = make({.context = 8, .logits = true});
  EXPECT_EQ(executor->logits().status().code(), StatusCode::InvalidArgument);
  ASSERT_TRUE(generate(*executor, {3}, 2).isOk());
  ToyReference reference;
  reference.step(reference.step(3));
  auto logits = executor->logits();
  ASSERT_TRUE(logits.isOk());
  ASSERT_EQ(logits->size(), 97u);
  for (size_t i = 0; i < 97; ++i)
    EXPECT_EQ((*logits)[i], reference.x[i % 64]);
}

TEST_P(CudaExecutorTest, FilledCacheHoldsTheSharedValues) {
  auto executor = make({.context = 64});
  for (int64_t length : {40, 40, 9, 12, 0}) { // the second one is not written again, the fourth must be
    ASSERT_TRUE(executor->fillCache(length, 7).isOk());
    ToyReference reference;
    reference.fill(length, 7);
    int token = 0;
    for (int64_t i = 1; i <= 5; ++i) {
      ASSERT_TRUE(executor->enqueueStep(true).isOk());
      token = reference.step(token);
      EXPECT_EQ(*executor->awaitToken(length + i), token) << "length " << length << ", step " << i;
    }
  }
}

/// A cache that keeps its last positions only holds those, each in its place; the others hold all.
TEST_P(CudaExecutorTest, FilledRingsHoldTheirLastPositions) {
  plan.mutableProgram().caches[1].positions = 9;
  plan.mutableProgram().caches[2].positions = 65; // more than there are
  auto executor = make({.context = 64});
  EXPECT_EQ(executor->memory().cache, 2u * 64 * 4 * (64 + 9 + 64));
  for (int64_t length : {40, 40, 8, 9, 10, 27, 0}) { // steps overwrite what was filled, and so do longer texts
    ASSERT_TRUE(executor->fillCache(length, 7).isOk());
    ToyReference reference;
    reference.kept[1] = 9;
    reference.fill(length, 7);
    int token = 0;
    for (int64_t i = 1; i <= 11; ++i) {
      ASSERT_TRUE(executor->enqueueStep(true).isOk());
      token = reference.step(token);
      EXPECT_EQ(*executor->awaitToken(length + i), token) << "length " << length << ", step " << i;
    }
  }
}

TEST_P(CudaExecutorTest, VisitorSeesEveryOutput) {
  auto executor = make({.context = 8, .logits = true});
  ASSERT_TRUE(executor->begin(std::vector<int32_t>{3}, {}).isOk());
  ASSERT_TRUE(executor->enqueueStep(true).isOk());
  ToyReference reference;
  int second = reference.step(3);
  int third = reference.step(second);
  std::vector<std::string> seen;
  Status status = executor->stepWithVisitor([&](const PhaseOutput &output) {
    const Phase &phase = decodeEntry(plan.program()).blocks[output.block].phases[output.phase];
    seen.push_back(phase.name + std::to_string(output.iteration));
    if (phase.name == "embed") {
      EXPECT_EQ(output.outputs[0][5], static_cast<float>(second + 5));
    }
    if (phase.name == "rope") {
      const float frequencies[] = {1.0f, 1.0f / 2, 1.0f / 3, 1.0f / 4};
      std::vector<float> table = expandRopeTable(plan.program().weights[3],
                                                 reinterpret_cast<const std::byte *>(frequencies), 8, /*isLong=*/false);
      for (size_t i = 0; i < 8; ++i)
        EXPECT_EQ(output.outputs[0][i], table[8 + i]); // position 1
    }
    if (phase.name == "layer.attend" && output.iteration == 2)
      for (size_t i = 0; i < 64; ++i) {
        EXPECT_EQ(output.outputs[0][i], reference.x[i]);
        EXPECT_EQ(output.outputs[1][i], bf16ToFloat(floatToBf16(reference.x[i])));
      }
    if (phase.name == "head") {
      EXPECT_EQ(output.outputs[0].size(), 97u);
    }
    return Status::ok();
  });
  EXPECT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(seen,
            (std::vector<std::string>{"embed0", "rope0", "layer.attend0", "layer.attend1", "layer.attend2", "head0"}));
  EXPECT_EQ(*executor->awaitToken(2), third);
  EXPECT_EQ(
      executor->stepWithVisitor([](const PhaseOutput &) { return Status(StatusCode::Cancelled, "enough"); }).code(),
      StatusCode::Cancelled);
  EXPECT_EQ(executor->enqueueStep(true).code(), StatusCode::InvalidArgument); // that step ended half-way
}

TEST_P(CudaExecutorTest, APhaseThatOnlyAppendsShowsNothing) {
  plan.mutableProgram().entries[0].blocks[1].phases[0].outputs.clear(); // as a kv_append that was not fused into
                                                                        // anything
  auto executor = make({.context = 8, .logits = true});
  ASSERT_TRUE(executor->begin(std::vector<int32_t>{3}, {}).isOk());
  std::vector<size_t> counts;
  ASSERT_TRUE(executor
                  ->stepWithVisitor([&](const PhaseOutput &output) {
                    counts.push_back(output.outputs.size());
                    return Status::ok();
                  })
                  .isOk());
  EXPECT_EQ(counts, (std::vector<size_t>{1, 1, 0, 0, 0, 1}));
}

TEST_P(CudaExecutorTest, MemoryIsAccountedFor) {
  auto executor = make({.context = 24});
  MemoryUse use = executor->memory();
  EXPECT_EQ(use.weights, 1024u);
  EXPECT_EQ(use.cache, 3u * 2 * 2 * 24 * 32 * 4);
  const uint64_t drawing = test::toyVocabulary * (sizeof(float) + sizeof(RowHistory)) + draw_space_bytes;
  EXPECT_EQ(use.activations, 1024u + sizeof(SequenceState) + 25 * 4 + drawing + 64 + 24 * 4 * 2 * 4);
}

TEST_P(CudaExecutorTest, DamagedOrUnfitPlansAreRefused) {
  auto codeOf = [&] { return tryMake({.context = 8}).status(); };
  auto expectRefused = [&](StatusCode code, std::string_view why) {
    const Status status = codeOf();
    EXPECT_EQ(status.code(), code);
    EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
  };
  plan.verified = Status(StatusCode::InvalidPlan, "toy.plan: weights: checksum");
  EXPECT_EQ(codeOf().message(), "toy.plan: weights: checksum");
  plan.verified = Status();
  plan.mutableProgram().kernels[2].threads = 2048;
  expectRefused(StatusCode::IncompatiblePlan, "2048 threads");
  plan.mutableProgram().kernels[2].threads = 128; // the kernel was built for at most 64
  Status threads = codeOf();
  EXPECT_EQ(threads.code(), StatusCode::IncompatiblePlan);
  EXPECT_NE(threads.message().find("toy_layer"), std::string::npos) << threads.message();
  plan.mutableProgram().kernels[2].threads = 64;
  plan.mutableProgram().kernels[2].sharedBytes = 1 << 20;
  expectRefused(StatusCode::IncompatiblePlan, "shared memory");
  plan.mutableProgram().kernels[2].sharedBytes = 0;
  plan.mutableProgram().kernels[0].name = "missing";
  expectRefused(StatusCode::InvalidPlan, "missing");
  plan.mutableProgram().kernels[0].name = "toy_embed";
  plan.mutableCode()[0] = {.target = "sm_90", .kind = ImageKind::Cubin, .resources = {}, .image = {}};
  Status target = codeOf();
  EXPECT_EQ(target.code(), StatusCode::IncompatiblePlan);
  EXPECT_NE(target.message().find("--target=host"), std::string::npos) << target.message();
  EXPECT_EQ(cadenza_emulation_live_objects(), 0u);
}

TEST_P(CudaExecutorTest, PhasesAreTimed) {
  auto executor = make({.context = 8});
  ASSERT_TRUE(executor->begin(std::vector<int32_t>{3}, {}).isOk());
  auto times = executor->timeStep();
  ASSERT_TRUE(times.isOk()) << times.status().message();
  EXPECT_EQ(times->size(), 6u);
  ToyReference reference;
  EXPECT_EQ(*executor->awaitToken(2), reference.step(reference.step(3)));
}

TEST_P(CudaExecutorTest, EverySeedGivesTheSameTokens) {
  const std::vector<int> expected = ToyReference().generate({7, 8}, 40);
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    resetEmulator("", seed);
    auto executor = make({.context = 60});
    ASSERT_TRUE(executor);
    auto tokens = generate(*executor, {7, 8}, 40);
    ASSERT_TRUE(tokens.isOk()) << tokens.status().message();
    ASSERT_EQ(*tokens, expected) << "seed " << seed;
  }
}

TEST_P(CudaExecutorTest, StopTokensEndASequenceAnywhere) {
  const std::vector<int> expected = ToyReference().generate({5}, 30);
  for (size_t at = 0; at < expected.size(); ++at) {
    if (std::find(expected.begin(), expected.begin() + static_cast<ptrdiff_t>(at), expected[at]) !=
        expected.begin() + static_cast<ptrdiff_t>(at))
      continue; // a token that came before
    auto executor = make({.context = 40});
    ASSERT_TRUE(executor->begin(std::vector<int32_t>{5}, std::vector<int32_t>{expected[at]}).isOk());
    for (int i = 0; i < 30; ++i)
      ASSERT_TRUE(executor->enqueueStep(true).isOk());
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_EQ(*executor->awaitToken(static_cast<int64_t>(i) + 1), i <= at ? expected[i] : 0) << "stop at " << at;
    EXPECT_EQ(*generate(*executor, {5}, 30), expected) << "the next sequence has no stop token";
  }
}

TEST_P(CudaExecutorTest, WhatIsQueuedCanBeStopped) {
  const std::vector<int> expected = ToyReference().generate({5}, 90);
  int early = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    resetEmulator("", seed);
    auto executor = make({.context = 100});
    ASSERT_TRUE(executor->begin(std::vector<int32_t>{5}, {}).isOk());
    for (int i = 0; i < 90; ++i)
      ASSERT_TRUE(executor->enqueueStep(true).isOk());
    EXPECT_EQ(*executor->awaitToken(4), expected[3]);
    ASSERT_TRUE(executor->stop().isOk());
    EXPECT_EQ(executor->enqueueStep(true).code(), StatusCode::InvalidArgument) << "there is nothing to continue";
    ASSERT_TRUE(executor->synchronize().isOk());
    // What came is right, and after it nothing came.
    size_t arrived = 0;
    while (arrived < 90 && *executor->awaitToken(static_cast<int64_t>(arrived) + 1) == expected[arrived])
      ++arrived;
    EXPECT_GE(arrived, 4u);
    early += arrived < 90;
    for (size_t i = arrived; i < 90; ++i)
      EXPECT_EQ(*executor->awaitToken(static_cast<int64_t>(i) + 1), 0);
    EXPECT_EQ(*generate(*executor, {5}, 20), std::vector<int>(expected.begin(), expected.begin() + 20))
        << "the request belongs to the old sequence";
  }
  if (GetParam().schedule == Schedule::Graph) {
    EXPECT_GT(early, 10);
  }
}

TEST_P(CudaExecutorTest, OlderGpusNeedNoDependentLaunch) {
  setenv("CADENZA_EMULATED_CAPABILITY", "8.0", 1);
  resetEmulator();
  EXPECT_EQ(*generate(*make(), {5, 9, 11}, 12), ToyReference().generate({5, 9, 11}, 12));
  unsetenv("CADENZA_EMULATED_CAPABILITY");
}

TEST_P(CudaExecutorTest, LaunchesAreCounted) {
  auto executor = make();
  EXPECT_EQ(executor->schedule(), GetParam().schedule);
  EXPECT_EQ(executor->kernelsPerToken(), 6u);
  EXPECT_EQ(executor->hostLaunchesPerToken(),
            GetParam().schedule == Schedule::Launch ? 6 : 1.0 / GetParam().graph.steps);
}

/// Without its schedule's name.
class CudaScheduleTest : public ::testing::Test {
protected:
  void SetUp() override { resetEmulator(); }
  ToyPlan plan{test::readImage(CADENZA_TOY_KERNELS)};
};

TEST_F(CudaScheduleTest, AutoTakesTheFastestThatThereIs) {
  auto made = cuda::CudaExecutor::make(plan, {.context = 8}, 0);
  ASSERT_TRUE(made.isOk());
  EXPECT_EQ((*made)->schedule(), Schedule::Graph);
  EXPECT_EQ((*made)->scheduleNotice(), "the plan has no persistent schedule");
}

TEST_F(CudaScheduleTest, ADriverWithoutGraphsLaunches) {
  for (const char *call : {"cuStreamBeginCapture:1=801", "cuGraphInstantiateWithFlags:1=801"}) {
    resetEmulator(call);
    auto made = cuda::CudaExecutor::make(plan, {.context = 24}, 0);
    ASSERT_TRUE(made.isOk()) << made.status().message();
    EXPECT_EQ((*made)->schedule(), Schedule::Launch);
    EXPECT_NE((*made)->scheduleNotice().find("CUDA_ERROR_NOT_SUPPORTED"), std::string::npos)
        << (*made)->scheduleNotice();
    EXPECT_EQ(*generate(**made, {5, 9}, 12), ToyReference().generate({5, 9}, 12));
    resetEmulator(call);
    EXPECT_EQ(cuda::CudaExecutor::make(plan, {.context = 24, .schedule = Schedule::Graph}, 0).status().code(),
              StatusCode::Unsupported);
  }
}

TEST_F(CudaScheduleTest, GraphOptionsAreChecked) {
  for (int steps : {0, -1, maximumGraphSteps + 1}) {
    Status status = cuda::CudaExecutor::make(plan, {.context = 8, .graph = {.steps = steps}}, 0).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidArgument) << steps;
  }
}

/// The toy step with kernels that read activations before they wait for the launch before: what dependent launches turn
/// into wrong tokens, and nothing else does.
TEST_F(CudaScheduleTest, AKernelThatReadsTooEarlyShows) {
  ToyPlan early(test::readImage(CADENZA_TOY_KERNELS_EARLY));
  const std::vector<int> expected = ToyReference().generate({7, 8}, 20);
  int wrong = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    for (GraphOptions graph : {GraphOptions{}, GraphOptions{.dependentLaunch = false}}) {
      resetEmulator("", seed);
      auto made = cuda::CudaExecutor::make(early, {.context = 40, .schedule = Schedule::Graph, .graph = graph}, 0);
      ASSERT_TRUE(made.isOk()) << made.status().message();
      auto tokens = generate(**made, {7, 8}, 20);
      const bool right = tokens.isOk() && *tokens == expected;
      if (graph.dependentLaunch)
        wrong += !right;
      else
        EXPECT_TRUE(right) << "seed " << seed;
    }
  }
  EXPECT_GT(wrong, 10);
}

} // namespace
} // namespace cadenza
