// The program's JSON: round trip, and an error that names the field for each thing that can be wrong.
#include "runtime/plan/functions.h"
#include "test/runtime/plan/small_plan.h"

#include <gtest/gtest.h>

namespace cadenza::testing {
namespace {

using nlohmann::ordered_json;

TEST(Program, RoundTrip) {
  const ordered_json json = toJson(smallProgram());
  const auto parsed = parseProgram(json.dump());
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  EXPECT_EQ(toJson(*parsed), json);
  EXPECT_TRUE(validateProgram(smallProgram()).isOk());
}

TEST(Program, RoundTripWithAPersistentSchedule) {
  Program program = smallProgram();
  program.persistent = {
      .kernel = program.kernels[1].name, .ranks = 2, .packetBytes = 4096, .clusters = false, .traced = true};
  const ordered_json json = toJson(program);
  const auto parsed = parseProgram(json.dump());
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  EXPECT_EQ(toJson(*parsed), json);
}

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
struct ProgramCase {
  const char *pointer;
  ordered_json value;
  const char *error;
};
class ProgramField : public ::testing::TestWithParam<ProgramCase> {};

TEST_P(ProgramField, IsChecked) {
  ordered_json json = toJson(smallProgram());
  const ordered_json::json_pointer pointer(GetParam().pointer);
  json[pointer] = GetParam().value;
  const Status status = parseProgram(json.dump()).status();
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
  EXPECT_EQ(status.message(), "program.blocks[0].phases[0].matrix: 'embedding.weight' is stored as int8; rows of an "
                              "embedding are read as tiles16");
}

// Blocks: 0 embed; 1 layers: 0 qkv, 1 attend, 2 o, 3 gate_up, 4 down; 2 head. Edges: x, q, attended, act.
INSTANTIATE_TEST_SUITE_P(
    Global, ProgramField,
    ::testing::Values(
        ProgramCase{"/unknown", 1, "program: unknown field \"unknown\""},
        ProgramCase{"/model/vocabulary", 0, "program.model.vocabulary: 0; expected an integer in [1, 2147483647]"},
        ProgramCase{"/model/vocabulary", 1.5, "program.model.vocabulary: 1.5; expected an integer in [1, 2147483647]"},
        ProgramCase{"/model/vocabulary", 41,
                    "program.blocks[0].phases[0].matrix: 'embedding.weight' has 40 rows; the vocabulary has 41"},
        ProgramCase{"/model/name", "\x1b[2J", "program.model.name: a string with control characters"},
        ProgramCase{"/model/eos_tokens/1", 40, "program.model.eos_tokens[1]: token 40 of 40"},
        ProgramCase{"/model/eos_tokens/1", -1,
                    "program.model.eos_tokens[1]: -1; expected an integer in [0, 2147483647]"},
        ProgramCase{"/model/bos_token", 40, "program.model.bos_token: 40 of a vocabulary of 40"},
        ProgramCase{"/model/max_context", 2147483647, "program.model.max_context: 2147483647 is too long"},
        ProgramCase{"/model/weight_dtype", "i32", "program.model.weight_dtype: i32 is not a type of weights"},
        ProgramCase{"/edges/1/offset", 128, "program.edges[1].offset: 128 is not a multiple of 256"},
        ProgramCase{"/edges/1/offset", 1024, "program.edges[1]: 128 bytes at 1024 do not fit the arena of 1024"},
        ProgramCase{"/edges/1/offset", 18446744073709551360u,
                    "program.edges[1]: 128 bytes at 18446744073709551360 do not fit the arena of 1024"},
        ProgramCase{"/edges/1/dtype", "i32", "program.edges[1].dtype: i32 is not a type of activations"},
        ProgramCase{"/edges/1/dtype", "f8",
                    "program.edges[1].dtype: \"f8\"; expected one of 'f32', 'bf16', 'f16', 'i32'"},
        ProgramCase{"/arena_bytes", 1ull << 41, "program.arena_bytes: 2199023255552; at most 1099511627776"},
        ProgramCase{"/weights/0/rows", 100, "program.weights[0].bytes: 3072; its shape takes 7168 in encoding tiles16"},
        ProgramCase{"/weights/1/bytes", 33, "program.weights[1].bytes: 33; its shape takes 32 in encoding rope_table"},
        ProgramCase{"/weights/0/encoding", "int4",
                    "program.weights[0].encoding: \"int4\"; expected one of 'vector', 'rope_table', 'tiles16', 'int8'"},
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
        ProgramCase{"/weight_tables/1/1", 15, "program.weight_tables[1][1]: weight 15 of 15"},
        ProgramCase{"/weight_tables/1/1", 2,
                    "program.weight_tables[1][1]: 'final_norm.weight' has another type or shape than "
                    "'layers.0.qkv.weight'"},
        ProgramCase{"/weight_tables/1", ordered_json::array(), "program.weight_tables[1]: is empty"},
        ProgramCase{"/weight_tables/1/2", 4,
                    "program.blocks[1].phases[0].matrix: weight table 1 has 3 entries; the block runs 2 times"},
        ProgramCase{"/caches/1/kv_heads", 2,
                    "program.cache_tables[0][1]: 'layers.1.cache' has another type or shape than 'layers.0.cache'"},
        ProgramCase{"/caches/0/dtype", "i32",
                    "program.cache_tables[0][1]: 'layers.1.cache' has another type or shape "
                    "than 'layers.0.cache'"},
        ProgramCase{"/scalars/0/value", -1, "program.scalars[0].value: -1; expected an integer in [0, 2147483647]"},
        ProgramCase{"/scalar_tables/0/1", 2, "program.scalar_tables[0][1]: scalar 2 of 2"},
        ProgramCase{"/scalar_tables/0/2", 1,
                    "program.blocks[1].phases[1].scalars[0]: scalar table 0 has 3 entries; the block runs 2 times"},
        ProgramCase{"/scratch/0/bytes", 0, "program.scratch[0].bytes: 0; expected 1 to 1099511627776"},
        ProgramCase{"/kernels/1/name", "embed", "program.kernels[1].name: 'embed' occurs twice"},
        ProgramCase{"/kernels/1/name", "a b", "program.kernels[1].name: 'a b' is not an identifier"},
        ProgramCase{"/kernels/1/threads", 48, "program.kernels[1].threads: 48; expected a multiple of 32 up to 1024"},
        ProgramCase{"/kernels/1/threads", 2048,
                    "program.kernels[1].threads: 2048; expected a multiple of 32 up to 1024"},
        ProgramCase{"/kernels/1/shared_bytes", 1 << 20, "program.kernels[1].shared_bytes: 1048576; at most 262144"},
        ProgramCase{"/head_block", 3, "program.head_block: 3 of 3 blocks"},
        ProgramCase{"/head_block", 0,
                    "program.blocks[0].phases[0].kind: embed; expected once, before head_block, in a "
                    "block of count 1"},
        ProgramCase{"/blocks/1/count", 3,
                    "program.blocks[1].phases[0].matrix: weight table 1 has 2 entries; the block runs 3 times"},
        ProgramCase{"/blocks/2/count", 2,
                    "program.blocks[2].phases[0].epilogues: argmax; expected once, from "
                    "head_block on, in a block of count 1"},
        ProgramCase{"/blocks/2/count", 2147483647, "program.blocks[2].count: makes more than 1048576 launches a step"},
        ProgramCase{"/blocks/0/phases", ordered_json::array(), "program.blocks[0].phases: is empty"}));

INSTANTIATE_TEST_SUITE_P(
    Persistent, ProgramField,
    ::testing::Values(
        ProgramCase{"/persistent", 1, "program.persistent: 1; expected an object"},
        ProgramCase{"/persistent",
                    {{"kernel", "nobody"}, {"ranks", 2}, {"packet_bytes", 0}, {"clusters", true}, {"traced", false}},
                    "program.persistent.kernel: 'nobody' is not in program.kernels"},
        ProgramCase{
            "/persistent",
            {{"kernel", "project_qkv"}, {"ranks", 3}, {"packet_bytes", 0}, {"clusters", true}, {"traced", false}},
            "program.persistent.ranks: 3; expected at most 16, a divisor of the kernel's 4 blocks"},
        ProgramCase{"/persistent",
                    {{"kernel", "project_qkv"},
                     {"ranks", 2},
                     {"packet_bytes", 1ull << 31},
                     {"clusters", true},
                     {"traced", false}},
                    "program.persistent.packet_bytes: 2147483648; at most 1073741824"}));

INSTANTIATE_TEST_SUITE_P(
    Phase, ProgramField,
    ::testing::Values(
        ProgramCase{"/blocks/1/phases/0/inputs/0", 17, "program.blocks[1].phases[0].inputs[0]: edge 17 of 4"},
        ProgramCase{"/blocks/1/phases/0/inputs/1", 0,
                    "program.blocks[1].phases[0].inputs: 2 edges; a phase of this kind takes 1"},
        ProgramCase{"/blocks/1/phases/0/outputs/0", 4, "program.blocks[1].phases[0].outputs[0]: edge 4 of 4"},
        ProgramCase{"/blocks/1/phases/0/outputs/0", 3,
                    "program.blocks[1].phases[0].outputs[0]: edge 'act' has 48 "
                    "elements; segment 0 has 32"},
        ProgramCase{"/blocks/1/phases/0/outputs", ordered_json::array(),
                    "program.blocks[1].phases[0].outputs: none for segment 0"},
        ProgramCase{"/blocks/1/phases/0/outputs/1", 0,
                    "program.blocks[1].phases[0].outputs: 2 edges; 1 segments are left"},
        ProgramCase{"/blocks/1/phases/0/output_names", ordered_json::array(),
                    "program.blocks[1].phases[0].output_names: 0 names; expected 1"},
        ProgramCase{"/blocks/1/phases/0/matrix", nullptr,
                    "program.blocks[1].phases[0].matrix: null; expected an object"},
        ProgramCase{"/blocks/1/phases/0/matrix/table", 6, "program.blocks[1].phases[0].matrix: weight table 6 of 6"},
        ProgramCase{"/blocks/1/phases/0/matrix/table", 0,
                    "program.blocks[1].phases[0].matrix: 'layers.0.norm1.weight' is not a packed matrix"},
        ProgramCase{"/blocks/1/phases/0/matrix/table", 5,
                    "program.blocks[1].phases[0].matrix: 'layers.0.down.weight' has 48 columns; its input, 'x', has "
                    "32 elements"},
        ProgramCase{"/blocks/1/phases/0/segment_rows/2", 15,
                    "program.blocks[1].phases[0].segment_rows: sum 63; 'layers.0.qkv.weight' has 64 rows"},
        ProgramCase{"/blocks/1/phases/0/interleaved", true,
                    "program.blocks[1].phases[0].segment_rows[1]: 16; interleaved ones are equal multiples of 8"},
        ProgramCase{"/blocks/1/phases/0/k_ways", 6,
                    "program.blocks[1].phases[0].k_ways: 6; expected a power of two up to 32"},
        ProgramCase{"/blocks/1/phases/0/k_ways", 64,
                    "program.blocks[1].phases[0].k_ways: 64; expected a power of two up to 32"},
        ProgramCase{"/blocks/1/phases/0/k_groups", ordered_json::array(),
                    "program.blocks[1].phases[0].k_groups: the first group starts at step 0"},
        ProgramCase{"/blocks/1/phases/0/k_groups/0", 1,
                    "program.blocks[1].phases[0].k_groups: the first group starts at step 0"},
        ProgramCase{"/blocks/1/phases/0/k_groups/0", -1,
                    "program.blocks[1].phases[0].k_groups[0]: -1; expected an integer in [0, 2147483647]"},
        ProgramCase{"/blocks/1/phases/4/k_groups/1", 0,
                    "program.blocks[1].phases[4].k_groups[1]: 0; starts of groups ascend"},
        ProgramCase{"/blocks/1/phases/4/k_groups/1", 2,
                    "program.blocks[1].phases[4].k_groups[1]: 2 of 2 steps of 32 columns"},
        ProgramCase{"/blocks/1/phases/1/k_ways", 2,
                    "program.blocks[1].phases[1].k_ways: only a project phase has more than one"},
        ProgramCase{"/blocks/1/phases/1/k_groups/1", 1,
                    "program.blocks[1].phases[1].k_groups: only a project phase has more than one, from 0"},
        ProgramCase{"/blocks/1/phases/1/scalars/0/table", 1,
                    "program.blocks[1].phases[1].scalars[0]: scalar table 1 of 1"},
        ProgramCase{"/blocks/1/phases/1/scalars/1",
                    {{"index", 0}},
                    "program.blocks[1].phases[1].scalars: 2; an attend phase may have one, its window, others none"},
        ProgramCase{"/blocks/1/phases/0/scalars/0",
                    {{"index", 0}},
                    "program.blocks[1].phases[0].scalars: 1; an attend phase may have one, its window, others none"},
        ProgramCase{"/blocks/1/phases/1/launch/arguments/4/ref",
                    {{"index", 2}},
                    "program.blocks[1].phases[1].launch.arguments[4]: scalar 2 of 2"},
        ProgramCase{"/blocks/1/phases/1/parameters/warps", 33,
                    "program.blocks[1].phases[1].parameters.warps: 33; at most 32"},
        ProgramCase{"/blocks/1/phases/0/launch/kernel", "nobody",
                    "program.blocks[1].phases[0].launch.kernel: 'nobody' is not in program.kernels"},
        ProgramCase{"/blocks/1/phases/0/launch/arguments/0/index", 9,
                    "program.blocks[1].phases[0].launch.arguments[0]: edge 9 of 4"},
        ProgramCase{"/blocks/1/phases/0/launch/arguments/1/ref/table", 9,
                    "program.blocks[1].phases[0].launch.arguments[1]: weight table 9 of 6"},
        ProgramCase{"/blocks/2/phases/0/launch/arguments/2/index", 1,
                    "program.blocks[2].phases[0].launch.arguments[2]: scratch 1 of 1"},
        ProgramCase{"/blocks/1/phases/1/matrix",
                    {{"index", 0}},
                    "program.blocks[1].phases[1].matrix: this kind of phase has none; expected null"},
        ProgramCase{"/blocks/1/phases/1/segment_rows/0", 8,
                    "program.blocks[1].phases[1].segment_rows: only a project phase has them"},
        ProgramCase{"/blocks/1/phases/1/caches", ordered_json::array(),
                    "program.blocks[1].phases[1].caches: 0; an attend phase has one, others none"},
        ProgramCase{"/blocks/1/phases/1/parameters/heads", 3,
                    "program.blocks[1].phases[1].inputs[0]: 'q' has 32 "
                    "elements; expected 48"},
        ProgramCase{"/blocks/1/phases/1/parameters/kv_heads", 3,
                    "program.blocks[1].phases[1].parameters.kv_heads: 3 does not divide 2 heads"},
        ProgramCase{"/blocks/1/phases/1/parameters/kv_heads", 2,
                    "program.blocks[1].phases[1].caches[0]: "
                    "'layers.0.cache' is [1][..][16]; expected [2][..][16]"},
        ProgramCase{"/blocks/1/phases/1/parameters/scale", "x",
                    "program.blocks[1].phases[1].parameters.scale: \"x\"; expected a finite number"},
        ProgramCase{"/blocks/1/phases/1/parameters/window", 1,
                    "program.blocks[1].phases[1].parameters: unknown parameter 'window'"},
        ProgramCase{"/blocks/1/phases/1/launch/arguments/1/ref/table", 1,
                    "program.blocks[1].phases[1].launch.arguments[1]: cache table 1 of 1"},
        ProgramCase{"/blocks/2/phases/0/kind", "select",
                    "program.blocks[2].phases[0].matrix: this kind of phase has none; expected null"},
        ProgramCase{"/blocks/2/phases/0/epilogues", ordered_json::array(),
                    "program.blocks[2].phases[0].outputs: none for segment 0"}));

INSTANTIATE_TEST_SUITE_P(
    Function, ProgramField,
    ::testing::Values(
        ProgramCase{"/blocks/1/phases/0/prologue/0/name", "rope",
                    "program.blocks[1].phases[0].prologue[0].name: 'rope' is not a prologue"},
        ProgramCase{"/blocks/1/phases/0/prologue/0/parameters/group_size", 16,
                    "program.blocks[1].phases[0].prologue[0].parameters.group_size: 16; in a project phase it is the "
                    "input's size, 32"},
        ProgramCase{"/blocks/1/phases/0/prologue/0/parameters/eps", -1,
                    "program.blocks[1].phases[0].prologue[0].parameters.eps: is negative"},
        ProgramCase{"/blocks/1/phases/0/prologue/0/parameters/defer_scale", 1,
                    "program.blocks[1].phases[0].prologue[0].parameters.defer_scale: 1; expected true or false"},
        ProgramCase{"/blocks/1/phases/0/prologue/0/weights/0/table", 1,
                    "program.blocks[1].phases[0].prologue[0].weights[0]: 'layers.0.qkv.weight' is not a vector"},
        ProgramCase{"/blocks/1/phases/0/prologue/0/weights", ordered_json::array(),
                    "program.blocks[1].phases[0].prologue[0].weights: 0; 'rms_norm' takes 1"},
        ProgramCase{"/blocks/1/phases/0/epilogues/0/name", "frobnicate",
                    "program.blocks[1].phases[0].epilogues[0].name: 'frobnicate' is not an epilogue"},
        ProgramCase{"/blocks/1/phases/0/epilogues/0/parameters/segment", 3,
                    "program.blocks[1].phases[0].epilogues[0].parameters.segment: segment 3 of 3"},
        ProgramCase{"/blocks/1/phases/0/epilogues/0/parameters/rotary_dim", 15,
                    "program.blocks[1].phases[0].epilogues[0].parameters.rotary_dim: 15; expected an even number up "
                    "to 16"},
        ProgramCase{"/blocks/1/phases/0/epilogues/0/parameters/rotary_dim", 8,
                    "program.blocks[1].phases[0].epilogues[0].weights[0]: 'rope' has 8 frequencies; expected 4"},
        ProgramCase{"/blocks/1/phases/0/epilogues/0/parameters/head_dim", 0,
                    "program.blocks[1].phases[0].epilogues[0].parameters.head_dim: 0; expected an integer in [1, "
                    "2147483647]"},
        ProgramCase{"/blocks/1/phases/0/epilogues/2/parameters/value", 1,
                    "program.blocks[1].phases[0].epilogues[2].parameters.value: segment 1 is used twice"},
        ProgramCase{"/blocks/1/phases/0/epilogues/2/parameters/value", 0,
                    "program.blocks[1].phases[0].epilogues[2].parameters.value: segment of 32; expected 16"},
        ProgramCase{"/blocks/1/phases/0/epilogues/2/caches/0/table", 1,
                    "program.blocks[1].phases[0].epilogues[2].caches[0]: cache table 1 of 1"},
        ProgramCase{"/blocks/1/phases/2/epilogues/0/operands/0", 3,
                    "program.blocks[1].phases[2].epilogues[0].operands[0]: edge 'act' has 48 elements; expected 32"},
        ProgramCase{"/blocks/1/phases/2/epilogues/0/operands/0", 4,
                    "program.blocks[1].phases[2].epilogues[0].operands[0]: edge 4 of 4"},
        ProgramCase{"/blocks/1/phases/3/epilogues/1/parameters/lhs", nullptr,
                    "program.blocks[1].phases[3].epilogues[1].parameters.lhs: null; expected an integer in [0, "
                    "18446744073709551615]"}));

TEST(Program, ConsumedSegmentsStayConsumed) {
  Program program = smallProgram();
  Phase &gateUp = program.blocks[1].phases[3];
  gateUp.epilogues.push_back({"silu", {{"segment", 1}}, {}, {}, {}});
  EXPECT_EQ(validateProgram(program).message(),
            "program.blocks[1].phases[3].epilogues[2].parameters.segment: segment 1 was consumed before");
}

TEST(Program, NamesThatAreNotText) {
  Program program = smallProgram();
  program.edges[0].name.push_back('\xff');
  EXPECT_EQ(validateProgram(program).code(), StatusCode::InvalidPlan);
}

/// Whatever stands in whatever place, parsing ends in a program or in an error about the program; and a number out of
/// all bounds is never taken for one that executors compute with.
TEST(Program, AnyValueAnywhere) {
  const ordered_json whole = toJson(smallProgram()), flat = whole.flatten();
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
      const Status status = parseProgram(json.dump()).status();
      if (!status.isOk()) {
        EXPECT_EQ(status.code(), StatusCode::InvalidPlan) << pointer;
        EXPECT_TRUE(status.message().starts_with("program")) << status.message();
      }
      const bool informational = pointer.ends_with("weight_bytes") || pointer.ends_with("activation_bytes");
      const bool huge = value.is_number_unsigned() && value.get<uint64_t>() == ~0ull;
      EXPECT_FALSE(status.isOk() && huge && original.is_number_integer() && !informational) << pointer;
    }
  }
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
