// The CPU executor computes what the nn reference computes, phase by phase: for every model among the fixtures, with
// every pass, with none, and with each left out.
#include "compiler/verify/reference_comparison.h"
#include "test/compiler/verify/fixture_program.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

using namespace mlir;

class ReferenceComparison : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    context.loadDialect<func::FuncDialect, nn::NNDialect, step::StepDialect>();
    Findings findings;
    auto imported = importHuggingFace(context, {.directory = (test::fixtureModels() / GetParam()).string()}, findings);
    ASSERT_TRUE(imported.isOk()) << imported.status().message();
    model = std::move(*imported);
    tokens = test::tokensOf(GetParam());
  }

  void expectAgreement(const PipelineOptions &options) {
    OwningOpRef<ModuleOp> step = test::lower(*model.module, options);
    ASSERT_TRUE(step);
    StatusOr<test::CpuProgram> program = test::makeCpuProgram(*step, model, static_cast<int64_t>(tokens.size()));
    ASSERT_TRUE(program.isOk()) << program.status().message();
    StatusOr<Comparison> comparison = compareWithReference(test::decodeOf(*model.module), *model.weights,
                                                           test::decodeOf(*step), *program->executor, tokens);
    ASSERT_TRUE(comparison.isOk()) << comparison.status().message();
    if (comparison->firstMismatch) {
      const PhaseDifference &d = *comparison->firstMismatch;
      ADD_FAILURE() << "phase '" << d.phase << "', output '" << d.output << "', iteration " << d.iteration << ", token "
                    << d.position << ": relative L2 " << d.relativeL2 << ", tolerance " << d.tolerance;
    }
    for (const PhaseDifference &d : comparison->largest)
      std::printf("%-26s %-28s %-12.3g %-12.3g\n", d.phase.c_str(), d.output.c_str(), d.relativeL2, d.tolerance);
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  ImportedModel model;
  std::vector<int32_t> tokens;
};

TEST_P(ReferenceComparison, Fused) { expectAgreement(PipelineOptions()); }

TEST_P(ReferenceComparison, Unfused) {
  PipelineOptions options;
  options.none = true;
  expectAgreement(options);
}

TEST_P(ReferenceComparison, WithoutEachPass) {
  for (const PipelinePass &pass : pipelinePasses()) {
    SCOPED_TRACE(std::string(pass.name));
    PipelineOptions options;
    options.disabled = {std::string(pass.name)};
    if (pass.optional)
      expectAgreement(options);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ReferenceComparison, testing::ValuesIn(test::fixtureModelNames()),
                         [](const auto &info) { return test::testName(info.param); });

} // namespace
} // namespace cadenza
