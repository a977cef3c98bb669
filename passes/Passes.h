// All passes (Passes.td) and the pipeline that strings them together (Pipelines.cpp).
#pragma once

#include "compiler/ir/step/Step.h"
#include "compiler/schedule/division.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace cadenza {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

/// The first `rows` rows of an nn.weight that is bound to a tensor, in fp32; a failure if they cannot be read.
using WeightRowReader = std::function<llvm::FailureOr<nn::Vector>(nn::WeightOp weight, int64_t rows)>;
/// As without an argument, but by the numbers that weights hold.
std::unique_ptr<mlir::Pass> createNarrowWeights(WeightRowReader reader);
/// As without an argument, for a module that has constant tables in weights that are stored with the model: `reader`
/// reads them.
std::unique_ptr<mlir::Pass> createRaiseRope(nn::EvaluationState::TensorReader reader);
std::unique_ptr<mlir::Pass> createRaiseAttention(nn::EvaluationState::TensorReader reader);

/// Which passes of the pipeline run. Passes that a plan cannot do without (the conversion, order-sums,
/// assign-buffers, name-phases) always do.
struct PipelineOptions {
  bool none = false;                          // --passes=none: no optional pass at all
  std::vector<std::string> disabled;          // --disable-pass=NAME
  std::string encoding = "tiles16";           // --encode=NAME: how the matrices of products are stored
  std::string headEncoding{};                 // --encode-head=NAME: that of the head; empty: the same
  llvm::SmallVector<int64_t> tiles{};         // --prefill=T,...: tokens of a prompt that are read at once
  std::vector<PersistentDevice> persistent{}; // what the persistent schedule is made for, a division each
  bool persistentOptional = false;            // a program that it has no place for is no error
  int64_t context = 0;                        // positions that a sequence has at most; 0: any number
  llvm::SmallVector<std::string> wgmma{};     // targets with the tensor unit of sm_90 that tiles are to use it on
  bool clusters = false;                      // every target has thread block clusters
};

/// One pass of the pipeline.
struct PipelinePass {
  llvm::StringLiteral name;
  bool optional = true;
  std::unique_ptr<mlir::Pass> (*create)();
};

/// The pipeline from `nn` to a step program that is ready for code generation, in order.
llvm::ArrayRef<PipelinePass> pipelinePasses();
/// Names of those that run with these options, for people.
std::vector<std::string> enabledPasses(const PipelineOptions &options);

/// Appends the passes that make the ops of a decoder of a graph's ops on tensors. `tables` is for raise-rope and
/// raise-attention, `reader` for narrow-weights.
void buildRaising(mlir::OpPassManager &manager, nn::EvaluationState::TensorReader tables = nullptr,
                  WeightRowReader reader = nullptr);

/// Appends the passes that make schedules of a step program that the pipeline has made: its `sched` ops.
void buildSchedules(mlir::OpPassManager &manager, const PipelineOptions &options);

/// Appends the pipeline to `manager`. Fails with the name of a disabled pass that does not exist or is not optional.
llvm::Error buildPipeline(mlir::OpPassManager &manager, const PipelineOptions &options);

} // namespace cadenza
