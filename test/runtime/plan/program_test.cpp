// The program's JSON: round trip, and an error that names the field for each thing that can be wrong.
#include "runtime/plan/functions.h"
#include "runtime/support/json.h"
#include "test/runtime/plan/small_plan.h"

#include <gtest/gtest.h>

#include <chrono>

namespace cadenza::testing {
namespace {

using nlohmann::ordered_json;

TEST(Program, RoundTrip) {
  const ordered_json json = toJson(smallProgram()), decoder = toJson(*smallProgram().decoder);
  const auto parsed = parseProgram(json.dump(), decoder.dump());
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  EXPECT_EQ(toJson(*parsed), json);
  EXPECT_EQ(toJson(*parsed->decoder), decoder);
  EXPECT_TRUE(validateProgram(smallProgram()).isOk());
}

/// The small program with two divisions, of two groups and of one; the second one sums `down` and `attend` differently.
Program dividedProgram() {
  Program program = smallProgram();
  const auto kernel = [&](const char *name, const char *kind, uint32_t blocks, std::vector<std::string> targets) {
    program.kernels.push_back({name, kind, blocks, 160, 4096, 1, 1024, 0, {}, {}, std::move(targets)});
  };
  kernel("decode_steps", "persistent", 4, {});
  kernel("decode_steps_1x2", "persistent", 2, {"sm_90"});
  kernel("down_1x2", "project", 4, {"sm_90", "host"});
  kernel("decode_steps_long", "persistent", 4, {});
  program.divisions.push_back({.name = "2x2",
                               .targets = {"sm_90", "host"},
                               .kernel = "decode_steps",
                               .groups = 2,
                               .ranks = 2,
                               .packetBytes = 4096,
                               .clusters = false,
                               .traced = true,
                               .longContext = LongContext{.kernel = "decode_steps_long", .fromPosition = 100},
                               .orders = {}});
  const std::vector<Phase> &phases = program.entries[0].blocks[1].phases;
  PhaseOrder down{.block = 1, .phase = 4, .launch = phases[4].launch};
  down.kWays = 4;
  down.launch.kernel = "down_1x2";
  PhaseOrder attend{.block = 1, .phase = 1, .launch = phases[1].launch};
  attend.splits = 2;
  attend.warps = 4;
  program.divisions.push_back({.name = "1x2",
                               .targets = {"sm_90"},
                               .kernel = "decode_steps_1x2",
                               .groups = 1,
                               .ranks = 2,
                               .packetBytes = 2048,
                               .clusters = true,
                               .traced = true,
                               .longContext = {},
                               .orders = {down, attend}});
  return program;
}

TEST(Program, RoundTripWithDivisions) {
  const Program program = dividedProgram();
  const ordered_json json = toJson(program);
  const auto parsed = parseProgram(json.dump(), toJson(*program.decoder).dump());
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  EXPECT_EQ(toJson(*parsed), json);
}

TEST(Program, InTheOrderOfADivision) {
  const Program program = dividedProgram();
  EXPECT_EQ(toJson(inDivision(program, 0)), toJson(program)); // phases carry the order of the first
  const Program second = inDivision(program, 1);
  const std::vector<Phase> &phases = second.entries[0].blocks[1].phases;
  EXPECT_EQ(phases[4].kWays, 4);
  EXPECT_EQ(phases[4].kGroups, (std::vector<int64_t>{0}));
  EXPECT_EQ(phases[4].launch.kernel, "down_1x2");
  EXPECT_EQ(phases[1].parameters["splits"], 2);
  EXPECT_EQ(phases[1].parameters["warps"], 4);
  EXPECT_EQ(phases[1].launch.kernel, "attend");
  EXPECT_EQ(*findDivision(program, "1x2", "a.plan"), 1u);
  EXPECT_EQ(findDivision(program, "3x2", "a.plan").status().message(),
            "a.plan: has no division '3x2' of the persistent schedule; it has 2x2, 1x2");
}

ordered_json differentNames(int count) {
  ordered_json names = ordered_json::array();
  for (int i = 0; i < count; ++i)
    names.push_back("name" + std::to_string(i));
  return names;
}

struct ProgramCase {
  const char *pointer;
  ordered_json value;
  const char *error;
};

/// One value of the divided program's JSON replaced and the error that it must give.
class DivisionField : public ::testing::TestWithParam<ProgramCase> {};

TEST_P(DivisionField, IsChecked) {
  const Program program = dividedProgram();
  ordered_json json = toJson(program);
  json[ordered_json::json_pointer(GetParam().pointer)] = GetParam().value;
  const Status status = parseProgram(json.dump(), toJson(*program.decoder).dump()).status();
  EXPECT_EQ(status.code(), StatusCode::InvalidPlan);
  EXPECT_EQ(status.message(), GetParam().error) << GetParam().pointer;
}

INSTANTIATE_TEST_SUITE_P(
    Divisions, DivisionField,
    ::testing::Values(
        ProgramCase{"/divisions/1/name", "2x2", "program.divisions[1].name: '2x2' occurs twice"},
        ProgramCase{"/divisions/1/name", "", "program.divisions[1].name: is empty"},
        ProgramCase{"/divisions/0/targets/1", "sm_90", "program.divisions[0].targets: names one twice"},
        ProgramCase{"/divisions/0/targets", differentNames(65), "program.divisions[0].targets: 65; at most 64"},
        ProgramCase{"/kernels/8/targets", differentNames(65), "program.kernels[8].targets: 65; at most 64"},
        ProgramCase{"/kernels/8/targets/1", "sm_90", "program.kernels[8].targets: names one twice"},
        ProgramCase{"/divisions/0/kernel", "nobody", "program.divisions[0].kernel: 'nobody' is not in program.kernels"},
        ProgramCase{"/divisions/0/kernel", "decode_steps_1x2",
                    "program.divisions[0].kernel: 'decode_steps_1x2' is not in the code for host"},
        ProgramCase{"/divisions/0/kernel", "attend",
                    "program.divisions[0].kernel: 'attend' is of kind 'project'; expected 'persistent'"},
        ProgramCase{"/divisions/1/kernel", "decode_steps",
                    "program.divisions[1].kernel: 'decode_steps' is the kernel of division '2x2'"},
        ProgramCase{"/divisions/0/long_context/kernel", "nobody",
                    "program.divisions[0].long_context.kernel: 'nobody' is not in program.kernels"},
        ProgramCase{"/divisions/0/long_context/kernel", "decode_steps",
                    "program.divisions[0].long_context.kernel: 'decode_steps' is the kernel of division '2x2'"},
        ProgramCase{"/divisions/1/kernel", "decode_steps_long",
                    "program.divisions[1].kernel: 'decode_steps_long' is the kernel of division '2x2'"},
        ProgramCase{"/divisions/0/long_context/kernel", "attend",
                    "program.divisions[0].long_context.kernel: 'attend' is of kind 'project'; expected 'persistent'"},
        ProgramCase{"/kernels/10/threads", 128,
                    "program.divisions[0].long_context.kernel: 'decode_steps_long' has 4 blocks of 128 threads; "
                    "'decode_steps' has 4 of 160"},
        ProgramCase{"/kernels/10/targets",
                    {"host"},
                    "program.divisions[0].long_context.kernel: 'decode_steps_long' is not in the code for sm_90"},
        ProgramCase{"/divisions/0/long_context/from_position", 128,
                    "program.divisions[0].long_context.from_position: 128; a sequence has positions up to 127"},
        ProgramCase{"/divisions/0/long_context/from_position", -1,
                    "program.divisions[0].long_context.from_position: -1; expected an integer in [0, 2147483647]"},
        ProgramCase{"/divisions/1/orders/0/launch/kernel", "decode_steps_1x2",
                    "program.divisions[1].orders[0].launch.kernel: 'decode_steps_1x2' is not for phases: it is of kind "
                    "'persistent'"},
        ProgramCase{"/kernels/1/phase_kind", "persistent",
                    "program.kernels: 'project_qkv', which phase 'layer.qkv' launches, is not for phases: it is of "
                    "kind 'persistent'"},
        ProgramCase{"/divisions/1/groups", 2, "program.divisions[1].groups: 2 of 2 ranks; the kernel has 2 blocks"},
        ProgramCase{"/divisions/1/ranks", 9, "program.divisions[1].ranks: 9; at most 8"},
        ProgramCase{"/divisions/1/packet_bytes", 1ull << 31,
                    "program.divisions[1].packet_bytes: 2147483648; at most 1073741824"},
        ProgramCase{"/divisions/1/packet_bytes", 0,
                    "program.divisions[1].packet_bytes: 0 for 2 blocks; each needs 416 at least"},
        ProgramCase{"/divisions/0/packet_bytes", 4 * 416 - 1,
                    "program.divisions[0].packet_bytes: 1663 for 4 blocks; each needs 416 at least"},
        ProgramCase{"/divisions/0/packet_bytes", 4098,
                    "program.divisions[0].packet_bytes: 4098 is not a multiple of 4"},
        ProgramCase{"/divisions/1/packet_bytes", 2056,
                    "program.divisions[1].packet_bytes: 2056 is not a multiple of 16"},
        ProgramCase{"/divisions/0/orders/0", toJson(dividedProgram())["divisions"][1]["orders"][1],
                    "program.divisions[0].orders: not empty; phases carry the order of the first division"},
        ProgramCase{"/divisions/1/orders/0/block", 3, "program.divisions[1].orders[0].block: block 3 of 3"},
        ProgramCase{"/divisions/1/orders/0/phase", 5, "program.divisions[1].orders[0].phase: phase 5 of 5"},
        ProgramCase{"/divisions/1/orders/2", toJson(dividedProgram())["divisions"][1]["orders"][1],
                    "program.divisions[1].orders[2].phase: 'layer.attend' occurs twice"},
        ProgramCase{"/divisions/1/orders/0/splits", 2,
                    "program.divisions[1].orders[0].splits: only an attend phase has more than one"},
        ProgramCase{"/divisions/1/orders/0/warps", 2,
                    "program.divisions[1].orders[0].warps: only an attend phase has more than one"},
        ProgramCase{"/divisions/1/orders/0/norm_chunk", 64,
                    "program.divisions[1].orders[0].norm_chunk: 64; without a prologue it is 128"},
        ProgramCase{"/divisions/1/orders/1/k_groups/1", 1,
                    "program.divisions[1].orders[1].k_groups: only a project phase has more than one, from 0"},
        ProgramCase{"/divisions/1/orders/1/k_ways", 2,
                    "program.divisions[1].orders[1].k_ways: only a project phase has more than one"},
        ProgramCase{"/divisions/1/orders/1/norm_chunk", 64,
                    "program.divisions[1].orders[1].norm_chunk: 64; without a prologue it is 128"},
        ProgramCase{"/divisions/1/orders/0/block", 0, "program.divisions[1].orders[0].phase: phase 4 of 1"},
        ProgramCase{"/divisions/1/orders/0/k_ways", 3,
                    "program.divisions[1].orders[0].k_ways: 3; expected a power of two up to 32"},
        ProgramCase{"/divisions/1/orders/0/k_groups",
                    {0, 9},
                    "program.divisions[1].orders[0].k_groups[1]: 9 of 2 steps of 32 columns"},
        ProgramCase{"/divisions/1/orders/1/warps", 64,
                    "program.divisions[1].orders[1].parameters.warps: 64; at most 32"},
        ProgramCase{"/divisions/1/orders/0/launch/kernel", "nobody",
                    "program.divisions[1].orders[0].launch.kernel: 'nobody' is not in program.kernels"},
        ProgramCase{
            "/kernels/2/targets",
            {"sm_90"},
            "program.kernels: 'attend', which phase 'layer.attend' launches, is not in the code for all targets"},
        ProgramCase{"/divisions/1/traced", 1, "program.divisions[1].traced: 1; expected true or false"}));

TEST(Program, NotEvenJson) {
  for (const std::string text : {"", "{", "[]", "nul", "{\"model\": 1e400}", "{\"a\":1,\"a\":1}", "\"\xff\""}) {
    const Status status = parseProgram(text).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidPlan);
    EXPECT_TRUE(status.message().starts_with("program")) << status.message();
  }
  EXPECT_NE(parseProgram(std::string(1 << 20, '[')).status().message().find("nested deeper than 32"),
            std::string::npos);
}

/// One value of the program's JSON replaced and the error that it must give.
class ProgramField : public ::testing::TestWithParam<ProgramCase> {};

/// The sections `program` and `decoder` of a program in one object, so that a pointer can name a value of either.
ordered_json sectionsOf(const Program &program) {
  return {{"program", toJson(program)}, {"decoder", program.decoder ? toJson(*program.decoder) : ordered_json()}};
}
StatusOr<Program> parseSections(const ordered_json &sections) {
  return parseProgram(sections["program"].dump(), sections["decoder"].is_null() ? "" : sections["decoder"].dump());
}

TEST_P(ProgramField, IsChecked) {
  ordered_json json = sectionsOf(smallProgram());
  const std::string place = GetParam().pointer;
  const ordered_json::json_pointer pointer(place.starts_with("/decoder") ? place : "/program" + place);
  json[pointer] = GetParam().value;
  const Status status = parseSections(json).status();
  EXPECT_EQ(status.code(), StatusCode::InvalidPlan);
  EXPECT_EQ(status.message(), GetParam().error) << GetParam().pointer;
}

TEST(Program, AnEmbeddingIsReadAsTiles16) {
  Program program = smallProgram();
  program.weights[0].encoding = Encoding::int8;
  uint64_t end = 0;
  for (Weight &weight : program.weights) {
    weight.offset = (end + weightAlignment - 1) / weightAlignment * weightAlignment;
    weight.bytes = storedBytes(weight);
    end = weight.offset + weight.bytes;
  }
  const Status status = validateProgram(program);
  EXPECT_EQ(status.code(), StatusCode::InvalidPlan);
  EXPECT_EQ(status.message(),
            "program.entries[0].blocks[0].phases[0].matrix: 'embedding.weight' is stored as int8; rows of an "
            "embedding are read as tiles16");
}

TEST(Program, RoundTripWithLearnedPositions) {
  Program program = smallProgram();
  program.decoder->maxContext = 40; // the embedding has as many rows
  program.entries[0].blocks[0].phases[0].positions = Ref{false, 0};
  const ordered_json json = toJson(program);
  const auto parsed = parseProgram(json.dump(), toJson(*program.decoder).dump());
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  EXPECT_EQ(toJson(*parsed), json);
}

// Blocks: 0 embed; 1 layers: 0 qkv, 1 attend, 2 o, 3 gate_up, 4 down; 2 head. Edges: x, q, attended, act.
INSTANTIATE_TEST_SUITE_P(
    Global, ProgramField,
    ::testing::Values(
        ProgramCase{"/unknown", 1, "program: unknown field \"unknown\""},
        ProgramCase{"/model/name", "\x1b[2J", "program.model.name: a string with control characters"},
        ProgramCase{"/edges/1/offset", 128, "program.edges[1].offset: 128 is not a multiple of 256"},
        ProgramCase{"/edges/1/offset", 1024, "program.edges[1]: 128 bytes at 1024 do not fit the arena of 1024"},
        ProgramCase{"/edges/1/offset", 18446744073709551360u,
                    "program.edges[1]: 128 bytes at 18446744073709551360 do not fit the arena of 1024"},
        ProgramCase{"/edges/1/dtype", "i32", "program.edges[1].dtype: i32 is not a type of activations"},
        ProgramCase{"/edges/1/dtype", "f8",
                    "program.edges[1].dtype: \"f8\"; expected one of 'f32', 'bf16', 'f16', 'f64', 'bool', "
                    "'i8', 'i16', 'i32', 'i64', 'u8', 'u16', 'u32', 'u64'"},
        ProgramCase{"/arena_bytes", 1ull << 41, "program.arena_bytes: 2199023255552; at most 1099511627776"},
        ProgramCase{"/weights/0/rows", 100, "program.weights[0].bytes: 3072; its shape takes 7168 in encoding tiles16"},
        ProgramCase{"/weights/1/bytes", 33, "program.weights[1].bytes: 33; its shape takes 32 in encoding rope_table"},
        ProgramCase{
            "/weights/0/encoding", "int5",
            "program.weights[0].encoding: 'int5' is no encoding; expected vector, rope_table, tensor or, of a matrix, "
            "tiles16, int8, int8:g32, int4 (of groups of 128 columns), int4:g64, int4:zeros, fp8, fp8:g128: groups of "
            "32, 64 or 128 (:g32, :g64, :g128), then zeros of int4 (:zeros), then the type of groups' scales (:f16, "
            ":bf16, :f32); q4_k, q5_k, q6_k, q6_k:minima"},
        ProgramCase{"/weights/0/encoding", "int4:g128", // each encoding has one spelling
                    "program.weights[0].encoding: 'int4:g128' is no encoding; expected vector, rope_table, tensor or, "
                    "of a matrix, "
                    "tiles16, int8, int8:g32, int4 (of groups of 128 columns), int4:g64, int4:zeros, fp8, fp8:g128: "
                    "groups of 32, 64 or 128 (:g32, :g64, :g128), then zeros of int4 (:zeros), then the type of "
                    "groups' scales (:f16, :bf16, :f32); q4_k, q5_k, q6_k, q6_k:minima"},
        ProgramCase{"/weights/0/encoding", "int4:g32:zeros",
                    "program.weights[0].bytes: 3072; its shape takes 912 in encoding int4:g32:zeros"},
        ProgramCase{"/weights/0/encoding", "int8",
                    "program.weights[0].bytes: 3072; its shape takes 1728 in encoding int8"},
        ProgramCase{"/weights/1/encoding", "int8",
                    "program.weights[1].dtype: f32 in encoding int8; expected bf16 or f16"},
        ProgramCase{"/weights/0/encoding", "vector", "program.weights[0].dtype: bf16 in encoding vector; expected f32"},
        ProgramCase{"/weights/1/offset", 0, "program.weights[1].offset: 0; expected 3072"},
        ProgramCase{"/weights/2/offset", 3584, "program.weights[2].offset: 3584; expected 3328"},
        ProgramCase{"/weights/0/dtype", "f32",
                    "program.weights[0].dtype: f32 in encoding tiles16; expected bf16 or f16"},
        ProgramCase{"/weights/1/columns", 2, "program.weights[1].columns: 2; expected 1 in encoding rope_table"},
        ProgramCase{"/weights/2/scale", 2.0, "program.weights[2].scale: only a rope table has one; expected 1"},
        ProgramCase{"/weights/1/scale", 1e300, "program.weights[1].scale: does not fit a 32-bit float"},
        ProgramCase{"/weights/2/long_after", 8, "program.weights[2].long_after: only a rope table has one; expected 0"},
        ProgramCase{"/weights/1/long_after", 8,
                    "program.weights[1].bytes: 32; its shape takes 64 in encoding rope_table"},
        ProgramCase{"/weights/2/growth", ordered_json{{"rate", 0.5}, {"every", 8}},
                    "program.weights[2].growth: only a rope table has one"},
        ProgramCase{"/weights/1/growth", ordered_json{{"rate", 0.0}, {"every", 8}},
                    "program.weights[1].growth.rate: is not positive"},
        ProgramCase{"/weights/1/growth", ordered_json{{"rate", 1e300}, {"every", 8}},
                    "program.weights[1].growth.rate: does not fit a 32-bit float"},
        ProgramCase{"/weights/1/growth", ordered_json{{"rate", 0.5}, {"every", 0}},
                    "program.weights[1].growth.every: 0; expected an integer in [1, 2147483647]"},
        ProgramCase{"/weights/1/growth", 8, "program.weights[1].growth: 8; expected an object"},
        ProgramCase{"/weights/1/long_after", -1,
                    "program.weights[1].long_after: -1; expected an integer in [0, 2147483647]"},
        ProgramCase{"/weight_tables/1/1", 15, "program.weight_tables[1][1]: weight 15 of 15"},
        ProgramCase{"/weight_tables/1/1", 2,
                    "program.weight_tables[1][1]: 'final_norm.weight' has another type or shape than "
                    "'layers.0.qkv.weight'"},
        ProgramCase{"/weight_tables/1", ordered_json::array(), "program.weight_tables[1]: is empty"},
        ProgramCase{
            "/weight_tables/1/2", 4,
            "program.entries[0].blocks[1].phases[0].matrix: weight table 1 has 3 entries; the block runs 2 times"},
        ProgramCase{"/caches/1/kv_heads", 2,
                    "program.cache_tables[0][1]: 'layers.1.cache' has another type or shape than 'layers.0.cache'"},
        ProgramCase{"/caches/0/dtype", "i32",
                    "program.cache_tables[0][1]: 'layers.1.cache' has another type or shape "
                    "than 'layers.0.cache'"},
        ProgramCase{"/caches/0/positions", -1,
                    "program.caches[0].positions: -1; expected an integer in [0, 2147483647]"},
        ProgramCase{"/caches/0/positions", "64",
                    "program.caches[0].positions: \"64\"; expected an integer in [0, 2147483647]"},
        ProgramCase{
            "/caches/0/positions", 63,
            "program.entries[0].blocks[1].phases[1].caches[0]: 'layers.0.cache' keeps 63 positions; iteration 0 "
            "attends to 64"},
        ProgramCase{"/caches/1/positions", 100,
                    "program.entries[0].blocks[1].phases[1].caches[0]: 'layers.1.cache' keeps 100 positions; iteration "
                    "1 attends to all"},
        ProgramCase{"/scalars/0/value", -1, "program.scalars[0].value: -1; expected an integer in [0, 2147483647]"},
        ProgramCase{"/scalar_tables/0/1", 2, "program.scalar_tables[0][1]: scalar 2 of 2"},
        ProgramCase{
            "/scalar_tables/0/2", 1,
            "program.entries[0].blocks[1].phases[1].scalars[0]: scalar table 0 has 3 entries; the block runs 2 times"},
        ProgramCase{"/scratch/0/bytes", 0, "program.scratch[0].bytes: 0; expected 1 to 1099511627776"},
        ProgramCase{"/kernels/1/name", "embed", "program.kernels[1].name: 'embed' occurs twice"},
        ProgramCase{"/kernels/1/name", "a b", "program.kernels[1].name: 'a b' is not an identifier"},
        ProgramCase{"/kernels/1/threads", 48, "program.kernels[1].threads: 48; expected a multiple of 32 up to 1024"},
        ProgramCase{"/kernels/1/threads", 2048,
                    "program.kernels[1].threads: 2048; expected a multiple of 32 up to 1024"},
        ProgramCase{"/kernels/1/shared_bytes", 1 << 20, "program.kernels[1].shared_bytes: 1048576; at most 262144"},
        ProgramCase{
            "/entries/0/blocks/1/count", 3,
            "program.entries[0].blocks[1].phases[0].matrix: weight table 1 has 2 entries; the block runs 3 times"},
        ProgramCase{"/entries/0/blocks/2/count", 2147483647,
                    "program.entries[0].blocks[2].count: makes more than 1048576 launches a run"},
        ProgramCase{"/entries/0/blocks/0/phases", ordered_json::array(),
                    "program.entries[0].blocks[0].phases: is empty"}));

INSTANTIATE_TEST_SUITE_P(
    Decoder, ProgramField,
    ::testing::Values(
        ProgramCase{"/decoder/unknown", 1, "decoder: unknown field \"unknown\""},
        ProgramCase{"/decoder/entry", 1, "decoder.entry: entry 1 of 1"},
        ProgramCase{"/decoder/vocabulary", 0, "decoder.vocabulary: 0; expected an integer in [1, 2147483647]"},
        ProgramCase{"/decoder/vocabulary", 1.5, "decoder.vocabulary: 1.5; expected an integer in [1, 2147483647]"},
        ProgramCase{
            "/decoder/vocabulary", 41,
            "program.entries[0].blocks[0].phases[0].matrix: 'embedding.weight' has 40 rows; the vocabulary has 41"},
        ProgramCase{"/entries/0/blocks/0/phases/0/positions",
                    {{"index", 0}},
                    "program.entries[0].blocks[0].phases[0].positions: 'embedding.weight' has 40 rows; positions go up "
                    "to decoder.max_context, 128"},
        ProgramCase{"/entries/0/blocks/0/phases/0/positions",
                    {{"index", 8}},
                    "program.entries[0].blocks[0].phases[0].positions: 'layers.0.down.weight' has 48 columns; "
                    "'embedding.weight' has 32"},
        ProgramCase{"/entries/0/blocks/0/phases/0/positions",
                    {{"index", 2}},
                    "program.entries[0].blocks[0].phases[0].positions: 'final_norm.weight' is stored as vector; rows "
                    "of an embedding are read as tiles16"},
        ProgramCase{"/entries/0/blocks/0/phases/0/positions",
                    {{"index", 15}},
                    "program.entries[0].blocks[0].phases[0].positions: weight 15 of 15"},
        ProgramCase{"/entries/0/blocks/1/phases/0/positions",
                    {{"index", 0}},
                    "program.entries[0].blocks[1].phases[0].positions: only an embed phase has any"},
        ProgramCase{"/decoder/eos_tokens/1", 40, "decoder.eos_tokens[1]: token 40 of 40"},
        ProgramCase{"/decoder/eos_tokens/1", -1, "decoder.eos_tokens[1]: -1; expected an integer in [0, 2147483647]"},
        ProgramCase{"/decoder/eos_tokens", std::vector<int>(1025, 1), "decoder.eos_tokens: 1025 tokens; at most 1024"},
        ProgramCase{"/decoder/bos_token", 40, "decoder.bos_token: 40 of a vocabulary of 40"},
        ProgramCase{"/decoder/max_context", 2147483647, "decoder.max_context: 2147483647 is too long"},
        ProgramCase{"/decoder/weight_dtype", "i32", "decoder.weight_dtype: i32 is not a type of weights"},
        ProgramCase{"/decoder/head_block", 3, "decoder.head_block: block 3 of 3"},
        ProgramCase{
            "/decoder/head_block", 0,
            "program.entries[0].blocks[0].phases[0].kind: embed; expected once, before decoder.head_block, in a "
            "block of count 1"},
        ProgramCase{"/entries/0/blocks/2/count", 2,
                    "program.entries[0].blocks[2].phases[0].epilogues: argmax; expected once, from decoder.head_block "
                    "on, in a block of count 1"},
        ProgramCase{"/entries/0/inputs/0/kind", "next", "program.entries[0].inputs[0].kind: next is an output"},
        ProgramCase{"/entries/0/inputs/0/edge", 0,
                    "program.entries[0].inputs[0].edge: the decode state holds what is at this port; expected null"},
        ProgramCase{"/entries/0/inputs/0/shape",
                    {2},
                    "program.entries[0].inputs: a decoder's step works on one token, not on the 2 of port token"},
        ProgramCase{"/entries/0/inputs/1",
                    {{"kind", "token"}, {"name", ""}, {"shape", {1}}, {"edge", nullptr}},
                    "program.entries[0].inputs[1]: token is a port already"},
        ProgramCase{"/entries/0/outputs", ordered_json::array(), "program.entries[0].outputs: is empty"},
        ProgramCase{
            "/entries/0/outputs/0",
            {{"kind", "logits"}, {"name", ""}, {"shape", {32}}, {"edge", 0}},
            "program.entries[0].outputs: no port next; a decoder's step takes token and position and gives next"},
        ProgramCase{"/entries/0/outputs/1",
                    {{"kind", "tensor"}, {"name", "x"}, {"shape", {32}}, {"edge", 0}},
                    "program.entries[0].outputs: tensor 'x'; a decoder's step has none"}));

TEST(Program, AStepSelectsOnce) {
  Program none = smallProgram();
  Phase &head = none.entries[0].blocks[2].phases[0];
  head.epilogues.clear();
  none.edges.push_back({"logits", DType::f32, 40, 0});
  head.outputs = {4};
  EXPECT_EQ(validateProgram(none).message(),
            "program.entries[0].blocks: no argmax; a decoder's step selects one token");
  Program two = smallProgram();
  two.entries[0].blocks[2].phases.push_back(two.entries[0].blocks[2].phases[0]);
  EXPECT_EQ(validateProgram(two).message(),
            "program.entries[0].blocks[2].phases[1].epilogues: argmax; expected once, from decoder.head_block on, in a "
            "block of count 1");
}

TEST(Program, WithoutItsDecoderSectionADecoderIsNone) {
  Program program = smallProgram();
  program.decoder.reset();
  EXPECT_EQ(validateProgram(program).message(), "program.caches: not empty; only a decoder has caches");
}

TEST(Program, AGraphNeedsNoDecoder) {
  const ordered_json json = sectionsOf(graphProgram());
  const auto parsed = parseSections(json);
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  EXPECT_EQ(sectionsOf(*parsed), json);
  EXPECT_FALSE(parsed->decoder);
}

TEST(Program, ADecoderMayHaveOtherEntries) {
  Program program = smallProgram();
  Entry other = graphProgram().entries[0];
  other.blocks.clear(); // gives what it takes
  other.outputs = {{PortKind::Tensor, "y", {32}, 0}};
  other.inputs[0].shape = {32};
  program.entries.push_back(other);
  EXPECT_EQ(validateProgram(program).message(), "");
  program.decoder->entry = 1;
  EXPECT_EQ(validateProgram(program).message(),
            "program.entries[1].inputs: no port token; a decoder's step takes token "
            "and position and gives next");
}

TEST(Program, InputsHaveBytesOfTheirOwn) {
  Program program = graphProgram();
  Entry &entry = program.entries[0];
  program.edges.push_back({"in.z", DType::f32, 32, 2304, 1});
  program.arenaBytes = 2560;
  entry.inputs.push_back({PortKind::Tensor, "z", {32}, 3});
  EXPECT_EQ(validateProgram(program).message(), "");
  program.edges[3].offset = 512; // the last token of x
  EXPECT_EQ(validateProgram(program).message(), "program.entries[0].inputs[1].edge: edge 'in.z' overlaps that of 'x'");
  program.edges[3].offset = 768; // written when nobody needs z any more
  EXPECT_EQ(validateProgram(program).message(), "");
  entry.outputs.push_back({PortKind::Tensor, "again", {3, 32}, 2}); // one value, given twice
  EXPECT_EQ(validateProgram(program).message(), "");
}

/// One value of the graph's JSON replaced and the error that it must give.
class GraphField : public ::testing::TestWithParam<ProgramCase> {};

TEST_P(GraphField, IsChecked) {
  ordered_json json = toJson(graphProgram());
  json[ordered_json::json_pointer(GetParam().pointer)] = GetParam().value;
  const Status status = parseProgram(json.dump()).status();
  EXPECT_EQ(status.code(), StatusCode::InvalidPlan);
  EXPECT_EQ(status.message(), GetParam().error) << GetParam().pointer;
}

// Edges, of three tokens: in.x 32, up.0 48, down.0 32. Phases: up, down. Ports: x -> h, y.
INSTANTIATE_TEST_SUITE_P(
    Ports, GraphField,
    ::testing::Values(
        ProgramCase{"/entries", ordered_json::array(), "program.entries: is empty"},
        ProgramCase{"/entries/0/name", "", "program.entries[0].name: is empty"},
        ProgramCase{"/entries/1", toJson(graphProgram())["entries"][0], "program.entries[1].name: 'run' occurs twice"},
        ProgramCase{"/entries/0/inputs/1",
                    {{"kind", "tensor"}, {"name", "z"}, {"shape", {3, 32}}, {"edge", 0}},
                    "program.entries[0].inputs[1].edge: edge 'in.x' overlaps that of 'x'"},
        ProgramCase{"/edges/2/offset", 1280, "program.entries[0].outputs[1].edge: edge 'down.0' overlaps that of 'h'"},
        ProgramCase{"/entries/0/outputs", ordered_json::array(), "program.entries[0].outputs: is empty"},
        ProgramCase{"/entries/0/outputs/1/name", "h", "program.entries[0].outputs[1]: 'h' is the name of another port"},
        ProgramCase{"/entries/0/outputs/1/name", "x", "program.entries[0].outputs[1]: 'x' is the name of another port"},
        ProgramCase{"/entries/0/outputs/1/name", "", "program.entries[0].outputs[1].name: is empty"},
        ProgramCase{"/entries/0/outputs/1/edge", 3, "program.entries[0].outputs[1].edge: edge 3 of 3"},
        ProgramCase{"/entries/0/outputs/1/edge", nullptr, "program.entries[0].outputs[1].edge: null; expected an edge"},
        ProgramCase{"/entries/0/outputs/1/shape",
                    {3, 33},
                    "program.entries[0].outputs[1].shape: [3, 33]; edge 'down.0' has 3 tokens of 32 elements"},
        ProgramCase{"/entries/0/outputs/1/shape",
                    {96},
                    "program.entries[0].outputs[1].shape: [96]; edge 'down.0' has 3 tokens of 32 elements"},
        ProgramCase{"/entries/0/outputs/1/shape", ordered_json::array(),
                    "program.entries[0].outputs[1].shape: []; edge 'down.0' has 3 tokens of 32 elements"},
        ProgramCase{"/entries/0/inputs", ordered_json::array({toJson(graphProgram())["entries"][0]["outputs"][1]}),
                    "program.entries[0].outputs[1]: 'y' is the name of another port"},
        ProgramCase{"/entries/0/blocks", ordered_json::array(),
                    "program.entries[0].outputs[0].edge: no phase of this entry computes edge 'up.0'"},
        ProgramCase{"/entries/0/inputs/0/kind", "token",
                    "program.entries[0].inputs[0].name: only a tensor has one; "
                    "expected an empty string"},
        ProgramCase{"/entries/0/outputs/2",
                    {{"kind", "logits"}, {"name", ""}, {"shape", {3, 48}}, {"edge", 1}},
                    "program.entries[0].outputs[2].kind: logits; only a decoder's step has that port"},
        ProgramCase{"/entries/0/blocks/0/phases/0/launch/arguments/0",
                    {{"kind", "state"}},
                    "program.entries[0].blocks[0].phases[0].launch.arguments: the decode state or a cache; only a "
                    "decoder's step has them"},
        ProgramCase{"/entries/0/blocks/0/phases/1/epilogues/0",
                    {{"name", "argmax"},
                     {"parameters", {{"segment", 0}}},
                     {"operands", ordered_json::array()},
                     {"weights", ordered_json::array()},
                     {"caches", ordered_json::array()}},
                    "program.entries[0].blocks[0].phases[1].outputs: 1 edges; 0 segments are left"},
        ProgramCase{"/edges/1/tokens", 2,
                    "program.entries[0].blocks[0].phases[0].inputs: edge 'in.x' is of 3 tokens, edge 'up.0' of 2"},
        ProgramCase{"/edges/1/tokens", 0, "program.edges[1].tokens: 0; expected an integer in [1, 2147483647]"},
        ProgramCase{"/edges/2/tokens", 4, "program.edges[2]: 896 bytes at 1536 do not fit the arena of 2304"},
        ProgramCase{"/edges/2/tokens", 2147483647,
                    "program.edges[2]: 549755813504 bytes at 1536 do not fit the arena of 2304"},
        ProgramCase{"/divisions/0", toJson(dividedProgram())["divisions"][0],
                    "program.divisions: not empty; only a decoder has the persistent schedule"}));

INSTANTIATE_TEST_SUITE_P(
    Phase, ProgramField,
    ::testing::Values(
        ProgramCase{"/entries/0/blocks/1/phases/0/inputs/0", 17,
                    "program.entries[0].blocks[1].phases[0].inputs[0]: edge 17 of 4"},
        ProgramCase{"/entries/0/blocks/1/phases/0/inputs/1", 0,
                    "program.entries[0].blocks[1].phases[0].inputs: 2 edges; a phase of this kind takes 1"},
        ProgramCase{"/entries/0/blocks/1/phases/0/outputs/0", 4,
                    "program.entries[0].blocks[1].phases[0].outputs[0]: edge 4 of 4"},
        ProgramCase{"/entries/0/blocks/1/phases/0/outputs/0", 3,
                    "program.entries[0].blocks[1].phases[0].outputs[0]: edge 'act' has 48 "
                    "elements; segment 0 has 32"},
        ProgramCase{"/entries/0/blocks/1/phases/0/outputs", ordered_json::array(),
                    "program.entries[0].blocks[1].phases[0].outputs: none for segment 0"},
        ProgramCase{"/entries/0/blocks/1/phases/0/outputs/1", 0,
                    "program.entries[0].blocks[1].phases[0].outputs: 2 edges; 1 segments are left"},
        ProgramCase{"/entries/0/blocks/1/phases/0/output_names", ordered_json::array(),
                    "program.entries[0].blocks[1].phases[0].output_names: 0 names; expected 1"},
        ProgramCase{"/entries/0/blocks/1/phases/0/matrix", nullptr,
                    "program.entries[0].blocks[1].phases[0].matrix: null; expected an object"},
        ProgramCase{"/entries/0/blocks/1/phases/0/matrix/table", 6,
                    "program.entries[0].blocks[1].phases[0].matrix: weight table 6 of 6"},
        ProgramCase{"/entries/0/blocks/1/phases/0/matrix/table", 0,
                    "program.entries[0].blocks[1].phases[0].matrix: 'layers.0.norm1.weight' is not a packed matrix"},
        ProgramCase{
            "/entries/0/blocks/1/phases/0/matrix/table", 5,
            "program.entries[0].blocks[1].phases[0].matrix: 'layers.0.down.weight' has 48 columns; its input, 'x', has "
            "32 elements"},
        ProgramCase{"/entries/0/blocks/1/phases/0/segment_rows/2", 15,
                    "program.entries[0].blocks[1].phases[0].segment_rows: sum 63; 'layers.0.qkv.weight' has 64 rows"},
        ProgramCase{
            "/entries/0/blocks/1/phases/0/interleaved", true,
            "program.entries[0].blocks[1].phases[0].segment_rows[1]: 16; interleaved ones are equal multiples of 8"},
        ProgramCase{"/entries/0/blocks/1/phases/0/k_ways", 6,
                    "program.entries[0].blocks[1].phases[0].k_ways: 6; expected a power of two up to 32"},
        ProgramCase{"/entries/0/blocks/1/phases/0/k_ways", 64,
                    "program.entries[0].blocks[1].phases[0].k_ways: 64; expected a power of two up to 32"},
        ProgramCase{"/entries/0/blocks/1/phases/0/k_groups", ordered_json::array(),
                    "program.entries[0].blocks[1].phases[0].k_groups: the first group starts at step 0"},
        ProgramCase{"/entries/0/blocks/1/phases/0/k_groups/0", 1,
                    "program.entries[0].blocks[1].phases[0].k_groups: the first group starts at step 0"},
        ProgramCase{"/entries/0/blocks/1/phases/0/k_groups/0", -1,
                    "program.entries[0].blocks[1].phases[0].k_groups[0]: -1; expected an integer in [0, 2147483647]"},
        ProgramCase{"/entries/0/blocks/1/phases/4/k_groups/1", 0,
                    "program.entries[0].blocks[1].phases[4].k_groups[1]: 0; starts of groups ascend"},
        ProgramCase{"/entries/0/blocks/1/phases/4/k_groups/1", 2,
                    "program.entries[0].blocks[1].phases[4].k_groups[1]: 2 of 2 steps of 32 columns"},
        ProgramCase{"/entries/0/blocks/1/phases/0/norm_chunk", 24,
                    "program.entries[0].blocks[1].phases[0].norm_chunk: 24; expected a power of two from 16 to 128"},
        ProgramCase{"/entries/0/blocks/1/phases/0/norm_chunk", 8,
                    "program.entries[0].blocks[1].phases[0].norm_chunk: 8; expected a power of two from 16 to 128"},
        ProgramCase{"/entries/0/blocks/1/phases/1/norm_chunk", 64,
                    "program.entries[0].blocks[1].phases[1].norm_chunk: 64; without a prologue it is 128"},
        ProgramCase{"/entries/0/blocks/1/phases/1/k_ways", 2,
                    "program.entries[0].blocks[1].phases[1].k_ways: only a project phase has more than one"},
        ProgramCase{"/entries/0/blocks/1/phases/1/k_groups/1", 1,
                    "program.entries[0].blocks[1].phases[1].k_groups: only a project phase has more than one, from 0"},
        ProgramCase{"/entries/0/blocks/1/phases/1/scalars/0/table", 1,
                    "program.entries[0].blocks[1].phases[1].scalars[0]: scalar table 1 of 1"},
        ProgramCase{
            "/entries/0/blocks/1/phases/1/scalars/1",
            {{"index", 0}},
            "program.entries[0].blocks[1].phases[1].scalars: 2; an attend phase may have one, its window, others "
            "none"},
        ProgramCase{
            "/entries/0/blocks/1/phases/0/scalars/0",
            {{"index", 0}},
            "program.entries[0].blocks[1].phases[0].scalars: 1; an attend phase may have one, its window, others "
            "none"},
        ProgramCase{"/entries/0/blocks/1/phases/1/launch/arguments/4/ref",
                    {{"index", 2}},
                    "program.entries[0].blocks[1].phases[1].launch.arguments[4]: scalar 2 of 2"},
        ProgramCase{"/entries/0/blocks/1/phases/1/parameters/warps", 33,
                    "program.entries[0].blocks[1].phases[1].parameters.warps: 33; at most 32"},
        ProgramCase{"/entries/0/blocks/1/phases/0/launch/kernel", "nobody",
                    "program.entries[0].blocks[1].phases[0].launch.kernel: 'nobody' is not in program.kernels"},
        ProgramCase{"/entries/0/blocks/1/phases/0/launch/arguments/0/index", 9,
                    "program.entries[0].blocks[1].phases[0].launch.arguments[0]: edge 9 of 4"},
        ProgramCase{"/entries/0/blocks/1/phases/0/launch/arguments/1/ref/table", 9,
                    "program.entries[0].blocks[1].phases[0].launch.arguments[1]: weight table 9 of 6"},
        ProgramCase{"/entries/0/blocks/2/phases/0/launch/arguments/2/index", 1,
                    "program.entries[0].blocks[2].phases[0].launch.arguments[2]: scratch 1 of 1"},
        ProgramCase{"/entries/0/blocks/1/phases/1/matrix",
                    {{"index", 0}},
                    "program.entries[0].blocks[1].phases[1].matrix: this kind of phase has none; expected null"},
        ProgramCase{"/entries/0/blocks/1/phases/1/segment_rows/0", 8,
                    "program.entries[0].blocks[1].phases[1].segment_rows: only a project phase has them"},
        ProgramCase{"/entries/0/blocks/1/phases/1/caches", ordered_json::array(),
                    "program.entries[0].blocks[1].phases[1].caches: 0; an attend phase has one, others none"},
        ProgramCase{"/entries/0/blocks/1/phases/1/parameters/heads", 3,
                    "program.entries[0].blocks[1].phases[1].inputs[0]: 'q' has 32 "
                    "elements; expected 48"},
        ProgramCase{"/entries/0/blocks/1/phases/1/parameters/kv_heads", 3,
                    "program.entries[0].blocks[1].phases[1].parameters.kv_heads: 3 does not divide 2 heads"},
        ProgramCase{"/entries/0/blocks/1/phases/1/parameters/kv_heads", 2,
                    "program.entries[0].blocks[1].phases[1].caches[0]: "
                    "'layers.0.cache' is [1][..][16]; expected [2][..][16]"},
        ProgramCase{"/entries/0/blocks/1/phases/1/parameters/scale", "x",
                    "program.entries[0].blocks[1].phases[1].parameters.scale: \"x\"; expected a finite number"},
        ProgramCase{"/entries/0/blocks/1/phases/1/parameters/window", 1,
                    "program.entries[0].blocks[1].phases[1].parameters: unknown parameter 'window'"},
        ProgramCase{"/entries/0/blocks/1/phases/1/launch/arguments/1/ref/table", 1,
                    "program.entries[0].blocks[1].phases[1].launch.arguments[1]: cache table 1 of 1"},
        ProgramCase{"/entries/0/blocks/2/phases/0/kind", "select",
                    "program.entries[0].blocks[2].phases[0].matrix: this kind of phase has none; expected null"},
        ProgramCase{"/entries/0/blocks/2/phases/0/epilogues", ordered_json::array(),
                    "program.entries[0].blocks[2].phases[0].outputs: none for segment 0"}));

INSTANTIATE_TEST_SUITE_P(
    Function, ProgramField,
    ::testing::Values(
        ProgramCase{"/entries/0/blocks/1/phases/0/prologue/0/name", "rope",
                    "program.entries[0].blocks[1].phases[0].prologue[0].name: 'rope' is not a prologue"},
        ProgramCase{"/entries/0/blocks/1/phases/0/prologue/0/parameters/group_size", 16,
                    "program.entries[0].blocks[1].phases[0].prologue[0].parameters.group_size: 16; in a project phase "
                    "it is the "
                    "input's size, 32"},
        ProgramCase{"/entries/0/blocks/1/phases/0/prologue/0/parameters/eps", -1,
                    "program.entries[0].blocks[1].phases[0].prologue[0].parameters.eps: is negative"},
        ProgramCase{
            "/entries/0/blocks/1/phases/0/prologue/0/parameters/defer_scale", 1,
            "program.entries[0].blocks[1].phases[0].prologue[0].parameters.defer_scale: 1; expected true or false"},
        ProgramCase{
            "/entries/0/blocks/1/phases/0/prologue/0/weights/0/table", 1,
            "program.entries[0].blocks[1].phases[0].prologue[0].weights[0]: 'layers.0.qkv.weight' is not a vector"},
        ProgramCase{"/entries/0/blocks/1/phases/0/prologue/0/weights", ordered_json::array(),
                    "program.entries[0].blocks[1].phases[0].prologue[0].weights: 0; 'rms_norm' takes 1"},
        ProgramCase{"/entries/0/blocks/1/phases/0/epilogues/0/name", "frobnicate",
                    "program.entries[0].blocks[1].phases[0].epilogues[0].name: 'frobnicate' is not an epilogue"},
        ProgramCase{"/entries/0/blocks/1/phases/0/epilogues/0/parameters/segment", 3,
                    "program.entries[0].blocks[1].phases[0].epilogues[0].parameters.segment: segment 3 of 3"},
        ProgramCase{
            "/entries/0/blocks/1/phases/0/epilogues/0/parameters/rotary_dim", 15,
            "program.entries[0].blocks[1].phases[0].epilogues[0].parameters.rotary_dim: 15; expected an even number up "
            "to 16"},
        ProgramCase{
            "/entries/0/blocks/1/phases/0/epilogues/0/parameters/rotary_dim", 8,
            "program.entries[0].blocks[1].phases[0].epilogues[0].weights[0]: 'rope' has 8 frequencies; expected 4"},
        ProgramCase{
            "/entries/0/blocks/1/phases/0/epilogues/0/parameters/head_dim", 0,
            "program.entries[0].blocks[1].phases[0].epilogues[0].parameters.head_dim: 0; expected an integer in [1, "
            "2147483647]"},
        ProgramCase{"/entries/0/blocks/1/phases/1/parameters/cap", 0,
                    "program.entries[0].blocks[1].phases[1].parameters.cap: must be positive"},
        ProgramCase{"/entries/0/blocks/1/phases/1/parameters/lid", 2,
                    "program.entries[0].blocks[1].phases[1].parameters: unknown parameter 'lid'"},
        ProgramCase{
            "/entries/0/blocks/1/phases/3/epilogues/0",
            {{"name", "scale"},
             {"parameters", {{"segment", 0}, {"factor", 0}}},
             {"operands", ordered_json::array()},
             {"weights", ordered_json::array()},
             {"caches", ordered_json::array()}},
            "program.entries[0].blocks[1].phases[3].epilogues[0].parameters.factor: must be finite and not zero"},
        ProgramCase{"/entries/0/blocks/1/phases/3/epilogues/0",
                    {{"name", "softcap"},
                     {"parameters", {{"segment", 0}, {"cap", -1}}},
                     {"operands", ordered_json::array()},
                     {"weights", ordered_json::array()},
                     {"caches", ordered_json::array()}},
                    "program.entries[0].blocks[1].phases[3].epilogues[0].parameters.cap: must be positive"},
        ProgramCase{"/entries/0/blocks/1/phases/0/epilogues/2/parameters/value", 1,
                    "program.entries[0].blocks[1].phases[0].epilogues[2].parameters.value: segment 1 is used twice"},
        ProgramCase{"/entries/0/blocks/1/phases/0/epilogues/2/parameters/value", 0,
                    "program.entries[0].blocks[1].phases[0].epilogues[2].parameters.value: segment of 32; expected 16"},
        ProgramCase{"/entries/0/blocks/1/phases/0/epilogues/2/caches/0/table", 1,
                    "program.entries[0].blocks[1].phases[0].epilogues[2].caches[0]: cache table 1 of 1"},
        ProgramCase{
            "/entries/0/blocks/1/phases/2/epilogues/0/operands/0", 3,
            "program.entries[0].blocks[1].phases[2].epilogues[0].operands[0]: edge 'act' has 48 elements; expected 32"},
        ProgramCase{"/entries/0/blocks/1/phases/2/epilogues/0/operands/0", 4,
                    "program.entries[0].blocks[1].phases[2].epilogues[0].operands[0]: edge 4 of 4"},
        ProgramCase{
            "/entries/0/blocks/1/phases/3/epilogues/1/parameters/lhs", nullptr,
            "program.entries[0].blocks[1].phases[3].epilogues[1].parameters.lhs: null; expected an integer in [0, "
            "18446744073709551615]"}));

TEST(Program, ConsumedSegmentsStayConsumed) {
  Program program = smallProgram();
  Phase &gateUp = program.entries[0].blocks[1].phases[3];
  gateUp.epilogues.push_back({"silu", {{"segment", 1}}, {}, {}, {}});
  EXPECT_EQ(validateProgram(program).message(),
            "program.entries[0].blocks[1].phases[3].epilogues[2].parameters.segment: segment 1 was consumed before");
}

TEST(Program, NamesThatAreNotText) {
  Program program = smallProgram();
  program.edges[0].name.push_back('\xff');
  EXPECT_EQ(validateProgram(program).code(), StatusCode::InvalidPlan);
}

/// Whatever stands in whatever place, parsing ends in a program or in an error about the program; and a number out of
/// all bounds is never taken for one that executors compute with.
TEST(Program, AnyValueAnywhere) {
  for (const Program &program : {prefillProgram(), graphProgram()}) {
    const ordered_json whole = sectionsOf(program), flat = whole.flatten();
    const ordered_json values = {-1,
                                 0,
                                 1,
                                 3,
                                 1ull << 31,
                                 1ull << 62,
                                 ~0ull,
                                 1e300,
                                 nullptr,
                                 true,
                                 "",
                                 "x",
                                 ordered_json::array(),
                                 ordered_json::object(),
                                 {{"index", 1}}};
    for (const auto &[pointer, original] : flat.items()) {
      for (const ordered_json &value : values) {
        ordered_json json = whole;
        json[ordered_json::json_pointer(pointer)] = value;
        const Status status = parseSections(json).status();
        if (!status.isOk()) {
          EXPECT_EQ(status.code(), StatusCode::InvalidPlan) << pointer;
          EXPECT_TRUE(status.message().starts_with("program") || status.message().starts_with("decoder"))
              << status.message();
        }
        const bool informational = pointer.ends_with("weight_bytes") || pointer.ends_with("activation_bytes");
        const bool huge = value.is_number_unsigned() && value.get<uint64_t>() == ~0ull;
        EXPECT_FALSE(status.isOk() && huge && original.is_number_integer() && !informational) << pointer;
      }
    }
  }
}

/// As many ports as JSON has values for. Checking them takes no more than a few times as long as reading the JSON: no
/// list is searched for each entry of another.
TEST(Program, ManyPortsTakeNoLonger) {
  constexpr int inputs = 40000, outputs = 80000;
  Program program;
  program.model = {"ports", "random:1"};
  Entry entry{"run", {}, {}, {}};
  for (uint32_t i = 0; i < inputs; ++i) {
    program.edges.push_back({"", DType::f32, 1, i * edgeAlignment, 1});
    entry.inputs.push_back({PortKind::Tensor, "x" + std::to_string(i), {1}, i});
  }
  program.arenaBytes = inputs * edgeAlignment;
  for (int i = 0; i < outputs; ++i)
    entry.outputs.push_back({PortKind::Tensor, "y" + std::to_string(i), {1}, inputs - 1});
  program.entries = {entry};
  const std::string text = toJson(program).dump();
  const auto time = [](const auto &work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double reading = time([&] { EXPECT_TRUE(parseJson(text).isOk()); });
  const double checking = time([&] { EXPECT_EQ(parseProgram(text).status().message(), ""); });
  EXPECT_LT(checking, 6 * reading);
}

TEST(Functions, TableIsConsistent) {
  for (const FunctionSpec &spec : functionSpecs()) {
    EXPECT_EQ(findFunction(spec.role, spec.name), &spec) << spec.name;
    EXPECT_NE(spec.check, nullptr);
  }
  EXPECT_EQ(findFunction(FunctionRole::Prologue, "argmax"), nullptr);
}

} // namespace
} // namespace cadenza::testing
