// --verify-numerics must see a pass that changes values, name it and only it, and let every real pass through.
#include "compiler/verify/verify_numerics.h"

#include "compiler/import/hf/import_hugging_face.h"
#include "passes/Passes.h"

#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace cadenza;

namespace {

/// Base of passes that break something on purpose.
template <typename PassT> struct BreakingPass : PassWrapper<PassT, OperationPass<ModuleOp>> {
  StringRef getArgument() const final { return PassT::name; }
};

/// A wrong epsilon: structure, types and verifiers see nothing.
struct BreakEpsilon : BreakingPass<BreakEpsilon> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BreakEpsilon)
  static constexpr StringLiteral name = "break-epsilon";
  void runOnOperation() final {
    getOperation().walk([](nn::RMSNormOp norm) { norm.setEps(APFloat(0.5)); });
  }
};

/// Leaves out the first residual addition of a step program's projections.
struct BreakResidual : BreakingPass<BreakResidual> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BreakResidual)
  static constexpr StringLiteral name = "break-residual";
  void runOnOperation() final {
    getOperation().walk([](step::ProjectOp project) {
      if (project.getEpilogues().size() != 1 ||
          !cast<step::FunctionAttrInterface>(project.getEpilogues()[0]).addsOperand())
        return WalkResult::advance();
      project.setEpiloguesAttr(ArrayAttr::get(project.getContext(), {}));
      project.getSideInputsMutable().clear();
      return WalkResult::interrupt();
    });
  }
};

/// Exchanges gate and up: both have the same shape.
struct BreakGateUp : BreakingPass<BreakGateUp> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BreakGateUp)
  static constexpr StringLiteral name = "break-gate-up";
  void runOnOperation() final {
    getOperation().walk([](step::ProjectOp project) {
      if (!project.getInterleaved())
        return;
      ArrayAttr matrices = project.getMatrices();
      project.setMatricesAttr(ArrayAttr::get(project.getContext(), {matrices[1], matrices[0]}));
    });
  }
};

class VerifyNumerics : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    context.loadDialect<func::FuncDialect, nn::NNDialect, step::StepDialect>();
    Findings findings;
    ImportOptions options;
    options.directory = std::string(CADENZA_SOURCE_DIR "/test/fixtures/models/") + GetParam();
    options.randomSeed = 1;
    StatusOr<ImportedModel> imported = importHuggingFace(context, options, findings);
    ASSERT_TRUE(imported.isOk()) << imported.status().message();
    module = std::move(imported->module);
  }

  /// Runs the pipeline with `breaking` after pass `where` (empty: before all of them).
  NumericsVerdict run(StringRef where = "", std::unique_ptr<Pass> breaking = nullptr) {
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { llvm::raw_string_ostream(diagnostics) << diagnostic << "\n"; });
    PassManager manager(&context);
    NumericsVerdict verdict;
    manager.addInstrumentation(std::make_unique<NumericsVerifier>(verdict));
    if (breaking && where.empty())
      manager.addPass(std::move(breaking));
    for (const PipelinePass &pass : pipelinePasses()) {
      manager.addPass(pass.create());
      if (breaking && pass.name == where)
        manager.addPass(std::move(breaking));
    }
    EXPECT_TRUE(succeeded(manager.run(*module))) << diagnostics;
    return verdict;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::string diagnostics;
};

TEST_P(VerifyNumerics, EveryPassOfThePipelineKeepsValues) {
  NumericsVerdict verdict = run();
  EXPECT_FALSE(verdict.failed()) << diagnostics;
  EXPECT_EQ(verdict.verified, static_cast<int>(pipelinePasses().size()));
}

TEST_P(VerifyNumerics, NamesAPassThatChangesValuesInNN) {
  EXPECT_EQ(run("", std::make_unique<BreakEpsilon>()).culprit, "break-epsilon");
  EXPECT_NE(diagnostics.find("pass 'break-epsilon' changes values: relative L2 error "), std::string::npos)
      << diagnostics;
}

TEST_P(VerifyNumerics, NamesAPassThatDropsAResidual) {
  EXPECT_EQ(run("fuse-residual", std::make_unique<BreakResidual>()).culprit, "break-residual");
}

TEST_P(VerifyNumerics, NamesAPassThatExchangesMatrices) {
  EXPECT_EQ(run("fuse-activation-mul", std::make_unique<BreakGateUp>()).culprit, "break-gate-up");
}

INSTANTIATE_TEST_SUITE_P(Models, VerifyNumerics, testing::Values("qwen3-gqa2-tied", "llama-gqa4-rope-llama3"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
