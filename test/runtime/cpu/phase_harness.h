// Runs a program and collects what each phase put out, so that a test can compute a phase's outputs from what the phase
// really read.
#pragma once

#include "runtime/cpu/cpu_executor.h"
#include "test/runtime/cpu/test_program.h"

#include <gtest/gtest.h>
#include <map>

namespace cadenza::test {

/// By phase name and output: one vector a token and iteration, in order.
using Observations = std::map<std::pair<std::string, size_t>, std::vector<std::vector<float>>>;

inline std::unique_ptr<CpuExecutor> makeExecutor(const TestProgram &test, ExecutorOptions options = {.logits = true},
                                                 int threads = 2) {
  auto executor = makeCpuExecutor(test.program, test.weights, options, threads);
  EXPECT_TRUE(executor.isOk()) << executor.status().message();
  return executor.isOk() ? std::move(*executor) : nullptr;
}

inline Observations observe(const TestProgram &test, std::span<const int32_t> tokens) {
  Observations seen;
  auto executor = makeExecutor(test);
  if (!executor)
    return seen;
  EXPECT_TRUE(executor->begin(tokens, {}).isOk());
  for (size_t i = 0; i < tokens.size(); ++i) {
    Status status = executor->stepWithVisitor([&](const PhaseOutput &shown) {
      const Phase &phase = decodeEntry(executor->program()).blocks[shown.block].phases[shown.phase];
      for (size_t output = 0; output < shown.outputs.size(); ++output)
        seen[{phase.name, output}].emplace_back(shown.outputs[output].begin(), shown.outputs[output].end());
      return Status::ok();
    });
    EXPECT_TRUE(status.isOk()) << status.message();
  }
  return seen;
}

/// Each element within `tolerance` of the largest magnitude of `expected`.
inline void expectNear(std::span<const float> actual, std::span<const double> expected, double tolerance,
                       const std::string &what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  double largest = 1e-30;
  for (double x : expected)
    largest = std::max(largest, std::abs(x));
  for (size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance * largest) << what << " [" << i << "]";
}

/// Half a unit in the last place of an edge type, relative, with room for fp32 sums.
inline double edgeTolerance(DType dtype) {
  return dtype == DType::bf16 ? 1.0 / 256 + 1e-5 : dtype == DType::f16 ? 1.0 / 2048 + 1e-5 : 1e-5;
}

} // namespace cadenza::test
