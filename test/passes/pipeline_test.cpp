// Every set of optional passes computes the same, and keeps what it needs in memory (symbolic_step.h).
#include "passes/Passes.h"
#include "test/passes/symbolic_step.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <filesystem>

using namespace mlir;
using namespace cadenza;
using namespace cadenza::test;

namespace {

class PipelineTest : public testing::TestWithParam<const char *> {
protected:
  PipelineTest() {
    context.loadDialect<func::FuncDialect, nn::NNDialect, step::StepDialect>();
    module = parseSourceFile<ModuleOp>(CADENZA_SOURCE_DIR "/test/passes/Inputs/" + std::string(GetParam()), &context);
  }

  /// Runs the pipeline on a copy of the module.
  OwningOpRef<ModuleOp> compile(const PipelineOptions &options) {
    OwningOpRef<ModuleOp> copy(module->clone());
    PassManager manager(&context);
    EXPECT_FALSE(buildPipeline(manager, options));
    EXPECT_TRUE(succeeded(manager.run(*copy)));
    return copy;
  }

  /// But for those of graphs, which find nothing in a decoder.
  static std::vector<std::string> optionalPasses() {
    constexpr llvm::StringLiteral ofGraphs[] = {"sink-movement", "fuse-attention",   "fuse-products",
                                                "fuse-rows",     "fuse-elementwise", "merge-products"};
    std::vector<std::string> names;
    for (const PipelinePass &pass : pipelinePasses()) {
      if (pass.optional && !llvm::is_contained(ofGraphs, pass.name))
        names.push_back(pass.name.str());
    }
    return names;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
};

std::vector<std::pair<std::string, Term>> run(ModuleOp module, Terms &terms) {
  return SymbolicStep(*module.getOps<func::FuncOp>().begin(), terms).run();
}

size_t phases(ModuleOp module) {
  size_t count = 0;
  module.walk([&](step::PhaseOpInterface) { ++count; });
  return count;
}

std::string text(ModuleOp module) {
  std::string result;
  llvm::raw_string_ostream(result) << module;
  return result;
}

TEST_P(PipelineTest, EverySetOfPassesComputesTheSame) {
  ASSERT_TRUE(module);
  Terms terms;
  OwningOpRef<ModuleOp> converted(module->clone());
  PassManager manager(&context);
  manager.addPass(createConvertNNToStep());
  ASSERT_TRUE(succeeded(manager.run(*converted)));
  const auto expected = run(*converted, terms);
  ASSERT_GE(expected.size(), 2u);

  const std::vector<std::string> names = optionalPasses();
  for (size_t set = 0; set < size_t{1} << names.size(); ++set) {
    PipelineOptions options;
    for (size_t i = 0; i < names.size(); ++i) {
      if (set >> i & 1)
        options.disabled.push_back(names[i]);
    }
    SCOPED_TRACE("without " + llvm::join(options.disabled, ", "));
    OwningOpRef<ModuleOp> compiled = compile(options);
    ASSERT_TRUE(succeeded(verify(*compiled)));
    ASSERT_EQ(run(*compiled, terms), expected);
  }
}

TEST_P(PipelineTest, NoneIsTheConversionAlone) {
  OwningOpRef<ModuleOp> compiled = compile({.none = true, .disabled = {}});
  size_t ops = 0;
  module->walk([&](nn::EvaluateOpInterface) { ++ops; });
  EXPECT_EQ(phases(*compiled), ops);
}

TEST_P(PipelineTest, TheSameTextEveryTime) { EXPECT_EQ(text(*compile({})), text(*compile({}))); }

TEST_P(PipelineTest, EveryPassIsNeeded) {
  // Without a pass that found something to do there is a phase more, but for those that keep the phases. roll-layers
  // makes the program shorter. one_layer.mlir has something to do for every pass.
  OwningOpRef<ModuleOp> compiled = compile({});
  const std::string all = text(*compiled);
  for (const std::string &name : optionalPasses()) {
    if (name == "roll-layers")
      continue;
    const bool matched = StringRef(all).contains("\"" + name + "\"");
    EXPECT_TRUE(matched || StringRef(GetParam()) != "one_layer.mlir") << name;
    const size_t without = phases(*compile({.none = false, .disabled = {name}}));
    if (matched && name != "defer-norm-scale" && name != "narrow-edges" && name != "bound-caches")
      EXPECT_GT(without, phases(*compiled)) << name;
    else
      EXPECT_EQ(without, phases(*compiled)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PipelineTest,
                         testing::Values("qwen3.mlir", "llama.mlir", "one_layer.mlir", "post_norm.mlir",
                                         "layer_norm.mlir", "whole_norms.mlir", "ungated.mlir", "capped.mlir",
                                         "parallel_branches.mlir"),
                         [](const auto &info) { return std::filesystem::path(info.param).stem().string(); });

TEST(PipelineOptionsTest, UnknownPass) {
  MLIRContext context;
  PassManager manager(&context);
  EXPECT_EQ(llvm::toString(buildPipeline(manager, {.disabled = {"fuse-everything"}})),
            "there is no pass 'fuse-everything'");
}

TEST(PipelineOptionsTest, PassThatIsNotOptional) {
  MLIRContext context;
  PassManager manager(&context);
  EXPECT_EQ(llvm::toString(buildPipeline(manager, {.disabled = {"assign-buffers"}})),
            "pass 'assign-buffers' cannot be disabled: a plan needs it");
}

} // namespace
