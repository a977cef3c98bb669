// Looking into a step: for --dump and --compare.
#pragma once

#include "runtime/cpu/cpu_executor.h"
#include "runtime/executor.h"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cadenza {

/// The Hugging Face module that output `output` of a phase is the output of, in iteration `iteration` of its block
/// ("model.layers.3.mlp"); empty if the phase computes something that no module does.
std::string moduleName(const Phase &phase, size_t output, int64_t iteration);

/// Runs `tokens` and writes what every named phase output was to `directory`/MODULE.npy, float32 [tokens][elements]
/// (with an executor that keeps logits, the head's too). If two phases name one module, the first counts. Errors: as
/// Executor::begin; Io; InvalidPlan for a name that is no file name.
Status dumpActivations(Executor &executor, std::span<const int32_t> tokens, const std::string &directory);

/// How far a phase output is from the reference: |x - reference| / |reference|, Euclidean.
struct PhaseDifference {
  std::string phase;     // "layer.qkv"
  std::string output;    // the edge's name, or "logits"
  int64_t iteration = 0; // of the block
  int64_t position = 0;  // of the token
  double relativeL2 = 0;
  double tolerance = 0;

  bool within() const { return relativeL2 <= tolerance; } // false for NaN
};

struct Comparison {
  std::optional<PhaseDifference> firstMismatch; // in execution order; the comparison ends there
  std::vector<PhaseDifference> largest;         // of each phase output, over all iterations and positions

  void add(const PhaseDifference &difference);
};

// Tolerances for edges of 32 and of 16 bits. Both sides compute in fp32 from the same inputs; they differ by the order
// of sums and by the last bits of functions, some 1e-7. What is larger comes from values next to a tie, which one side
// rounds up and the other down. A product's input has few of them: one of 64 elements of average size moves the result
// by 2^-8 / sqrt(64) = 5e-4. Of a 16-bit output, some elements may be neighbours: if half of all were, the difference
// would be 2^-8.
constexpr double tolerance32 = 1e-3;
constexpr double tolerance16 = 1.0 / 256;

/// The difference of one output of the phase at `where`, with the tolerance of its type.
PhaseDifference differenceOf(const Program &program, const PhaseOutput &where, size_t output, int64_t position,
                             std::span<const float> values, std::span<const float> reference);

/// Runs `tokens` on `executor` and on `reference`, phase by phase. After each phase of the reference its outputs are
/// replaced by those of `executor`, so that every phase is judged on the very inputs that `executor` had and small
/// differences do not add up from phase to phase. (KV caches are not replaced: each executor appends its own, computed
/// from equal inputs.) Both must run the same program. Logits are compared if both keep them.
StatusOr<Comparison> compareExecutors(Executor &executor, CpuExecutor &reference, std::span<const int32_t> tokens);

} // namespace cadenza
