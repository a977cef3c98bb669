// What the persistent kernel really exchanges, recorded by the emulation, against the ops of its schedule: the proof in
// compiler/schedule/exchanges.cpp is about those.
#include "codegen/source.h"
#include "compiler/driver/compile.h"
#include "compiler/schedule/layer.h"
#include "runtime/cuda/executor.h"
#include "runtime/plan/plan.h"
#include "test/compiler/recorded/record.h"
#include "test/runtime/cuda/emulator.h"
#include "test/temporary_folder.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace cadenza;

namespace {

/// What is changed in the kernel before it is compiled: a mistake that a test wants to see found.
struct Damage {
  std::string file, from, to;
};

class RecordedExchanges : public testing::Test {
protected:
  /// Compiles a model for the emulation, with its schedule in the plan.
  void compile(const std::string &model, int multiprocessors, bool clusters, std::vector<Damage> damages = {},
               int subgroups = 0, int shareFrom = 0, int units = 0) {
    CompileOptions options;
    options.import.directory = CADENZA_SOURCE_DIR "/test/fixtures/models/" + model;
    options.output = folder.path("model.plan");
    options.targets = "host";
    options.schedules = Schedules::Persistent;
    options.multiprocessors = multiprocessors;
    options.clusters = clusters;
    options.subgroups = subgroups;
    options.shareContextFrom = shareFrom;
    if (units > 0) {
      ASSERT_NO_FATAL_FAILURE(copyWithUnits(options.import.directory, units));
      options.import.directory = folder.path("model");
      options.import.randomSeed = 3;
    }
    options.embedIr = true;
    if (!damages.empty()) {
      options.overrideSource = folder.path("source");
      for (const Damage &damage : damages)
        ASSERT_NO_FATAL_FAILURE(apply(damage));
    }
    Progress progress(/*quiet=*/true);
    const Status status = compileModel(options, progress);
    ASSERT_TRUE(status.isOk()) << status.message();
    auto opened = Plan::open(options.output);
    ASSERT_TRUE(opened.isOk()) << opened.status().message();
    plan = std::move(*opened);
    context.loadDialect<mlir::func::FuncDialect, nn::NNDialect, step::StepDialect, sched::SchedDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(plan->ir(), &context);
    ASSERT_TRUE(module);
    usual = *module->getOps<sched::GridOp>().begin();
    continuation = sched::continuationOf(usual);
  }

  /// The configuration of a model, with so many feed-forward units: enough for more groups.
  void copyWithUnits(const std::string &directory, int units) {
    std::ifstream file(directory + "/config.json");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const std::string name = "\"intermediate_size\": ";
    const size_t at = text.find(name);
    ASSERT_NE(at, std::string::npos) << directory;
    text.replace(at + name.size(), text.find(',', at) - at - name.size(), std::to_string(units));
    std::filesystem::create_directories(folder.path("model"));
    std::ofstream(folder.path("model/config.json")) << text;
  }

  void apply(const Damage &damage) {
    for (const SourceFile &file : deviceCode()) {
      if (file.path != "kernels/" + damage.file)
        continue;
      std::string text = file.text;
      const size_t at = text.find(damage.from);
      ASSERT_NE(at, std::string::npos) << damage.from;
      text.replace(at, damage.from.size(), damage.to);
      std::filesystem::create_directories(folder.path("source/kernels"));
      std::ofstream(folder.path("source/" + file.path)) << text;
    }
  }

  /// Runs steps from `position` on, the first `headless` of which select nothing, and compares what they exchanged.
  std::string run(int64_t position, int64_t steps, int64_t headless, int64_t parts, uint64_t seed) {
    const Division &division = plan->program().divisions[0];
    const bool isLong = division.longContext && position >= division.longContext->fromPosition;
    sched::GridOp grid = isLong ? continuation : usual;
    const std::string path = folder.path("record.txt");
    setenv("CADENZA_EMULATION_RECORD", path.c_str(), 1);
    setenv("CADENZA_EMULATED_SMS", std::to_string(grid.getBlocks()).c_str(), 1);
    setenv("CADENZA_EMULATED_CAPABILITY", grid.getClusters() ? "9.0" : "8.6", 1);
    cadenza::test::resetEmulator("", seed);
    {
      auto executor = cuda::CudaExecutor::make(*plan, {.context = 128, .schedule = Schedule::Persistent}, 0);
      EXPECT_TRUE(executor.isOk()) << executor.status().message();
      if (executor.isOk()) {
        const std::vector<int32_t> prompt(headless + 1, 3);
        EXPECT_TRUE((position > 0 ? (*executor)->fillCache(position, 1) : (*executor)->begin(prompt, {})).isOk());
        for (int64_t step = 0; step < steps; ++step)
          EXPECT_TRUE((*executor)->enqueueStep(/*withHead=*/step >= headless).isOk());
        (void)(*executor)->synchronize(); // a damaged kernel may fail
      }
    }
    unsetenv("CADENZA_EMULATION_RECORD");
    unsetenv("CADENZA_EMULATED_SMS");
    unsetenv("CADENZA_EMULATED_CAPABILITY");
    cadenza::test::resetEmulator(); // closes the file
    auto phases = readDecoder(*module->getOps<mlir::func::FuncOp>().begin());
    if (mlir::failed(phases))
      return "no decoder";
    auto shape = shapeOf(*phases);
    if (mlir::failed(shape))
      return "no shape";
    sched::PartOp attention = *grid.getLayers().getBody().getOps<sched::PartOp>().begin();
    shape->subgroups = static_cast<int64_t>(*attention.getComputations().front().getOf()) / shape->kvHeads;
    const auto events = cadenza::test::readRecord(path, grid, *shape);
    EXPECT_GT(events.size(), 1000u);
    return cadenza::test::compareRecord(events, grid, steps, headless, parts, /*sharing=*/isLong ? 1 : 0);
  }

