// --verify-numerics: runs the IR after every pass and names the first pass that changes values.
//
// `nn` IR runs on its executable references, `step` IR on the CPU executor, as the program that a plan would carry;
// both with the same made-up weights, tokens and tensors. What is compared are the logits of a few steps of a decode
// entry and the results of all other entries.
#pragma once

#include "compiler/ir/step/Step.h"

#include "mlir/Pass/PassInstrumentation.h"

#include <string>
#include <vector>

namespace cadenza {

/// The logits of each step of a decode entry, each result of another.
using EntryValues = std::vector<std::vector<float>>;

/// Runs the entries of `module`, a decode entry for a few tokens. Emits an error and fails if it has none or they
/// cannot be run.
mlir::FailureOr<EntryValues> runModule(mlir::ModuleOp module);

/// The relative L2 distance of the vectors, the largest over all; infinite if their shapes differ.
double relativeError(const EntryValues &reference, const EntryValues &values);

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
  EntryValues before;
  bool wasStep = false;
  bool wasGraph = false; // in ops on tensors
  bool rounded = false;  // activations to 16 bits
};

} // namespace cadenza
