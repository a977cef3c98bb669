// The CPU executor's own entry points; runtime/executor.h has the one that runs a plan. The compiler calls this one, on
// programs that never were a plan (--verify-numerics), and --compare uses stepWithEditor.
#pragma once

#include "runtime/executor.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace cadenza {

/// Sees what a phase computed and may replace it: after the call, `values` (one span an output, of the sizes of
/// `computed.outputs`, initially equal to them) are rounded to the types of the edges and stored. So every later phase
/// works on what the editor left. Outputs that are logits are not stored.
using PhaseEditor = std::function<Status(const PhaseOutput &computed, std::span<const std::span<float>> values)>;

class CpuExecutor : public Executor {
public:
  /// One step, with head, phase by phase, like stepWithVisitor.
  virtual Status stepWithEditor(const PhaseEditor &editor) = 0;
};

/// Walks `program` over `weights`, the weight section that its entries point into (4-byte aligned; must outlive the
/// executor; used in place). Launches, kernels and scratch buffers are ignored and may be missing. `threads` 0: as many
/// as there are cores; results do not depend on it. Errors: InvalidPlan as validateProgram finds it, InvalidArgument
/// for a context the model does not have, OutOfMemory.
StatusOr<std::unique_ptr<CpuExecutor>> makeCpuExecutor(Program program, std::span<const std::byte> weights,
                                                       const ExecutorOptions &options, int threads = 0);

/// The same for the entries of `program` that have named tensors.
StatusOr<std::unique_ptr<TensorExecutor>> makeCpuTensorExecutor(Program program, std::span<const std::byte> weights,
                                                                int threads = 0);

/// `program` with launches that do nothing in place of its own, which the CPU does not need, as a plan could hold it;
/// validated, like its weights' places in `weights`.
StatusOr<Program> withoutLaunches(Program program, std::span<const std::byte> weights);

} // namespace cadenza