  cadenza::test::TemporaryFolder folder;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::shared_ptr<const Plan> plan;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  sched::GridOp usual, continuation; // the second one may be null
};

// Groups with a KV head and one without; norms whose factor is deferred. The context is one rank's, then both ranks'.
TEST_F(RecordedExchanges, AreThoseOfTheOps) {
  compile("llama-gqa4-rope-llama3", 6, /*clusters=*/true);
  for (uint64_t seed : {1, 7})
    EXPECT_EQ(run(0, 5, 2, 1, seed), "");
  EXPECT_EQ(run(40, 3, 0, 2, 1), "");
}

TEST_F(RecordedExchanges, AreThoseOfTheOpsWithoutClusters) {
  compile("llama-gqa4-rope-llama3", 6, /*clusters=*/false);
  EXPECT_EQ(run(0, 5, 2, 1, 1), "");
  EXPECT_EQ(run(40, 3, 0, 2, 1), "");
}

// Two groups have the same KV head.
TEST_F(RecordedExchanges, OfSubgroups) {
  for (bool clusters : {true, false}) {
    compile("llama-gqa4-rope-llama3", 6, clusters, {}, /*subgroups=*/2);
    EXPECT_EQ(run(40, 3, 0, 2, 1), "");
  }
}

// Four groups share the context of their KV head, in a kernel that runs once it is long.
TEST_F(RecordedExchanges, OfASharedContext) {
  for (bool clusters : {true, false}) {
    compile("llama-gqa4-rope-llama3", 8, clusters, {}, /*subgroups=*/4, /*shareFrom=*/20, /*units=*/128);
    ASSERT_TRUE(continuation);
    EXPECT_EQ(run(40, 3, 0, 2, 1), "");
    EXPECT_EQ(run(0, 4, 1, 1, 7), "");
  }
}

TEST_F(RecordedExchanges, AMissingQueryOfASharedContextIsSeen) {
  compile("llama-gqa4-rope-llama3", 8, true,
          {{"persistent_context.cuh", "    for (int i = Team::thread(); i < query_words;",
            "    for (int i = Team::thread(); i < query_words && p.counter != 1;"},
           {"arch_async.cuh", "now - start > static_cast<uint32_t>(limit_ns)", "now - start > 2000000"}},
          /*subgroups=*/4, /*shareFrom=*/20, /*units=*/128);
  EXPECT_EQ(run(40, 2, 0, 2, 1),
            "no thread of block 0 writes queries of a shared context (part 0), which the schedule does");
}

// f16: sums of squares hop before the residual stream.
TEST_F(RecordedExchanges, OfSumsOfSquaresBeforeTheRows) {
  for (bool clusters : {true, false}) {
    compile("qwen3-f16-sharded", 4, clusters);
    EXPECT_EQ(run(0, 4, 1, 1, 1), "");
  }
}

// A norm of all query heads and one of all key heads; a KV head a group, or one group that has both.
TEST_F(RecordedExchanges, OfNormsOfAllHeads) {
  for (bool clusters : {true, false}) {
    compile("olmo2-biases", 4, clusters);
    EXPECT_EQ(run(40, 3, 0, 2, 1), "");
    compile("olmo3-interval", 4, clusters);
    EXPECT_EQ(run(0, 4, 1, 1, 7), "");
  }
  compile("olmo2-biases", 2, /*clusters=*/true);
  EXPECT_EQ(run(40, 3, 0, 2, 1), "");
}

TEST_F(RecordedExchanges, AMissingSumOfAllHeadsIsSeen) {
  compile("olmo3-interval", 4, true,
          {{"persistent_head_norm.cuh", "if (row % chunk == 0 && row < tile.live_rows)",
            "if (row % chunk == 0 && row < tile.live_rows && !(tile.slot == 1 && tile.p.counter == 1))"},
           {"arch_async.cuh", "now - start > static_cast<uint32_t>(limit_ns)", "now - start > 2000000"}});
  EXPECT_EQ(run(0, 2, 0, 1, 1),
            "no thread of block 0 writes sums of squares of all keys (part 0), which the schedule does");
}

TEST_F(RecordedExchanges, AMissingPublishIsSeen) {
  compile("llama-gqa4-rope-llama3", 6, true,
          {{"exchange.cuh", "if (arch::lane() < stripe_packets)", "if (arch::lane() < stripe_packets && epoch != 2)"},
           {"arch_async.cuh", "now - start > static_cast<uint32_t>(limit_ns)", "now - start > 2000000"}});
  EXPECT_EQ(run(0, 2, 0, 1, 1), "no thread of block 0 writes partial sums (part 0, set 1), which the schedule does");
}

TEST_F(RecordedExchanges, AnEarlyPublishIsSeen) {
  const std::string await = "    Hop::await(block, Block::hop_units, hop_bytes, p, PersistentWait::hop_units);\n";
  const std::string publish = "    residual.publish(down, part, Block::unit_values(), p);\n";
  compile("llama-gqa4-rope-llama3", 6, true,
          {{"persistent_feed_forward.cuh", await + "    block.mark(PersistentWork::down, p.layer);\n" + publish,
            publish + await}});
  const std::string difference = run(0, 2, 0, 1, 1);
  EXPECT_NE(difference.find("reads units after it writes partial sums (part 1, set "), std::string::npos) << difference;
}

} // namespace
