// Every driver call fails once: a typed error, nothing left behind. A fault on the device: latched.
#include "runtime/executor.h"
#include "test/runtime/cuda/emulator.h"
#include "test/runtime/cuda/toy_plan.h"

#include <gtest/gtest.h>

#include <functional>

extern "C" {
int cuInit(unsigned);
int cuDevicePrimaryCtxRetain(void **, int);
int cuDevicePrimaryCtxRelease_v2(int);
}

namespace cadenza {
namespace {

using test::resetEmulator;

constexpr Schedule schedules[] = {Schedule::Launch, Schedule::Graph};
constexpr GraphOptions smallGraphs{.steps = 2};

/// Everything an executor does, once.
Status wholeLife(const Plan &plan, Schedule schedule) {
  CADENZA_ASSIGN_OR_RETURN(
      std::unique_ptr<Executor> executor,
      makeCudaExecutor(plan, {.context = 8, .logits = true, .schedule = schedule, .graph = smallGraphs}));
  CADENZA_RETURN_IF_ERROR(executor->begin(std::vector<int32_t>{1, 2}, {}));
  CADENZA_RETURN_IF_ERROR(executor->enqueueStep(false));
  CADENZA_RETURN_IF_ERROR(executor->enqueueStep(true));
  CADENZA_RETURN_IF_ERROR(executor->enqueueStep(true));
  for (int64_t position : {2, 3})
    CADENZA_RETURN_IF_ERROR(executor->awaitToken(position).status());
  CADENZA_RETURN_IF_ERROR(executor->stepWithVisitor([](const PhaseOutput &) { return Status::ok(); }));
  CADENZA_RETURN_IF_ERROR(executor->logits().status());
  CADENZA_RETURN_IF_ERROR(executor->fillCache(5, 1));
  for (int i = 0; i < 3; ++i)
    CADENZA_RETURN_IF_ERROR(executor->enqueueStep(true));
  CADENZA_RETURN_IF_ERROR(executor->stop());
  return executor->synchronize();
}

/// Runs the whole life with call n of `function` ("*": of any) failing with `error`, for n = first, first + 1, ...
/// until all calls were reached; `check` sees the error of each run that failed.
void failEach(Schedule schedule, const std::string &function, int first, int error,
              const std::function<void(const Status &)> &check) {
  test::ToyPlan plan(test::readImage(CADENZA_TOY_KERNELS));
  int failures = 0;
  for (int n = first, quiet = 0; quiet < 60; ++n) {
    SCOPED_TRACE(function + " call " + std::to_string(n));
    resetEmulator(function + ":" + std::to_string(n) + "=" + std::to_string(error));
    void *context = nullptr; // held here: otherwise everything would go with it, leaks included
    ASSERT_EQ(cuInit(0), 0);
    ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), 0);
    Status status = wholeLife(plan, schedule);
    uint64_t left = cadenza_emulation_live_objects();
    // What fails may be freeing: then the run itself went well, and only the object that would not go is left.
    EXPECT_LE(left, status.isOk() ? 1u : 0u) << status.message();
    if (!status.isOk())
      check(status);
    failures += !status.isOk();
    quiet = status.isOk() && left == 0 ? quiet + 1 : 0;
    cuDevicePrimaryCtxRelease_v2(0);
    ASSERT_LT(n, 5000);
  }
  EXPECT_GT(failures, 0);
}

