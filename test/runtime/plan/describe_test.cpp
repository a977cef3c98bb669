// What cadenza-inspect prints and extracts.
#include "runtime/plan/describe.h"
#include "runtime/plan/extract.h"
#include "test/runtime/plan/small_plan.h"

#include <gtest/gtest.h>

namespace cadenza::testing {
namespace {

std::shared_ptr<const Plan> smallPlan() { return *Plan::fromBytes(smallPlanBytes(), "small.plan"); }

void expectParts(const std::string &text, std::initializer_list<const char *> parts) {
  for (const char *part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nis not in\n" << text;
}

TEST(Describe, Bytes) {
  EXPECT_EQ(formatBytes(0), "0 B");
  EXPECT_EQ(formatBytes(999), "999 B");
  EXPECT_EQ(formatBytes(1000), "1.00 kB");
  EXPECT_EQ(formatBytes(99949), "99.9 kB");
  EXPECT_EQ(formatBytes(999600), "1.00 MB");
  EXPECT_EQ(formatBytes(1192000000), "1.19 GB");
  EXPECT_EQ(formatBytes(~0ull), "18447 PB");
}

TEST(Describe, Text) {
  const auto plan = smallPlan();
  expectParts(describePlan(*plan), {"small (qwen3): 2 layers", "weights random:1", "sm_90       cubin",
                                    "12 launches and 12.3 kB of weights a token", "rms_norm > project > silu mul",
                                    "keys and values      65.5 kB  per 1024 positions",
                                    "  of windows         4.10 kB  1 of 2 caches keep a window", "sm_90 80+16 B local",
                                    "\"compiler\"       \"cadenza 0.1.0\""});
  expectParts(describeProgram(plan->program()), {"layer.gate_up: project x -> act", "48, 48, interleaved, K in 1 way\n",
                                                 "K in 2 groups of 2 ways", "head(x, logits, scratch candidates)"});
  expectParts(describeWeights(plan->program()), {"layers.1.down.weight", "bf16[32][48]"});
}

TEST(Describe, EntriesAndPorts) {
  const auto plan = smallPlan();
  expectParts(describePlan(*plan), {"decode: token i32 [1], position i32 [1] -> next i32 [1] (the decoder's step)"});
  expectParts(describeProgram(graphProgram()),
              {"entry run: \"x\" f32 [1, 3, 32] -> \"h\" f32 [3, 48], \"y\" f32 [3, 32]", "f32[3 x 48]"});
}

TEST(Describe, Numbers) {
  const Program program = smallProgram();
  const MemoryNeeds needs = memoryNeeds(program);
  EXPECT_EQ(needs.cachePerPosition, 2u * 16 * 2);     // keys and values, head_dim, bf16; of layer 1
  EXPECT_EQ(needs.cacheOfWindows, 64u * 2 * 16 * 2);  // positions as well; of layer 0
  EXPECT_EQ(needs.tablesPerPosition, 4u + 8 * 2 * 4); // token id; frequencies, cos and sin, f32
  EXPECT_EQ(needs.activations, 1024u + 64);           // arena, scratch
  EXPECT_EQ(launchesPerRun(program, decodeEntry(program)), 1u + 2 * 5 + 1);
  EXPECT_EQ(weightBytesPerRun(program, decodeEntry(program)), 12u * 1024);
}

TEST(Describe, Json) {
  const nlohmann::ordered_json json = planToJson(*smallPlan());
  EXPECT_EQ(json["format_version"], 7);
  EXPECT_EQ(json["code"][0]["resources"][1]["registers"], 80);
  EXPECT_EQ(json["sections"].size(), 11u);
  EXPECT_EQ(json["entries"][0]["blocks"][1]["phases"][3]["computes"], "rms_norm > project > silu mul");
}

TEST(Extract, WritesEveryPart) {
  const TemporaryFolder folder;
  const auto names = extractPlan(*smallPlan(), folder.path("out"));
  ASSERT_TRUE(names.isOk()) << names.status().message();
  EXPECT_EQ(*names, (std::vector<std::string>{"chat.json", "compute_80.ptx", "decoder.json", "generation_config.json",
                                              "kernels/project.cuh", "metadata.json", "model.cu", "program.json",
                                              "sm_90.cubin", "step.mlir", "tokenizer.json"}));
  EXPECT_EQ(readFile(folder.path("out/sm_90.cubin")), SmallPlan().cubin);
  EXPECT_EQ(readFile(folder.path("out/compute_80.ptx")).size(), SmallPlan().ptx.size());
  const auto text = [&](const char *name) {
    const auto bytes = readFile(folder.path(name));
    return std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  };
  EXPECT_TRUE(parseProgram(text("out/program.json"), text("out/decoder.json")).isOk());
}

TEST(Extract, SourcesReplaceNoOtherPart) {
  const TemporaryFolder folder;
  SmallPlan small;
  small.contents.sources[0].path = "program.json";
  ASSERT_TRUE(writePlan(folder.path("a.plan"), small.contents).isOk());
  const auto plan = Plan::open(folder.path("a.plan"));
  ASSERT_TRUE(plan.isOk());
  EXPECT_NE(extractPlan(**plan, folder.path("out")).status().message().find("'program.json' has the name of another"),
            std::string::npos);
  EXPECT_EQ(folder.entries(), std::vector<std::string>{"a.plan"});
}

} // namespace
} // namespace cadenza::testing
