#include "runtime/bench/report.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace cadenza::bench {
namespace {

BenchResult example() {
  BenchResult result;
  result.model = "Qwen3-0.6B";
  result.dtype = "int4";
  result.headDtype = "int8";
  result.weights = "random:1";
  result.schedule = "launch";
  result.device = "NVIDIA H100 80GB HBM3";
  result.driver = "580.82.07 (CUDA 13.0)";
  result.commit = "abc";
  result.sourceSha256 = "def";
  result.passes = {"roll-layers"};
  result.date = "2025-01-31";
  result.tokens = 256;
  result.repeats = 5;
  result.launchesPerToken = 142;
  result.hostLaunchesPerToken = 1.0 / 16;
  result.floor = MemoryFloor{3000, "a test"};
  ContextResult context;
  context.context = 128;
  context.tokensPerSecond = {500, 490, 510};
  context.bytesPerToken = 1.2e9;
  context.phases = {
      {"layer.qkv", "project", 28, 300.0}, {"layer.attend", "attend", 28, 400.0}, {"layer.out", "project", 28, 200.0}};
  result.contexts = {context};
  return result;
}

std::string readFile(const std::string &path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Report, RecordHoldsWhatTheDocsSay) {
  nlohmann::ordered_json record = toRecords(example())[0];
  EXPECT_EQ(record["model"], "Qwen3-0.6B");
  EXPECT_EQ(record["dtype"], "int4");
  EXPECT_EQ(record["head_dtype"], "int8");
  EXPECT_EQ(record["context"], 128);
  EXPECT_EQ(record["tokens_per_second"], 500);
  EXPECT_EQ(record["tokens_per_second_min"], 490);
  EXPECT_EQ(record["ms_per_token"], 2);
  EXPECT_EQ(record["bytes_per_token"], 1200000000);
  EXPECT_EQ(record["gb_per_second"], 600);
  EXPECT_EQ(record["floor_share"], 0.2);
  EXPECT_EQ(record["weights"], "random:1");
  EXPECT_EQ(record["launches_per_token"], 142);
  EXPECT_EQ(record["host_launches_per_token"], 0.0625);
  std::string readme = readFile(CADENZA_SOURCE_DIR "/docs/benchmarks/README.md");
  for (const auto &[key, value] : record.items())
    EXPECT_NE(readme.find("`" + key + "`"), std::string::npos) << key << " is not described";
}

TEST(Report, SaysWhenWeightsAreRandomAndWhenTimesMeanNothing) {
  BenchResult result = example();
  EXPECT_NE(formatReport(result, ReportStyle::Text).find("Random weights (random:1)"), std::string::npos);
  EXPECT_EQ(formatReport(result, ReportStyle::Text).find("EMULATED"), std::string::npos);
  result.weights = "checkpoint";
  result.emulated = true;
  result.floor.reset();
  result.noFloor = "none here";
  std::string text = formatReport(result, ReportStyle::Text);
  EXPECT_EQ(text.find("andom"), std::string::npos);
  EXPECT_NE(text.find("EMULATED DEVICE: the times below are meaningless"), std::string::npos);
  EXPECT_NE(text.find("No memory floor: none here"), std::string::npos);
  EXPECT_EQ(toRecords(result)[0]["floor_share"], nullptr);
}

TEST(Report, TablesAreAligned) {
  std::string text = formatReport(example(), ReportStyle::Markdown);
  EXPECT_NE(text.find("| context | tok/s |   min |"), std::string::npos) << text;
  EXPECT_NE(text.find("| 128     | 500.0 | 490.0 |"), std::string::npos) << text;
  EXPECT_NE(text.find("| project |      56 |    500.0 |"), std::string::npos) << text; // kinds, the largest first
  EXPECT_LT(text.find("| project"), text.find("| attend"));
  EXPECT_NE(text.find("20.0 %"), std::string::npos);
  EXPECT_NE(text.find("| kernels/token | launches/token |"), std::string::npos) << text;
  EXPECT_NE(text.find("|           142 |         0.0625 |"), std::string::npos) << text;
}

TEST(Report, PromptsHaveRatesOfOperations) {
  BenchResult result = example();
  PromptResult prompt;
  prompt.tokens = 512;
  prompt.tiles = 4;
  prompt.seconds = {0.002, 0.001, 0.004};
  prompt.operations = 4e11;
  prompt.phases = {{"embed", "embed", 4, 5.0, 0}, {"layer.qkv", "project", 28, 500.0, 2e11}};
  result.prompts = {prompt};
  const std::string text = formatReport(result, ReportStyle::Markdown);
  EXPECT_NE(text.find("| 512    |     4 | 2.000 | 1.000 | 4.000 | 256000.0 |  200.00 |"), std::string::npos) << text;
  EXPECT_NE(text.find("| project |      28 |     500.0 |     17.86 | 99.0 % |  400.00 |"), std::string::npos) << text;
  EXPECT_NE(text.find("| embed   |"), std::string::npos) << text;
  const nlohmann::ordered_json json = toJson(result);
  EXPECT_EQ(json["results"][1]["prompt_ms"], 2);
  EXPECT_EQ(json["results"][1]["teraflops"], 200);
  EXPECT_EQ(json["results"][1]["phases"][1]["operations"], 2e11);
  const std::string readme = readFile(CADENZA_SOURCE_DIR "/docs/benchmarks/README.md");
  const nlohmann::ordered_json records = toRecords(result);
  for (const auto &[key, value] : records[1].items())
    EXPECT_NE(readme.find("`" + key + "`"), std::string::npos) << key << " is not described";
}

class RecordFile : public ::testing::Test {
protected:
  test::TemporaryFolder folder;
  std::string path = folder.path("h100.json");
};

TEST_F(RecordFile, IsMadeAndGrows) {
  ASSERT_TRUE(appendRecords(path, toRecords(example())).isOk());
  ASSERT_TRUE(appendRecords(path, toRecords(example())).isOk());
  auto json = nlohmann::json::parse(readFile(path));
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[1]["model"], "Qwen3-0.6B");
  EXPECT_EQ(folder.entries().size(), 1u); // nothing temporary is left
}

TEST_F(RecordFile, WhatIsNoArrayStaysAsItIs) {
  for (const char *text : {"{\"a\": 1}", "[1, 2", ""}) {
    std::ofstream(path) << text;
    EXPECT_EQ(appendRecords(path, toRecords(example())).code(), StatusCode::InvalidInput) << text;
    EXPECT_EQ(readFile(path), text);
  }
}

TEST_F(RecordFile, AFolderThatIsNotThereIsAnError) {
  EXPECT_EQ(appendRecords(folder.path("none/a.json"), toRecords(example())).code(), StatusCode::Io);
}

} // namespace
} // namespace cadenza::bench