TEST(Faults, AnyAllocationMayFail) {
  const auto check = [](const Status &status) {
    EXPECT_EQ(status.code(), StatusCode::OutOfMemory) << status.message();
  };
  for (const char *function : {"cuMemAlloc", "cuMemHostAlloc", "cuStreamCreate", "cuEventCreate", "cuModuleLoadDataEx"})
    for (Schedule schedule : schedules)
      failEach(schedule, function, 1, 2, check);
  for (const char *function :
       {"cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiateWithFlags", "cuGraphUpload"})
    failEach(Schedule::Graph, function, 1, 2, check);
  resetEmulator("cuMemAlloc:1=2");
  test::ToyPlan plan(test::readImage(CADENZA_TOY_KERNELS));
  Status status = makeCudaExecutor(plan, {.context = 8}).status();
  EXPECT_NE(status.message().find("GPU memory for the weights"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("CUDA_ERROR_OUT_OF_MEMORY"), std::string::npos) << status.message();
}

/// The first allocation after loading fails, so a step that made one would, too.
TEST(Faults, DecodingAllocatesNothing) {
  test::ToyPlan plan(test::readImage(CADENZA_TOY_KERNELS));
  std::vector<int32_t> prompt{1, 2};
  for (std::string function : {"cuMemAlloc", "cuMemHostAlloc", "cuStreamCreate", "cuEventCreate", "cuModuleLoadDataEx",
                               "cuStreamBeginCapture", "cuGraphInstantiateWithFlags"}) {
    SCOPED_TRACE(function);
    StatusOr<std::unique_ptr<Executor>> made = Status(StatusCode::Internal, "not made");
    for (int n = 1; !made.isOk() && n < 100; ++n) {
      resetEmulator(function + ":" + std::to_string(n) + "=2");
      made = makeCudaExecutor(plan, {.context = 8, .logits = true});
    }
    ASSERT_TRUE(made.isOk()) << made.status().message();
    Executor &executor = **made;
    ASSERT_TRUE(executor.begin(prompt, {}).isOk());
    ASSERT_TRUE(executor.enqueueStep(false).isOk());
    for (int64_t position = 2; position <= 8; ++position) {
      ASSERT_TRUE(executor.enqueueStep(true).isOk());
      ASSERT_TRUE(executor.awaitToken(position).isOk());
      ASSERT_TRUE(executor.logits().isOk());
    }
  }
}

TEST(Faults, AnyCallMayFail) {
  for (Schedule schedule : schedules)
    failEach(schedule, "*", 3, 1, [](const Status &status) {
      if (status.code() == StatusCode::NoDevice) { // the driver could not be started
        EXPECT_NE(status.message().find("--device=cpu"), std::string::npos) << status.message();
        return;
      }
      EXPECT_EQ(status.code(), StatusCode::Internal) << status.message();
      EXPECT_NE(status.message().find(": CUDA_ERROR_INVALID_VALUE"), std::string::npos) << status.message();
    });
}

TEST(Faults, AnyCallMayFindTheDeviceLost) {
  for (Schedule schedule : schedules)
    failEach(schedule, "*", 3, 700, [](const Status &status) {
      EXPECT_TRUE(status.code() == StatusCode::DeviceLost || status.code() == StatusCode::NoDevice) << status.message();
    });
}

class Fault : public ::testing::TestWithParam<Schedule> {};
INSTANTIATE_TEST_SUITE_P(Schedules, Fault, ::testing::ValuesIn(schedules));

TEST_P(Fault, IsLatched) {
  test::ToyPlan plan(test::readImage(CADENZA_TOY_KERNELS));
  resetEmulator("kernel:9=700"); // in the second step
  auto made = makeCudaExecutor(plan, {.context = 16, .logits = true, .schedule = GetParam()});
  ASSERT_TRUE(made.isOk()) << made.status().message();
  Executor &executor = **made;
  std::vector<int32_t> prompt{1};
  ASSERT_TRUE(executor.begin(prompt, {}).isOk());
  for (int i = 0; i < 3; ++i)
    if (!executor.enqueueStep(true).isOk())
      break; // the fault may be seen early
  // The first token may have come before the fault, or not; no later one may.
  auto second = executor.awaitToken(2);
  EXPECT_EQ(second.status().code(), StatusCode::DeviceLost) << second.status().message();
  EXPECT_NE(second.status().message().find("CUDA_ERROR_ILLEGAL_ADDRESS"), std::string::npos)
      << second.status().message();
  EXPECT_EQ(executor.awaitToken(1).status().code(), StatusCode::DeviceLost);
  EXPECT_EQ(executor.enqueueStep(true).code(), StatusCode::DeviceLost);
  EXPECT_EQ(executor.begin(prompt, {}).code(), StatusCode::DeviceLost);
  EXPECT_EQ(executor.synchronize().code(), StatusCode::DeviceLost);
  EXPECT_EQ(executor.logits().status().code(), StatusCode::DeviceLost);
  EXPECT_EQ(executor.fillCache(4, 1).code(), StatusCode::DeviceLost);
  EXPECT_EQ(executor.stop().code(), StatusCode::DeviceLost);
  EXPECT_EQ(executor.stepWithVisitor([](const PhaseOutput &) { return Status::ok(); }).code(), StatusCode::DeviceLost);
}

} // namespace
} // namespace cadenza
