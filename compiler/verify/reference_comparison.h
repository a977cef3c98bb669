// A step program on the CPU executor against the executable reference of `nn`, phase by phase.
#pragma once

#include "compiler/import/weight_source.h"
#include "compiler/ir/step/Step.h"
#include "runtime/api/inspect.h"

#include <span>

namespace cadenza {

/// Runs `tokens` on `executor`, which runs the program of `step`, and on the references of the ops of `nn`, the decode
/// entry that it was made from. Wherever a phase's output is the result of an `nn` op (Phase::outputNames), the two are
/// compared, and the reference goes on with the executor's values: every phase is judged on the very inputs that it
/// had.
///
/// The reference rounds where the program does (runtime/plan/program.h, "Numerics"): what goes into a product to the
/// type of the matrix, keys and values to the type of the cache, an output to the type of its edge; where a norm's
/// factor is applied after the products (defer_scale), its input times its weights. So nothing is left between the two
/// but what is between two executors, and the tolerances are the same (inspect.h): the order of sums and the last bits
/// of functions in fp32, and an element now and then that lies next to a tie and is rounded the other way.
///
/// Errors: those of the executor; Internal if the references fail, or if the outputs of a phase are not what leaves the
/// ops that it says it computes: then they could not be compared.
StatusOr<Comparison> compareWithReference(mlir::func::FuncOp nn, const WeightSource &weights, mlir::func::FuncOp step,
                                          CpuExecutor &executor, std::span<const int32_t> tokens);

} // namespace cadenza
