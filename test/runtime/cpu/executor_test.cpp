// The executor as a state machine: prompts, positions, stop tokens, determinism, no allocation.
#include "runtime/decode/cache_fill.h"
#include "test/runtime/cpu/phase_harness.h"
#include "test/runtime/cpu/tiny_model.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<int64_t> allocations{0};
}

// Counts every allocation of the process: decoding must make none.
[[gnu::noinline]] void *operator new(std::size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size))
    return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void *operator new(std::size_t size, const std::nothrow_t &) noexcept {
  ++allocations;
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void *memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

namespace cadenza::test {
namespace {

using Tokens = std::vector<int32_t>;

/// Greedy continuation and the logits of every step.
struct Decoded {
  Tokens tokens;
  std::vector<std::vector<float>> logits;
  bool operator==(const Decoded &) const = default;
};

Decoded decode(Executor &executor, const Tokens &prompt, int count, const Tokens &stop = {}) {
  Decoded run;
  EXPECT_TRUE(executor.begin(prompt, stop).isOk());
  for (size_t i = 0; i + 1 < prompt.size(); ++i)
    EXPECT_TRUE(executor.enqueueStep(false).isOk());
  for (int i = 0; i < count; ++i) {
    Status status = executor.enqueueStep(true);
    EXPECT_TRUE(status.isOk()) << status.message();
    run.tokens.push_back(*executor.awaitToken(static_cast<int64_t>(prompt.size()) + i));
    auto logits = *executor.logits();
    run.logits.emplace_back(logits.begin(), logits.end());
  }
  return run;
}

const Tokens prompt = {5, 44, 2, 60, 13};

TEST(CpuExecutor, SameBitsForEveryRunAndThreadCount) {
  TinyModel model;
  auto one = makeExecutor(model.test, {.logits = true}, 1), four = makeExecutor(model.test, {.logits = true}, 4);
  Decoded first = decode(*one, prompt, 20);
  EXPECT_EQ(decode(*one, prompt, 20), first);
  decode(*one, {1, 2, 3}, 5);
  EXPECT_EQ(decode(*one, prompt, 20), first);
  EXPECT_EQ(decode(*four, prompt, 20), first);
}

TEST(CpuExecutor, TeacherForcingGivesTheSameLogits) {
  TinyModel model;
  auto executor = makeExecutor(model.test);
  Decoded run = decode(*executor, prompt, 6);
  Tokens all = prompt;
  all.insert(all.end(), run.tokens.begin(), run.tokens.end());
  ASSERT_TRUE(executor->begin(all, {}).isOk());
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    ASSERT_TRUE(executor->enqueueStep(true).isOk());
    EXPECT_EQ(*executor->awaitToken(i + 1), all[i + 1]); // the prompt's, not the selected one
    if (i + 1 >= prompt.size()) {
      auto logits = *executor->logits();
      EXPECT_TRUE(std::equal(logits.begin(), logits.end(), run.logits[i + 1 - prompt.size()].begin()));
    }
  }
}

TEST(CpuExecutor, UnfusedProgramAgrees) {
  TinyModel fused(true), unfused(false);
  auto a = makeExecutor(fused.test), b = makeExecutor(unfused.test);
  Decoded runA = decode(*a, prompt, 1), runB = decode(*b, prompt, 1);
  double difference = 0, norm = 0; // deferring the norm's scale rounds differently
  for (size_t i = 0; i < runA.logits[0].size(); ++i) {
    difference += std::pow(runA.logits[0][i] - runB.logits[0][i], 2.0);
    norm += std::pow(runA.logits[0][i], 2.0);
  }
  EXPECT_LT(std::sqrt(difference / norm), 0.02);
}

TEST(CpuExecutor, Prompts) {
  TinyModel model;
  auto executor = makeExecutor(model.test, {.context = 4});
  auto code = [&](const Tokens &tokens, const Tokens &stop = {}) { return executor->begin(tokens, stop).code(); };
  EXPECT_EQ(executor->enqueueStep(true).code(), StatusCode::InvalidArgument); // nothing begun
  EXPECT_EQ(code({}), StatusCode::InvalidArgument);
  EXPECT_EQ(code({1, -1}), StatusCode::InvalidArgument);
  EXPECT_EQ(code({TinyModel::vocabulary}), StatusCode::InvalidArgument);
  EXPECT_EQ(executor->begin(Tokens{1, 2, 99}, {}).message(), "prompt[2]: token 99 is outside the vocabulary of 67");
  EXPECT_EQ(code({1, 1, 1, 1, 1}), StatusCode::CacheFull);
  EXPECT_EQ(code({1}, Tokens(17, 0)), StatusCode::InvalidArgument);
  EXPECT_EQ(code({1, 1, 1, 1}), StatusCode::Ok);
}

TEST(CpuExecutor, ContextFull) {
  TinyModel model;
  auto executor = makeExecutor(model.test, {.context = 4, .logits = true});
  auto wide = makeExecutor(model.test, {.context = 8, .logits = true});
  Decoded run = decode(*executor, {7, 8}, 3); // positions 1, 2, 3 are processed; the last token lies at 4
  EXPECT_EQ(run, decode(*wide, {7, 8}, 3));
  EXPECT_EQ(executor->enqueueStep(true).code(), StatusCode::CacheFull);
  EXPECT_EQ(*executor->awaitToken(4), run.tokens.back()); // the state is intact
  EXPECT_EQ(decode(*executor, {7, 8}, 3), run);
}

TEST(CpuExecutor, AwaitingWhatWasNotQueued) {
  TinyModel model;
  auto executor = makeExecutor(model.test, {.context = 8});
  ASSERT_TRUE(executor->begin(Tokens{1, 2}, {}).isOk());
  ASSERT_TRUE(executor->enqueueStep(false).isOk());
  for (int64_t position : {-1, 0, 1, 2, 9})
    EXPECT_EQ(executor->awaitToken(position).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(executor->logits().status().code(), StatusCode::InvalidArgument); // not kept
  ASSERT_TRUE(executor->enqueueStep(false).isOk());
  EXPECT_EQ(executor->enqueueStep(true).code(), StatusCode::InvalidArgument); // token 2 was never selected
}

TEST(CpuExecutor, StepsAfterAStopTokenChangeNothing) {
  TinyModel model;
  auto executor = makeExecutor(model.test);
  Decoded run = decode(*executor, prompt, 8);
  int32_t stop = run.tokens[3];
  size_t stopped = std::find(run.tokens.begin(), run.tokens.end(), stop) - run.tokens.begin();
  Decoded again = decode(*executor, prompt, 8, {stop});
  for (size_t i = 0; i <= stopped; ++i) {
    EXPECT_EQ(again.tokens[i], run.tokens[i]);
    EXPECT_EQ(again.logits[i], run.logits[i]);
  }
  for (size_t i = stopped + 1; i < 8; ++i) {
    EXPECT_EQ(again.tokens[i], 0);                   // never written
    EXPECT_EQ(again.logits[i], run.logits[stopped]); // the last step once more
  }
}

TEST(CpuExecutor, DecodingAllocatesNothing) {
  TinyModel model;
  auto executor = makeExecutor(model.test, {.logits = true}, 3);
  ASSERT_TRUE(executor->begin(prompt, {}).isOk());
  int64_t before = allocations;
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(executor->enqueueStep(i >= 4).isOk());
    if (i >= 4)
      (void)*executor->awaitToken(i + 1);
  }
  EXPECT_EQ(allocations, before);
}

TEST(CpuExecutor, EditorReplacesWhatLaterPhasesRead) {
  TinyModel model;
  auto executor = makeExecutor(model.test);
  ASSERT_TRUE(executor->begin(Tokens{5}, {}).isOk());
  ASSERT_TRUE(executor
                  ->stepWithEditor([&](const PhaseOutput &shown, auto values) {
                    if (shown.block == 1 &&
                        decodeEntry(executor->program()).blocks[1].phases[shown.phase].name == "down")
                      std::fill(values[0].begin(), values[0].end(), 0.0f); // so the head sees zeros
                    return Status::ok();
                  })
                  .isOk());
  auto logits = *executor->logits();
  EXPECT_EQ(std::count(logits.begin(), logits.end(), 0.0f), TinyModel::vocabulary);
}

TEST(CpuExecutor, FailingVisitorEndsTheSequence) {
  TinyModel model;
  auto executor = makeExecutor(model.test);
  ASSERT_TRUE(executor->begin(prompt, {}).isOk());
  Status failure(StatusCode::Io, "disk full");
  EXPECT_EQ(executor->stepWithVisitor([&](const PhaseOutput &) { return failure; }).message(), "disk full");
  EXPECT_EQ(executor->enqueueStep(true).code(), StatusCode::InvalidArgument);
  EXPECT_TRUE(executor->begin(prompt, {}).isOk());
  EXPECT_TRUE(executor->enqueueStep(true).isOk());
}

TEST(CpuExecutor, FilledCacheDependsOnSeedAndLengthOnly) {
  TinyModel model;
  auto after = [&](int64_t context, int64_t length, uint64_t seed) {
    auto executor = makeExecutor(model.test, {.context = context, .logits = true});
    EXPECT_TRUE(executor->fillCache(length, seed).isOk());
    EXPECT_TRUE(executor->enqueueStep(true).isOk());
    auto logits = *executor->logits();
    return std::vector<float>(logits.begin(), logits.end());
  };
  EXPECT_EQ(after(32, 20, 1), after(64, 20, 1));
  EXPECT_NE(after(32, 20, 1), after(32, 20, 2));
  EXPECT_NE(after(32, 20, 1), after(32, 19, 1));
  auto executor = makeExecutor(model.test, {.context = 8});
  EXPECT_EQ(executor->fillCache(9, 1).code(), StatusCode::InvalidArgument);
  ASSERT_TRUE(executor->fillCache(8, 1).isOk());
  EXPECT_EQ(executor->enqueueStep(true).code(), StatusCode::CacheFull);
}

/// Layers of one body with windows of 5, of none and of 3: what their caches keep beyond the windows changes no bit, at
/// lengths below, at and above the windows, and after the rings have turned several times.
TEST(CpuExecutor, RingsComputeWhatWholeCachesDo) {
  const auto model = [](std::array<int64_t, 3> kept) {
    TinyModel made;
    made.test.program.scalars = {{"five", 5}, {"none", 0}, {"three", 3}};
    made.test.program.scalarTables = {{0, 1, 2}};
    made.test.blocks()[1].phases[1].scalars = {{true, 0}};
    for (size_t i = 0; i < 3; ++i)
      made.test.program.caches[i].positions = kept[i];
    return made;
  };
  const TinyModel whole = model({0, 0, 0}), exact = model({5, 0, 3}), wider = model({6, 0, 7}),
                  none = model({65, 0, 99});
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 23; ++i)
    tokens.push_back(i * 7 % TinyModel::vocabulary);
  const auto logits = [&](const TinyModel &tiny, int64_t filled) {
    auto executor = makeExecutor(tiny.test, {.context = 64, .logits = true});
    std::vector<std::vector<float>> rows;
    if (filled < 0)
      EXPECT_TRUE(executor->begin(tokens, {}).isOk());
    else
      EXPECT_TRUE(executor->fillCache(filled, 3).isOk());
    for (size_t i = 0; i < tokens.size(); ++i) {
      EXPECT_TRUE(executor->enqueueStep(true).isOk());
      rows.emplace_back(executor->logits()->begin(), executor->logits()->end());
    }
    return rows;
  };
  for (int64_t filled : {-1, 0, 2, 3, 4, 5, 6, 17}) {
    SCOPED_TRACE(filled);
    const auto expected = logits(whole, filled);
    EXPECT_EQ(logits(exact, filled), expected);
    EXPECT_EQ(logits(wider, filled), expected);
    EXPECT_EQ(logits(none, filled), expected);
  }
  const TinyModel tooFew = model({4, 0, 3});
  EXPECT_EQ(makeCpuExecutor(tooFew.test.program, tooFew.test.weights, {}, 1).status().message(),
            "program.entries[0].blocks[1].phases[1].caches[0]: 'cache0' keeps 4 positions; iteration 0 attends to 5");
  const auto cacheBytes = [](const TinyModel &tiny) {
    return makeExecutor(tiny.test, {.context = 64})->memory().cache;
  };
  EXPECT_EQ(cacheBytes(whole), 3u * 2 * 64 * 2 * 16 * 2);
  EXPECT_EQ(cacheBytes(exact), (5u + 64 + 3) * 2 * 2 * 16 * 2);
  EXPECT_EQ(cacheBytes(none), cacheBytes(whole));
}

TEST(CpuExecutor, RefusesBadProgramsAndOptions) {
  TinyModel model;
  auto make = [](const TestProgram &test, ExecutorOptions options) {
    return makeCpuExecutor(test.program, test.weights, options, 1).status();
  };
  auto code = [&](const TestProgram &test, ExecutorOptions options) { return make(test, options).code(); };
  EXPECT_EQ(code(model.test, {.context = 65}), StatusCode::InvalidArgument);
  EXPECT_EQ(code(model.test, {.context = -1}), StatusCode::InvalidArgument);
  EXPECT_EQ(makeExecutor(model.test, {})->context(), 64);
  TinyModel unknown;
  unknown.test.blocks()[1].phases[0].epilogues[0].name = "no_such";
  EXPECT_EQ(code(unknown.test, {}), StatusCode::InvalidPlan);
  EXPECT_NE(make(unknown.test, {}).message().find("no_such"), std::string::npos) << make(unknown.test, {}).message();
  TinyModel truncated;
  truncated.test.weights.pop_back();
  EXPECT_EQ(code(truncated.test, {}), StatusCode::InvalidPlan);
  EXPECT_NE(make(truncated.test, {}).message().find("ends beyond the weight section"), std::string::npos);
  TinyModel noLaunches;
  noLaunches.test.program.kernels.clear();
  EXPECT_EQ(code(noLaunches.test, {}), StatusCode::Ok);
}

} // namespace
} // namespace cadenza::test
