// --verify-numerics: runs the IR after every pass and names the first pass that changes values.
//
// `nn` IR runs on its executable references, `step` IR on the CPU executor, as the program that a plan would carry;
// both with the same made-up weights and tokens. What is compared are the logits of a few steps.
#pragma once

#include "compiler/ir/step/Step.h"

#include "mlir/Pass/PassInstrumentation.h"

#include <string>
#include <vector>

namespace cadenza {

/// The logits of each step of @decode.
using LogitSteps = std::vector<std::vector<float>>;

/// Runs `module`'s @decode for a few tokens. Emits an error and fails if it has none or cannot be run.
mlir::FailureOr<LogitSteps> runModule(mlir::ModuleOp module);

/// The relative L2 distance of the steps, the largest over all steps; infinite if their shapes differ.
double relativeError(const LogitSteps &reference, const LogitSteps &values);

/// What a NumericsVerifier found; outlives the pass manager that owns the verifier.
struct NumericsVerdict {
  std::string culprit; // the pass that first changed values; the error has been emitted
  bool broken = false; // a module could not be run; likewise
  int verified = 0;    // passes that were compared with what came before them
  bool failed() const { return broken || !culprit.empty(); }
};

class NumericsVerifier : public mlir::PassInstrumentation {
public:
  explicit NumericsVerifier(NumericsVerdict &verdict) : verdict(verdict) {}
  void runBeforePass(mlir::Pass *pass, mlir::Operation *op) override;
  void runAfterPass(mlir::Pass *pass, mlir::Operation *op) override;

private:
  NumericsVerdict &verdict;
  LogitSteps before;
  bool wasStep = false;
};

} // namespace cadenza
