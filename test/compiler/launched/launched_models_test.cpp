// Whole models that no importer makes (yet), as `nn` IR: their step programs run as kernels in the emulation and on the
// CPU executor: of the `launch` schedule fused, unfused and without each pass that finds something in them, and of the
// persistent schedule, where it has a place for them, with the same bits.
#include "codegen/host_compiler.h"
#include "compiler/import/random_weights.h"
#include "compiler/plan/generate_code.h"
#include "compiler/plan/weight_packer.h"
#include "compiler/schedule/exchanges.h"
#include "passes/Passes.h"
#include "runtime/executor.h"
#include "test/runtime/cuda/emulator.h"
#include "test/temporary_folder.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;
using namespace cadenza;

namespace {

using Logits = std::vector<std::vector<float>>; // a step each

class LaunchedModel : public testing::TestWithParam<std::tuple<const char *, const char *>> {
protected:
  LaunchedModel() {
    context.loadDialect<func::FuncDialect, nn::NNDialect, step::StepDialect>();
    cadenza::test::resetEmulator();
  }

  /// Compiles the model for the host, with the passes that `options` leaves, and opens its plan.
  void compile(const PipelineOptions &options) {
    OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(
        CADENZA_SOURCE_DIR "/test/passes/Inputs/" + std::string(std::get<0>(GetParam())) + ".mlir", &context);
    ASSERT_TRUE(module);
    if (longAfter > 0)
      addLongTable(*module);
    PassManager manager(&context);
    ASSERT_FALSE(buildPipeline(manager, options));
    buildSchedules(manager, options);
    ASSERT_TRUE(succeeded(manager.run(*module)));
    for (sched::GridOp grid : module->getOps<sched::GridOp>()) {
      const Status proof = verifyExchanges(grid);
      EXPECT_TRUE(proof.isOk()) << proof.message();
    }
    auto code = generateCode(*module);
    ASSERT_TRUE(succeeded(code));
    Decoder decoder;
    decoder.vocabulary = 67;
    decoder.hiddenSize = 64;
    decoder.layers = 1;
    decoder.maxContext = 64;
    auto built = buildProgram(*module, {std::get<0>(GetParam()), ""}, decoder, &*code);
    ASSERT_TRUE(succeeded(built));
    auto image = compileForHost(code->source);
    ASSERT_TRUE(image.isOk()) << image.status().message();
    const auto weights = makeRandomWeights(1);
    SourcePacker packer(*built, *weights);
    PlanContents contents;
    contents.program = &built->program;
    contents.metadata = nlohmann::ordered_json::object();
    contents.code = {image->section()};
    contents.sources = code->source.files;
    contents.packer = &packer;
    const std::string path = folder.path("model.plan");
    const Status written = writePlan(path, contents);
    ASSERT_TRUE(written.isOk()) << written.message();
    auto opened = Plan::open(path);
    ASSERT_TRUE(opened.isOk()) << opened.status().message();
    plan = std::move(*opened);
  }

  /// Other frequencies for sequences of more than longAfter tokens.
  void addLongTable(ModuleOp module) const {
    module.walk([&](nn::RopeOp rope) {
      auto weight = SymbolTable::lookupNearestSymbolFrom<nn::WeightOp>(rope, rope.getInverseFrequenciesAttr());
      std::vector<float> values;
      for (const APFloat &value : cast<DenseElementsAttr>(*weight.getValue()).getValues<APFloat>())
        values.push_back(value.convertToFloat() / 3);
      const auto other = DenseElementsAttr::get(cast<ShapedType>(weight.getType()), ArrayRef<float>(values));
      weight.setLongTableAttr(nn::LongAttr::get(&context, other, longAfter));
    });
  }

