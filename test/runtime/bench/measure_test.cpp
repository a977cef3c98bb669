// The whole measurement on the emulated device, with the toy step.
#include "runtime/bench/command.h"
#include "runtime/bench/report.h"
#include "runtime/bench/stream_ptx.h"
#include "test/runtime/cuda/emulator.h"
#include "test/runtime/cuda/toy_plan.h"

#include <gtest/gtest.h>

#include <sstream>

namespace cadenza::bench {
namespace {

StatusOr<BenchResult> measureToy(const test::ToyPlan &plan, const BenchOptions &options,
                                 const std::string &device = "cuda:0") {
  test::resetEmulator();
  return measure(plan, device, options, [](const std::string &) {});
}

TEST(Measure, EmulatedDevice) {
  test::ToyPlan plan(test::readImage(CADENZA_TOY_KERNELS));
  BenchOptions options;
  options.contexts = {0, 17};
  options.tokens = 6;
  options.repeats = 3;
  options.warmup = 2;
  options.phases = true;
  auto result = measureToy(plan, options);
  ASSERT_TRUE(result.isOk()) << result.status().message();
  EXPECT_TRUE(result->emulated);
  EXPECT_FALSE(result->floor);
  EXPECT_EQ(result->launchesPerToken, 6u);
  EXPECT_EQ(result->allocatedContext, 17 + 18);
  EXPECT_EQ(result->commit, "abcdef");
  EXPECT_EQ(result->sourceSha256, "0123abcd");
  ASSERT_EQ(result->contexts.size(), 2u);
  const ContextResult &second = result->contexts[1];
  EXPECT_GT(second.tokensPerSecond.minimum, 0);
  EXPECT_LE(second.tokensPerSecond.minimum, second.tokensPerSecond.median);
  EXPECT_LE(second.tokensPerSecond.median, second.tokensPerSecond.maximum);
  EXPECT_EQ(second.bytesPerToken - result->contexts[0].bytesPerToken, 17.0 * 3 * 2 * 64 * 4);
  ASSERT_EQ(second.phases.size(), 4u);
  EXPECT_EQ(second.phases[2].name, "layer.attend");
  EXPECT_EQ(second.phases[2].launches, 3);
  std::string text = formatReport(*result, ReportStyle::Text);
  EXPECT_NE(text.find("meaningless"), std::string::npos);
  EXPECT_EQ(toJson(*result)["results"][1]["phases"].size(), 4u);
}

TEST(Measure, EverySchedule) {
  test::ToyPlan plan(test::readImage(CADENZA_TOY_KERNELS));
  BenchOptions options;
  options.contexts = {3};
  options.tokens = 9;
  options.repeats = 2;
  options.warmup = 1;
  options.graph.steps = 4;
  for (const char *schedule : {"launch", "graph", "auto"}) {
    options.schedule = schedule;
    auto result = measureToy(plan, options);
    ASSERT_TRUE(result.isOk()) << result.status().message();
    const bool launches = std::string(schedule) == "launch";
    EXPECT_EQ(result->schedule, launches ? "launch" : "graph");
    EXPECT_EQ(result->launchesPerToken, 6u);
    EXPECT_EQ(result->hostLaunchesPerToken, launches ? 6 : 0.25);
  }
}

TEST(Measure, RefusesWhatTheModelCannotHold) {
  test::ToyPlan plan(test::readImage(CADENZA_TOY_KERNELS));
  BenchOptions options;
  options.contexts = {250};
  options.tokens = 10;
  auto tooLong = measureToy(plan, options);
  EXPECT_EQ(tooLong.status().code(), StatusCode::InvalidArgument);
  EXPECT_NE(tooLong.status().message().find("256 positions"), std::string::npos) << tooLong.status().message();
  options.contexts = {-1};
  EXPECT_NE(measureToy(plan, options).status().message().find("context -1"), std::string::npos);
  options.contexts = {};
  EXPECT_EQ(measureToy(plan, options).status().message(), "at least one context, token and repeat are needed");
  options = BenchOptions{};
  options.contexts = {1};
  options.tokens = 2;
  options.repeats = 1;
  options.warmup = 0;
  for (const char *device : {"gpu", "cuda:-1", "CUDA"})
    EXPECT_EQ(measureToy(plan, options, device).status().code(), StatusCode::InvalidArgument) << device;
  EXPECT_EQ(measureToy(plan, options, "cuda:3").status().code(), StatusCode::NoDevice);
  options.schedule = "none";
  EXPECT_EQ(measureToy(plan, options).status().message(), "schedule 'none' is not auto, launch, graph or persistent");
  options.schedule = "persistent"; // which this plan has not
  EXPECT_EQ(measureToy(plan, options).status().code(), StatusCode::IncompatiblePlan);
  options.trace = true; // nor an instrumented kernel: said before a device is opened
  for (const char *device : {"cuda:0", "cuda:3", "cpu"})
    EXPECT_NE(measureToy(plan, options, device).status().message().find("records nothing"), std::string::npos)
        << device;
}

TEST(Measure, CommandErrors) {
  std::ostringstream out, progress;
  BenchCommand command;
  command.plan = "/nonexistent.plan";
  EXPECT_EQ(runBench(command, out, progress).code(), StatusCode::Io);
  EXPECT_EQ(out.str(), "");
}

TEST(StreamPtx, HasAsManyLoadsAsAskedFor) {
  for (uint32_t loads : {4u, 16u}) {
    std::string ptx = streamPtx(loads);
    size_t count = 0;
    for (size_t at = 0; (at = ptx.find("ld.global.nc", at)) != std::string::npos; ++at)
      ++count;
    EXPECT_EQ(count, loads);
    EXPECT_EQ(ptx.find("TILE_BYTES"), std::string::npos);
    EXPECT_NE(ptx.find(std::to_string(512 * 16 * loads)), std::string::npos);
  }
}

} // namespace
} // namespace cadenza::bench
