// Prefill entries: round trip, what is asked of them, and an error for each contradiction to the decoder's step.
#include "runtime/plan/describe.h"
#include "runtime/plan/format.h"
#include "test/runtime/plan/mutate.h"
#include "test/runtime/plan/small_plan.h"

#include <gtest/gtest.h>

#include <cstring>

namespace cadenza::testing {
namespace {

using nlohmann::ordered_json;

Status parse(const ordered_json &json) {
  return parseProgram(json.dump(), toJson(*smallProgram().decoder).dump()).status();
}

TEST(Prefill, RoundTrip) {
  const Program program = prefillProgram();
  const ordered_json json = toJson(program);
  const auto parsed = parseProgram(json.dump(), toJson(*program.decoder).dump());
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  EXPECT_EQ(toJson(*parsed), json);
  const Phase &phase = parsed->entries[1].blocks[1].phases[0];
  EXPECT_EQ(phase.launch.blocks, 8u);
  ASSERT_TRUE(phase.prepare.has_value());
  EXPECT_EQ(phase.prepare->kernel, "prepare");
}

TEST(Prefill, IsFoundByItsTokens) {
  Program program = prefillProgram();
  EXPECT_EQ(tileOf(program.entries[0]), 1);
  EXPECT_EQ(tileOf(program.entries[1]), 16);
  EXPECT_EQ(tileOf(graphProgram().entries[0]), 0);
  EXPECT_EQ(prefillEntries(program), std::vector<uint32_t>{1});
  program.entries.push_back(program.entries[1]);
  program.entries[2].inputs[0].shape = {4};
  EXPECT_EQ(prefillEntries(program), (std::vector<uint32_t>{2, 1}));
  EXPECT_TRUE(prefillEntries(smallProgram()).empty());
}

TEST(Prefill, HeadFollowsTheLastPhase) {
  const Program program = prefillProgram();
  EXPECT_EQ(headBlock(program, 0), 2u);
  EXPECT_EQ(headBlock(program, 1), 3u);
  EXPECT_EQ(headBlock(graphProgram(), 0), 1u);
}

TEST(Prefill, LaunchesOnceForATile) {
  const Program program = prefillProgram();
  const Entry &entry = program.entries[1];
  EXPECT_EQ(phaseTokens(program, entry.blocks[1].phases[0]), 16);
  EXPECT_EQ(phaseTokens(program, entry.blocks[2].phases[0]), 16); // of last, what it reads
  EXPECT_EQ(launchesOf(program, entry, entry.blocks[1].phases[0]), 2);
  EXPECT_EQ(launchesOf(program, entry, entry.blocks[1].phases[1]), 1);
  EXPECT_EQ(launchesPerRun(program, entry), 1u + 2 * 7 + 1 + 1);
  EXPECT_EQ(weightBytesPerRun(program, entry), 17u * 1024);
}

TEST(Prefill, Description) {
  const Program program = prefillProgram();
  const std::string text = describeProgram(program);
  for (const char *part : {"entry prefill_16: token i32 [16], position i32 [1] -> next i32 [1]",
                           "last: last tile.x -> x", "prepare   prepare(tile.x, scratch candidates)",
                           "kernel    attend(tile.q, cache_key table 0 (layers.0.cache, ...),", " of 8 blocks"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nis not in\n" << text;
}

/// Readers that know no prefill would launch a kernel for each token: the plan has a feature for them to refuse.
TEST(Prefill, IsAFeatureOfThePlan) {
  const TemporaryFolder folder;
  SmallPlan small;
  small.program = prefillProgram();
  ASSERT_EQ(writePlan(folder.path("a.plan"), small.contents).message(), "");
  const std::vector<std::byte> bytes = readFile(folder.path("a.plan"));
  const auto features = [](std::span<const std::byte> plan) {
    format::FileHeader header;
    std::memcpy(&header, plan.data(), sizeof header);
    return header.requiredFeatures;
  };
  EXPECT_NE(features(bytes) & format::prefillFeature, 0u);
  EXPECT_EQ(features(smallPlanBytes()) & format::prefillFeature, 0u);
  const auto plan = Plan::fromBytes(bytes, "a.plan");
  ASSERT_TRUE(plan.isOk()) << plan.status().message();
  const std::string text = describePlan(**plan);
  EXPECT_NE(text.find("(prefill: 17 launches a tile)"), std::string::npos) << text;
}

struct PrefillCase {
  const char *pointer;
  ordered_json value;
  const char *error;
};

/// One value of the prefill program's JSON replaced and the error that it must give.
class PrefillField : public ::testing::TestWithParam<PrefillCase> {};

TEST_P(PrefillField, IsChecked) {
  ordered_json json = toJson(prefillProgram());
  json[ordered_json::json_pointer(GetParam().pointer)] = GetParam().value;
  const Status status = parse(json);
  EXPECT_EQ(status.code(), StatusCode::InvalidPlan);
  EXPECT_EQ(status.message(), GetParam().error) << GetParam().pointer;
}

INSTANTIATE_TEST_SUITE_P(
    Entries, PrefillField,
    ::testing::Values(
        PrefillCase{"/entries/1/inputs/0/shape/0", 1,
                    "program.entries[1].inputs[0].kind: token; only a decoder's step has that port"},
        PrefillCase{"/entries/1/inputs/1/shape/0", 16,
                    "program.entries[1].inputs: the position of a prefill and its next token are one each, not the 16 "
                    "of port position"},
        PrefillCase{"/entries/1/inputs/0/shape/0", 32,
                    "program.entries[1].blocks[0].phases[0].inputs: 16 tokens; expected 32"},
        PrefillCase{"/caches/0/positions", 78,
                    "program.entries[1].blocks[1].phases[1].caches[0]: 'layers.0.cache' keeps 78 positions; iteration "
                    "0 attends to 79"},
        PrefillCase{"/entries/1/blocks/1/count", 1,
                    "program.entries[1].blocks[1].phases[0].matrix: weight table 1 has 2 entries; the block runs 1 "
                    "times"},
        PrefillCase{"/entries/1/blocks/1/phases/0/epilogues/2/parameters/kv_heads", 2,
                    "program.entries[1].blocks[1].phases[0].epilogues[2].caches[0]: 'layers.0.cache' is [1][..][16]; "
                    "expected [2][..][16]"},
        PrefillCase{"/entries/1/blocks/1/phases/0/prologue/0/weights/0/table", 3,
                    "program.entries[1].blocks[1].phases[0].prologue: is not that of phase 'layer.qkv' of 'decode'"},
        PrefillCase{"/entries/1/blocks/1/phases/0/prologue/0/parameters/eps", 1e-5,
                    "program.entries[1].blocks[1].phases[0].prologue: is not that of phase 'layer.qkv' of 'decode'"},
        PrefillCase{"/entries/1/blocks/1/phases/1/parameters/scale", 0.5,
                    "program.entries[1].blocks[1].phases[1].parameters: is not that of phase 'layer.attend' of "
                    "'decode'"},
        PrefillCase{"/entries/1/blocks/1/phases/1/parameters/splits", 2,
                    "program.entries[1].blocks[1].phases[1].parameters.splits: 2; attention of a tile has 1"},
        PrefillCase{"/entries/1/blocks/1/phases/4/k_ways", 2,
                    "program.entries[1].blocks[1].phases[4].k_ways: a product of a tile has one"},
        PrefillCase{"/entries/1/blocks/1/phases/4/k_groups/1", 1,
                    "program.entries[1].blocks[1].phases[4].k_groups: a product of a tile has one"},
        PrefillCase{"/entries/1/blocks/1/phases/2/epilogues/0/operands/0", 5,
                    "program.entries[1].blocks[1].phases[2].inputs: edge 'tile.q' does not stand for edge 'x' of "
                    "'decode'"},
        PrefillCase{"/entries/1/blocks/3/phases/0/inputs/0", 4,
                    "program.entries[1].blocks[3].phases[0].inputs: edge 'tile.x' does not stand for edge 'x' of "
                    "'decode'"},
        PrefillCase{"/entries/1/blocks/2/phases/0/outputs/0", 4,
                    "program.entries[1].blocks[2].phases[0].outputs[0]: edge 'tile.x' is not one token of 'tile.x'"},
        PrefillCase{"/entries/1/blocks/2/phases/0/inputs/0", 7,
                    "program.entries[1].blocks[2].phases[0].outputs[0]: edge 'x' is not one token of 'tile.act'"},
        PrefillCase{"/entries/1/blocks/2/count", 2,
                    "program.entries[1].blocks[2].phases[0].kind: last; expected once, "
                    "in a block of count 1"},
        PrefillCase{"/entries/1/blocks/2/phases/0/kind", "map",
                    "program.entries[1].blocks[2].phases[0].inputs: edge 'tile.x' is of 16 tokens, edge 'x' of 1"},
        PrefillCase{"/entries/1/blocks/1/phases/0/prepare/kernel", "nobody",
                    "program.entries[1].blocks[1].phases[0].prepare.kernel: 'nobody' is not in program.kernels"},
        PrefillCase{"/entries/1/blocks/1/phases/0/prepare/arguments/0/index", 99,
                    "program.entries[1].blocks[1].phases[0].prepare.arguments[0]: edge 99 of 8"},
        PrefillCase{"/entries/1/blocks/1/phases/0/launch/blocks", 0,
                    "program.entries[1].blocks[1].phases[0].launch.blocks: 0; expected an integer in [1, 2147483647]"},
        PrefillCase{"/entries/0/blocks/1/phases/0/launch/blocks", 4,
                    "program.entries[0].blocks[1].phases[0].launch.blocks: only a tile has it"}));

TEST(Prefill, BlocksAreWholeClusters) {
  Program program = prefillProgram();
  for (Kernel &kernel : program.kernels)
    kernel.cluster = kernel.name == "prepare" ? 4 : 1;
  EXPECT_EQ(validateProgram(program).message(), "");
  program.entries[1].blocks[1].phases[0].prepare->blocks = 6;
  EXPECT_EQ(validateProgram(program).message(),
            "program.entries[1].blocks[1].phases[0].prepare.blocks: 6; 'prepare' has clusters of 4");
}

/// The prefill program whose first product has a variant for sm_90.
Program programWithVariant() {
  Program program = prefillProgram();
  program.kernels.push_back({"qkv_wgmma", "project", 4, 384, 0, 2, 1024, 256, {}, {}, {"sm_90"}});
  Phase &phase = program.entries[1].blocks[1].phases[0];
  Launch launch = phase.launch;
  launch.kernel = "qkv_wgmma";
  launch.blocks = 6;
  launch.arguments[0].map = {DType::bf16, {32, 16}, {64}, {64, 16}, 128};
  launch.arguments[1].map = {DType::bf16, {32, 16, 4, 1}, {64, 1024, 1024}, {32, 16, 4, 2}, 64};
  launch.arguments.push_back({ArgumentKind::Number, 16, {}});
  phase.variants = {{{"sm_90"}, launch}};
  return program;
}

TEST(Variant, RoundTrip) {
  const Program program = programWithVariant();
  const ordered_json json = toJson(program);
  const auto parsed = parseProgram(json.dump(), toJson(*program.decoder).dump());
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  EXPECT_EQ(toJson(*parsed), json);
  const Phase &phase = parsed->entries[1].blocks[1].phases[0];
  EXPECT_EQ(launchFor(phase, "sm_90").kernel, "qkv_wgmma");
  EXPECT_EQ(launchFor(phase, "sm_80").kernel, "project_qkv");
  const std::string text = describeProgram(*parsed);
  EXPECT_NE(text.find("on sm_90  qkv_wgmma(map of tile.x, map of table 1 (layers.0.qkv.weight, ...), 16) of 6 blocks"),
            std::string::npos)
      << text;
}

class VariantField : public ::testing::TestWithParam<PrefillCase> {};

TEST_P(VariantField, IsChecked) {
  ordered_json json = toJson(programWithVariant());
  json[ordered_json::json_pointer("/entries/1/blocks/1/phases/0" + std::string(GetParam().pointer))] = GetParam().value;
  const Status status = parse(json);
  EXPECT_EQ(status.code(), StatusCode::InvalidPlan);
  EXPECT_EQ(status.message(), "program.entries[1].blocks[1].phases[0]." + std::string(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    Variants, VariantField,
    ::testing::Values(
        PrefillCase{"/variants/0/targets/0", "sm_80",
                    "variants[0].launch.kernel: 'qkv_wgmma' is not in the code for sm_80"},
        PrefillCase{"/variants/0/targets", ordered_json::array(), "variants[0].targets: is empty"},
        PrefillCase{"/variants/0/launch/kernel", "nobody",
                    "variants[0].launch.kernel: 'nobody' is not in program.kernels"},
        PrefillCase{"/variants/0/launch/blocks", 5, "variants[0].launch.blocks: 5; 'qkv_wgmma' has clusters of 2"},
        PrefillCase{"/variants/0/launch/arguments/0/index", 99, "variants[0].launch.arguments[0]: edge 99 of 8"},
        PrefillCase{"/variants/0/launch/arguments/0/map/dtype", "f32",
                    "variants[0].launch.arguments[0].map.dtype: f32; expected bf16 or f16"},
        PrefillCase{"/variants/0/launch/arguments/0/map/strides/0", 40,
                    "variants[0].launch.arguments[0].map.strides[0]: 40 is not a multiple of 16"},
        PrefillCase{"/variants/0/launch/arguments/0/map/box/1", 257,
                    "variants[0].launch.arguments[0].map.box[1]: 257; at most 256"},
        PrefillCase{"/variants/0/launch/arguments/0/map/box/2", 1,
                    "variants[0].launch.arguments[0].map: 2 extents, 1 strides and 3 extents of the box; expected one "
                    "to five, one less and as many"},
        PrefillCase{"/variants/0/launch/arguments/0/map/swizzle_bytes", 32,
                    "variants[0].launch.arguments[0].map.swizzle_bytes: 32; expected 64 or 128"},
        PrefillCase{"/variants/0/launch/arguments/1/map/swizzle_bytes", 128,
                    "variants[0].launch.arguments[1].map.swizzle_bytes: 128; rows of the box have 64"},
        PrefillCase{"/launch/arguments/0/map",
                    {{"dtype", "bf16"},
                     {"extents", {32}},
                     {"strides", ordered_json::array()},
                     {"box", {32}},
                     {"swizzle_bytes", 64}},
                    "launch.arguments[0].map: only a variant's launch has maps"}));

TEST(Variant, OnlyAProductOrAttentionOfATileHasSome) {
  Program program = programWithVariant();
  Phase &embed = program.entries[1].blocks[0].phases[0];
  embed.variants = {{{"sm_90"}, embed.launch}};
  EXPECT_EQ(validateProgram(program).message(),
            "program.entries[1].blocks[0].phases[0].variants: only a project or an attend phase of a tile has any");
  program = programWithVariant();
  Phase &attend = program.entries[1].blocks[1].phases[1];
  ASSERT_EQ(attend.kind, PhaseKind::Attend);
  attend.variants = {{{"sm_90"}, attend.launch}};
  EXPECT_TRUE(validateProgram(program).isOk()) << validateProgram(program).message();
  program = programWithVariant();
  program.entries[0].blocks[1].phases[0].variants = program.entries[1].blocks[1].phases[0].variants;
  EXPECT_EQ(validateProgram(program).message(), "program.entries[0].blocks[1].phases[0].variants: only a tile has any");
  program = programWithVariant();
  std::vector<Variant> &variants = program.entries[1].blocks[1].phases[0].variants;
  variants.push_back(variants[0]);
  EXPECT_EQ(validateProgram(program).message(),
            "program.entries[1].blocks[1].phases[0].variants[1].targets: another variant is for sm_90");
}

TEST(Prefill, EachTileOnce) {
  Program program = prefillProgram();
  program.entries.push_back(program.entries[1]);
  program.entries[2].name = "again";
  EXPECT_EQ(validateProgram(program).message(), "program.entries[2].inputs: a tile of 16 tokens, as another entry has");
}

TEST(Prefill, NothingIsLeftOut) {
  Program program = prefillProgram();
  std::vector<Block> &blocks = program.entries[1].blocks;
  blocks.pop_back();
  EXPECT_EQ(validateProgram(program).message(),
            "program.entries[1].blocks: ends before phase 'layer.head' of 'decode'");
  program = prefillProgram();
  program.entries[1].blocks.erase(program.entries[1].blocks.begin() + 2);
  EXPECT_FALSE(validateProgram(program).isOk());
  program = prefillProgram();
  std::vector<Phase> &layers = program.entries[1].blocks[1].phases;
  std::swap(layers[0], layers[1]);
  EXPECT_EQ(validateProgram(program).message(),
            "program.entries[1].blocks[1].phases[0].kind: is not that of phase 'layer.qkv' of 'decode'");
}

TEST(Prefill, StepsHaveNoneOfIt) {
  Program program = prefillProgram();
  program.entries[0].blocks[1].phases[0].prepare = program.entries[1].blocks[1].phases[0].prepare;
  EXPECT_EQ(validateProgram(program).message(), "program.entries[0].blocks[1].phases[0].prepare: only a tile has it");
  program = prefillProgram();
  program.entries[1].blocks[1].phases[1].prepare = program.entries[1].blocks[1].phases[0].prepare;
  EXPECT_EQ(validateProgram(program).message(),
            "program.entries[1].blocks[1].phases[1].prepare: only a project phase of a tile has one");
  program = prefillProgram();
  program.decoder.reset();
  EXPECT_FALSE(validateProgram(program).isOk());
}

TEST(TileOfGraph, IsALaunchThatSaysItsBlocks) {
  Program program = graphProgram();
  const Entry &entry = program.entries[0];
  Phase &phase = program.entries[0].blocks[0].phases[0];
  const auto error = [&] { return validateProgram(program).message(); };
  const std::string place = "program.entries[0].blocks[0].phases[0]";
  EXPECT_EQ(launchesOf(program, entry, phase), 3); // a token each
  phase.kWays = 1;
  phase.launch.blocks = 2;
  phase.launch.arguments.push_back({ArgumentKind::State, 0, {}});
  EXPECT_EQ(error(), "");
  EXPECT_EQ(launchesOf(program, entry, phase), 1);
  phase.prepare = Launch{"project_down", {{ArgumentKind::State, 0, {}}}, 3};
  EXPECT_EQ(error(), "");
  EXPECT_EQ(launchesOf(program, entry, phase), 2);
  phase.kWays = 2;
  EXPECT_EQ(error(), place + ".k_ways: a product of a tile has one");
  phase.kWays = 1;
  phase.launch.arguments.back().kind = ArgumentKind::Tokens;
  EXPECT_EQ(error(), place + ".launch.arguments: the decode state or a cache; only a decoder's step has them");
  phase.launch.arguments.back().kind = ArgumentKind::State;
  phase.launch.blocks = 0;
  EXPECT_EQ(error(), place + ".prepare: only a tile has it");
  phase.prepare.reset();
  EXPECT_EQ(error(), place + ".launch.arguments: the decode state or a cache; only a decoder's step has them");
}

} // namespace
} // namespace cadenza::testing