  /// The logits of each of a few given tokens.
  static Logits run(Executor &executor, size_t count = 24) {
    std::vector<int32_t> tokens(count);
    for (size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = static_cast<int32_t>((7 + 31 * i) % 67);
    Logits logits;
    EXPECT_TRUE(executor.begin(tokens, {}).isOk());
    for (size_t i = 0; i < tokens.size(); ++i) {
      EXPECT_TRUE(executor.enqueueStep(/*withHead=*/true).isOk());
      auto values = executor.logits();
      EXPECT_TRUE(values.isOk()) << values.status().message();
      if (values.isOk())
        logits.emplace_back(values->begin(), values->end());
    }
    return logits;
  }
  Logits onCpu() {
    auto executor = makeCpuExecutor(*plan, {.context = 32, .logits = true});
    EXPECT_TRUE(executor.isOk()) << executor.status().message();
    return executor.isOk() ? run(**executor) : Logits();
  }
  Logits emulated(uint64_t seed, Schedule schedule = Schedule::Launch) {
    cadenza::test::resetEmulator("", seed);
    auto executor = makeCudaExecutor(*plan, {.context = 32, .logits = true, .schedule = schedule});
    EXPECT_TRUE(executor.isOk()) << executor.status().message();
    return executor.isOk() ? run(**executor) : Logits();
  }

  /// Both round activations to 16 bits at the same places; sums differ in their order.
  static void expectNear(const Logits &actual, const Logits &expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t step = 0; step < expected.size(); ++step) {
      ASSERT_EQ(actual[step].size(), expected[step].size());
      double difference = 0, norm = 0;
      for (size_t i = 0; i < expected[step].size(); ++i) {
        difference += std::pow(static_cast<double>(actual[step][i]) - expected[step][i], 2);
        norm += std::pow(static_cast<double>(expected[step][i]), 2);
      }
      EXPECT_LE(std::sqrt(difference / norm), 0.01) << "step " << step;
    }
  }

  mutable MLIRContext context{MLIRContext::Threading::DISABLED};
  int64_t longAfter = 0; // see addLongTable
  cadenza::test::TemporaryFolder folder;
  std::shared_ptr<const Plan> plan;
};

/// Layers that differ in a choice are one block, whose tables name each choice more than once.
TEST(AlternatingLayers, AreOneBlock) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<func::FuncDialect, nn::NNDialect, step::StepDialect>();
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(CADENZA_SOURCE_DIR "/test/passes/Inputs/post_norm.mlir", &context);
  ASSERT_TRUE(module);
  PassManager manager(&context);
  ASSERT_FALSE(buildPipeline(manager, {}));
  buildSchedules(manager, {});
  ASSERT_TRUE(succeeded(manager.run(*module)));
  Decoder decoder;
  decoder.vocabulary = 67;
  auto built = buildProgram(*module, {}, decoder, nullptr);
  ASSERT_TRUE(succeeded(built));
  const Program &program = built->program;
  ASSERT_EQ(program.entries[0].blocks.size(), 3u);
  const cadenza::Block &layers = program.entries[0].blocks[1];
  EXPECT_EQ(layers.count, 4);
  ASSERT_EQ(layers.phases.size(), 7u);

  const Ref rope = layers.phases[0].epilogues[0].weights[0];
  ASSERT_TRUE(rope.perLayer);
  std::vector<std::string> tables;
  for (uint32_t weight : program.weightTables[rope.index]) {
    EXPECT_EQ(program.weights[weight].encoding, Encoding::rope_table);
    tables.push_back(program.weights[weight].name);
  }
  EXPECT_EQ(tables, (std::vector<std::string>{"rope.local", "rope.global", "rope.local", "rope.global"}));
  ASSERT_EQ(layers.phases[1].scalars.size(), 1u);
  std::vector<int64_t> windows;
  for (uint32_t scalar : program.scalarTables[layers.phases[1].scalars[0].index])
    windows.push_back(program.scalars[scalar].value);
  EXPECT_EQ(windows, (std::vector<int64_t>{3, 0, 3, 0}));
}

TEST_P(LaunchedModel, IsWhatTheCpuComputes) {
  const std::string without = std::get<1>(GetParam());
  PipelineOptions options;
  options.none = without == "everything";
  if (!options.none && without != "nothing")
    options.disabled = {without};
  compile(options);
  if (HasFatalFailure())
    return;
  const Logits actual = emulated(1);
  expectNear(actual, onCpu());
  EXPECT_EQ(actual, emulated(20)) << "bits depend on scheduling";
}

class PersistentModel : public LaunchedModel {
protected:
  void TearDown() override { unsetenv("CADENZA_EMULATED_SMS"); }
};

TEST_P(PersistentModel, HasTheBitsOfLaunches) {
  PipelineOptions options;
  options.persistent = {{.groups = 3, .ranks = 2, .sharedBytes = 232448}};
  options.persistent[0].clusters = std::string(std::get<1>(GetParam())) != "clusters";
  compile(options);
  if (HasFatalFailure())
    return;
  setenv("CADENZA_EMULATED_SMS", "6", 1);
  const Logits launched = emulated(1);
  expectNear(launched, onCpu());
  for (uint64_t seed : {1, 7})
    EXPECT_EQ(emulated(seed, Schedule::Persistent), launched) << "seed " << seed;
}

