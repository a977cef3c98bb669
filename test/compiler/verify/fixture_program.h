// A model of test/fixtures/models, imported, lowered and on the CPU executor.
#pragma once

#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/plan/program_builder.h"
#include "compiler/plan/weight_packer.h"
#include "passes/Passes.h"
#include "runtime/cpu/cpu_executor.h"
#include "test/fixture_models.h"

#include "mlir/Pass/PassManager.h"

namespace cadenza::test {

inline mlir::func::FuncOp decodeOf(mlir::ModuleOp module) { return nn::decodeEntryOf(module); }

/// A copy of `nn`, lowered by the pipeline; null if a pass fails.
inline mlir::OwningOpRef<mlir::ModuleOp> lower(mlir::ModuleOp nn, const PipelineOptions &options) {
  mlir::OwningOpRef<mlir::ModuleOp> module = nn.clone();
  mlir::PassManager manager(nn.getContext());
  if (llvm::Error error = buildPipeline(manager, options)) {
    llvm::consumeError(std::move(error));
    return nullptr;
  }
  if (failed(manager.run(*module)))
    return nullptr;
  return module;
}

/// A step program on the CPU executor, which keeps logits.
struct CpuProgram {
  std::vector<std::byte> weights;
  std::unique_ptr<CpuExecutor> executor;
};

/// Errors: those that a plan of `step` would have.
inline StatusOr<CpuProgram> makeCpuProgram(mlir::ModuleOp step, const ImportedModel &model, int64_t context) {
  mlir::FailureOr<BuiltProgram> built = buildProgram(step, model.info, model.decoder, nullptr);
  if (mlir::failed(built))
    return Status(StatusCode::Internal, "no program can be built");
  CpuProgram program;
  CADENZA_ASSIGN_OR_RETURN(program.weights, packAll(*built, *model.weights));
  CADENZA_ASSIGN_OR_RETURN(program.executor, makeCpuExecutor(built->program, program.weights,
                                                             {.context = context, .logits = true}, /*threads=*/1));
  return program;
}

} // namespace cadenza::test
