// The latency of a graph: what it is measured with, and what is said of it.
#include "runtime/bench/graph.h"
#include "runtime/bench/statistics.h"
#include "test/runtime/plan/fusion_program.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace cadenza::bench {
namespace {

using testing::FusionProgram;

/// Rows of two tables, one of them of two rows, where a mask is not 0.
FusionProgram embeddings() {
  FusionProgram made;
  made.program.model.weights = "random:1";
  const uint32_t words = made.weight("words", nn::zeros({ElementType::f32, {1000, 4}}));
  const uint32_t types = made.weight("types", nn::zeros({ElementType::f32, {2, 4}}));
  const nn::TensorSpec integers{ElementType::i64, {1, 8}}, spec{ElementType::f32, {1, 8, 4}};
  const uint32_t ids = made.input("input_ids", integers), kinds = made.input("token_type_ids", integers);
  const uint32_t mask = made.input("attention_mask", integers), bias = made.input("bias", {ElementType::f32, {4}});
  const uint32_t keep = made.input("keep", {ElementType::boolean, {}});
  made.fusion("embed");
  const uint32_t word = made.op("gather", {{"axis", 0}}, {made.getWeight(words), made.read(ids)}, {spec});
  const uint32_t type = made.op("gather", {{"axis", -2}}, {made.getWeight(types), made.read(kinds)}, {spec});
  const uint32_t sum = made.op("binary", {{"function", "add"}}, {word, type}, {spec});
  const uint32_t biased = made.op("binary", {{"function", "add"}}, {sum, made.read(bias)}, {spec});
  const uint32_t wide = made.op("reshape", {}, {made.read(mask)}, {{ElementType::i64, {1, 8, 1}}});
  const uint32_t factor = made.op("cast", {}, {wide}, {{ElementType::f32, {1, 8, 1}}});
  const uint32_t masked = made.op("binary", {{"function", "mul"}}, {biased, factor}, {spec});
  made.store("y", made.op("where", {}, {made.read(keep), masked, sum}, {spec}));
  made.outputs({"y"});
  return made;
}

/// Weights as they are.
class Copy : public WeightPacker {
public:
  explicit Copy(const FusionProgram &made) : made_(made) {}
  Status pack(uint32_t index, std::span<std::byte> out) override {
    std::copy_n(made_.weights.begin() + static_cast<int64_t>(made_.program.weights[index].offset), out.size(),
                out.begin());
    return Status::ok();
  }

private:
  const FusionProgram &made_;
};

TEST(GraphInputs, AreWhatAGraphCanTake) {
  const Program program = embeddings().program;
  const auto inputs = graphInputs(program, program.entries[0], {});
  ASSERT_TRUE(inputs.isOk()) << inputs.status().message();
  std::vector<std::string> values;
  for (const GraphInput &input : *inputs)
    values.push_back(input.name + " " + nn::text(input.value) + " " + input.values);
  EXPECT_EQ(values, (std::vector<std::string>{
                        "input_ids i64 [1, 8] random in [0, 100)", "token_type_ids i64 [1, 8] random in [0, 2)",
                        "attention_mask i64 [1, 8] ones", "bias f32 [4] random in [-1, 1)", "keep bool [] ones"}));
  for (int64_t id : nn::integers((*inputs)[0].value))
    EXPECT_TRUE(id >= 0 && id < 100) << id;
  for (int64_t kind : nn::integers((*inputs)[1].value))
    EXPECT_TRUE(kind == 0 || kind == 1) << kind;
  EXPECT_EQ(nn::integers((*inputs)[2].value), std::vector<int64_t>(8, 1));
  EXPECT_NE(nn::reals((*inputs)[3].value)[0], nn::reals((*inputs)[3].value)[1]);
}

TEST(GraphInputs, OptionsAreChecked) {
  const Program program = embeddings().program;
  const auto error = [&](const GraphInputOptions &options) {
    return graphInputs(program, program.entries[0], options).status().message();
  };
  EXPECT_EQ(error({.files = {}, .ranges = {"input_ids=10,20", "bias=0,1e-3"}}), "");
  EXPECT_EQ(error({.files = {}, .ranges = {"ids=0,1"}}), "entry 'run' takes no \"ids\"");
  for (const char *range : {"bias=1", "bias=1,", "bias=1,1", "bias=a,2", "bias=1,2x"})
    EXPECT_EQ(error({.files = {}, .ranges = {range}}),
              std::string("--input-range '") + range + "': expected NAME=LOW,HIGH, the lower number first");
  EXPECT_EQ(error({.files = {"bias=a.npy"}, .ranges = {"bias=0,1"}}),
            "input \"bias\" is given by a file and by a range");
}

TEST(MeasureGraph, OnTheCpu) {
  const test::TemporaryFolder folder;
  const FusionProgram made = embeddings();
  Copy packer(made);
  PlanContents contents;
  contents.program = &made.program;
  contents.metadata = {{"compiler", {{"commit", "abcdef"}}}, {"source_sha256", "0123"}};
  contents.packer = &packer;
  ASSERT_TRUE(writePlan(folder.path("g.plan"), contents).isOk());
  const auto plan = Plan::open(folder.path("g.plan"));
  ASSERT_TRUE(plan.isOk()) << plan.status().message();
  GraphBenchOptions options;
  options.runs = 5;
  options.warmup = 1;
  const auto result = measureGraph(**plan, "cpu", options, [](const std::string &) {});
  ASSERT_TRUE(result.isOk()) << result.status().message();
  EXPECT_GT(result->times.p10, 0);
  EXPECT_LE(result->times.p10, result->times.median);
  EXPECT_LE(result->times.median, result->times.p90);
  const std::string text = formatReport(*result, ReportStyle::Text);
  for (const char *part : {"fusions, entry run, cpu\n", "Random weights (random:1)", "5 runs after 1 untimed ones",
                           "attention_mask", "random in [0, 2)"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  const nlohmann::ordered_json record = toRecords(*result)[0];
  EXPECT_EQ(record["commit"], "abcdef");
  EXPECT_EQ(record["inputs"][2]["values"], "ones");
  EXPECT_TRUE(record["schedule"].is_null());
  std::ifstream file(CADENZA_SOURCE_DIR "/docs/benchmarks/README.md");
  std::ostringstream readme;
  readme << file.rdbuf();
  for (const auto &[key, value] : record.items())
    EXPECT_NE(readme.str().find("`" + key + "`"), std::string::npos) << key << " is not described";
  options.runs = 0;
  EXPECT_EQ(measureGraph(**plan, "cpu", options, [](const std::string &) {}).status().code(),
            StatusCode::InvalidArgument);
}

TEST(Quantile, InterpolatesBetweenValues) {
  EXPECT_EQ(quantile({}, 0.5), 0);
  EXPECT_EQ(quantile({3}, 0.9), 3);
  EXPECT_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_EQ(quantile({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 0.1), 2);
  EXPECT_EQ(quantile({1, 2}, 1), 2);
}

} // namespace
} // namespace cadenza::bench