class LongSequences : public PersistentModel {};

TEST_P(LongSequences, HaveTheirOwnRope) {
  PipelineOptions options;
  options.persistent = {{.groups = 3, .ranks = 2, .sharedBytes = 232448}};
  compile(options);
  if (HasFatalFailure())
    return;
  const auto shortPlan = plan;
  longAfter = 12;
  compile(options);
  if (HasFatalFailure())
    return;
  setenv("CADENZA_EMULATED_SMS", "6", 1);
  Logits launchedLong;
  for (Schedule schedule : {Schedule::Auto, Schedule::Launch, Schedule::Graph, Schedule::Persistent}) {
    SCOPED_TRACE(static_cast<int>(schedule));
    const ExecutorOptions how{.context = 32, .logits = true, .schedule = schedule};
    const auto make = [&](const Plan &of) {
      cadenza::test::resetEmulator("", 1);
      return schedule == Schedule::Auto ? makeCpuExecutor(of, how) : makeCudaExecutor(of, how);
    };
    Logits alwaysShort;
    {
      auto executor = make(*shortPlan);
      ASSERT_TRUE(executor.isOk()) << executor.status().message();
      alwaysShort = run(**executor);
    }
    auto executor = make(*plan);
    ASSERT_TRUE(executor.isOk()) << executor.status().message();
    const Logits ofShort = run(**executor, 12);
    EXPECT_EQ(ofShort, Logits(alwaysShort.begin(), alwaysShort.begin() + 12));
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ((*executor)->enqueueStep(true).code(), StatusCode::InvalidArgument); // it would be a long one
    const Logits ofLong = run(**executor);
    for (size_t step = 1; step < ofLong.size(); ++step) // at position 0 no angle differs
      EXPECT_NE(ofLong[step], alwaysShort[step]) << step;
    EXPECT_EQ(run(**executor, 12), ofShort);
    EXPECT_EQ(run(**executor, 13), Logits(ofLong.begin(), ofLong.begin() + 13));
    if (schedule == Schedule::Launch) {
      launchedLong = ofLong;
    } else if (schedule != Schedule::Auto) {
      EXPECT_EQ(ofLong, launchedLong);
    }
  }
}

std::string nameOf(const testing::TestParamInfo<std::tuple<const char *, const char *>> &info) {
  std::string name = std::string(std::get<0>(info.param)) + "_without_" + std::get<1>(info.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(PostNorm, LaunchedModel,
                         testing::Combine(testing::Values("post_norm"),
                                          testing::Values("nothing", "everything", "roll-layers", "fuse-maps",
                                                          "fuse-norm-project")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(LayerNorm, LaunchedModel,
                         testing::Combine(testing::Values("layer_norm"),
                                          testing::Values("nothing", "everything", "merge-projections",
                                                          "fuse-norm-project", "fuse-query-key-value",
                                                          "fuse-activation-mul", "fuse-residual", "fuse-head-select")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Ungated, LaunchedModel,
                         testing::Combine(testing::Values("ungated"),
                                          testing::Values("nothing", "everything", "fuse-query-key-value",
                                                          "fuse-activation-mul", "fuse-residual")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Capped, LaunchedModel,
                         testing::Combine(testing::Values("capped"),
                                          testing::Values("nothing", "everything", "fuse-activation-mul",
                                                          "fuse-head-select")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(ParallelBranches, LaunchedModel,
                         testing::Combine(testing::Values("parallel_branches"),
                                          testing::Values("nothing", "everything", "fuse-query-key-value",
                                                          "fuse-residual")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Models, PersistentModel,
                         testing::Combine(testing::Values("ungated", "capped", "post_norm", "layer_norm"),
                                          testing::Values("nothing", "clusters")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Models, LongSequences,
                         testing::Combine(testing::Values("ungated"), testing::Values("nothing")), nameOf);
INSTANTIATE_TEST_SUITE_P(WholeNorms, LaunchedModel,
                         testing::Combine(testing::Values("whole_norms"), testing::Values("nothing", "everything")),
                         nameOf);

} // namespace
