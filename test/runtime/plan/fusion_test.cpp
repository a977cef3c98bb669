// Fusions in a plan: the round trip, and an error that names the field for each thing that can be wrong.
#include "runtime/plan/describe.h"
#include "test/runtime/plan/fusion_program.h"

#include <gtest/gtest.h>

namespace cadenza::testing {
namespace {

using nlohmann::ordered_json;

/// y = table[ids] + 1 and the sum of y, a scalar. Values: %0 ids, %1 table, %2 rows, %3 one, %4 y, %5 sum.
Program gatherProgram() {
  FusionProgram made;
  const uint32_t table = made.weight("table", nn::zeros({ElementType::f16, {4, 2}}));
  const uint32_t ids = made.input("ids", {ElementType::i64, {1, 3}});
  made.fusion("gather");
  const nn::TensorSpec spec{ElementType::f16, {1, 3, 2}};
  const uint32_t rows = made.op("gather", {{"axis", 0}}, {made.getWeight(table), made.read(ids)}, {spec});
  const uint32_t one = made.constant(nn::tensorOf(ElementType::f16, {}, std::vector<double>{1}));
  const uint32_t y = made.op("binary", {{"function", "add"}}, {rows, one}, {spec});
  made.store("y", y);
  made.store("sum", made.op("reduce", {{"function", "sum"}, {"axes", {0, 1, 2}}}, {y}, {{ElementType::f16, {}}}));
  made.outputs({"y", "sum"});
  return made.program;
}

TEST(FusionPlan, RoundTrip) {
  const ordered_json json = toJson(gatherProgram());
  const auto parsed = parseProgram(json.dump());
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  EXPECT_EQ(toJson(*parsed), json);
  const Phase &phase = parsed->entries[0].blocks[0].phases[0];
  EXPECT_EQ(phase.kind, PhaseKind::Fusion);
  EXPECT_EQ(phase.body[2].value, (std::vector<std::byte>{std::byte{0x00}, std::byte{0x3c}}));
  EXPECT_EQ(parsed->edges[2].shape, std::optional(nn::Shape{}));
  EXPECT_EQ(describePort(*parsed, parsed->entries[0].inputs[0]), "\"ids\" i64 [1, 3]");
}

TEST(FusionPlan, IsShownOpByOp) {
  const std::string text = describeProgram(gatherProgram());
  for (const char *part :
       {"gather: fusion ids -> y, sum", "%1 = get_weight table : f16 [4, 2]",
        "%2 = gather %1 %0 {\"axis\":0} : f16 [1, 3, 2]", "gives     %4, %5", "kernel    none: only the CPU runs it"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  EXPECT_NE(describeWeights(gatherProgram()).find("f16 [4, 2]"), std::string::npos);
}

struct FusionCase {
  const char *pointer; // into the program
  ordered_json value;
  const char *error; // after "program."
};

class FusionField : public ::testing::TestWithParam<FusionCase> {};

TEST_P(FusionField, IsChecked) {
  ordered_json json = toJson(gatherProgram());
  const std::string pointer = GetParam().pointer;
  const std::string phase = "/entries/0/blocks/0/phases/0";
  json[ordered_json::json_pointer(pointer.starts_with("/body") || pointer.starts_with("/results") ||
                                          pointer.starts_with("/phase")
                                      ? phase + (pointer.starts_with("/phase") ? pointer.substr(6) : pointer)
                                      : pointer)] = GetParam().value;
  const Status status = parseProgram(json.dump()).status();
  EXPECT_EQ(status.code(), StatusCode::InvalidPlan);
  EXPECT_EQ(status.message(), std::string("program.") + GetParam().error) << pointer;
}

#define PHASE "entries[0].blocks[0].phases[0]."
INSTANTIATE_TEST_SUITE_P(
    Tensors, FusionField,
    ::testing::Values(
        FusionCase{"/edges/0/shape", {1, 4}, "edges[0].shape: [1, 4] is not a shape of 3 elements"},
        FusionCase{"/edges/0/shape", ordered_json::array(), "edges[0].shape: [] is not a shape of 3 elements"},
        FusionCase{"/edges/0/shape", {3, 0}, "edges[0].shape[1]: 0; expected an integer in [1, 2147483647]"},
        FusionCase{"/edges/0/dtype", "c64",
                   "edges[0].dtype: \"c64\"; expected one of 'f32', 'bf16', 'f16', 'f64', 'bool', 'i8', 'i16', 'i32', "
                   "'i64', 'u8', 'u16', 'u32', 'u64'"},
        FusionCase{"/edges/2/tokens", 2, "edges[2].tokens: 2; a tensor is one"},
        FusionCase{"/weights/0/shape", {4, 3}, "weights[0].shape: [4, 3] is not a shape of 8 elements"},
        FusionCase{"/weights/0/encoding", "vector", "weights[0].shape: only a tensor has one"},
        FusionCase{"/weights/0/columns", 2, "weights[0].columns: 2; expected 1 in encoding tensor"},
        FusionCase{"/weights/0/dtype", "f32", "weights[0].bytes: 16; its shape takes 32 in encoding tensor"},
        FusionCase{
            "/entries/0/inputs/0/shape", {3}, "entries[0].inputs[0].shape: [3]; edge 'ids' has the shape [1, 3]"},
        FusionCase{
            "/entries/0/outputs/1/shape", {1}, "entries[0].outputs[1].shape: [1]; edge 'sum' has the shape []"}));

INSTANTIATE_TEST_SUITE_P(
    Phase, FusionField,
    ::testing::Values(
        FusionCase{"/phase/inputs", ordered_json::array(), PHASE "body[1].operands[0]: value 1 of 1"},
        FusionCase{"/phase/outputs", ordered_json::array(), PHASE "outputs: is empty"},
        FusionCase{"/phase/outputs", {1}, PHASE "results: 2 values for 1 outputs"},
        FusionCase{"/phase/outputs", {1, 1}, PHASE "outputs[1]: edge 'y' is f16 [1, 3, 2]; the value is f16 []"},
        FusionCase{"/results/0", 6, PHASE "results[0]: value 6 of 6"},
        FusionCase{"/results/0", 1, PHASE "outputs[0]: edge 'y' is f16 [1, 3, 2]; the value is f16 [4, 2]"},
        FusionCase{"/phase/output_names", {"y"}, PHASE "output_names: 1 names; expected 2"},
        FusionCase{"/phase/kind", "map", PHASE "body: only a fusion has one"},
        FusionCase{"/phase/parameters", {{"x", 1}}, PHASE "parameters: unknown parameter 'x'"},
        FusionCase{"/phase/segment_rows", {1}, PHASE "segment_rows: only a project phase has them"},
        FusionCase{"/phase/launch/kernel", "k", PHASE "launch.kernel: 'k' is not in program.kernels"},
        FusionCase{"/phase/prologue",
                   ordered_json::array({{{"name", "rms_norm"},
                                         {"parameters", ordered_json::object()},
                                         {"operands", ordered_json::array()},
                                         {"weights", ordered_json::array()},
                                         {"caches", ordered_json::array()}}}),
                   PHASE "prologue: a fusion has none but its body"}));

INSTANTIATE_TEST_SUITE_P(
    Body, FusionField,
    ::testing::Values(
        FusionCase{"/body/0/weight", 1, PHASE "body[0].weight: weight 1 of 1"},
        FusionCase{"/body/0/results", ordered_json::array(), PHASE "body[0].results: expected one, f16 [4, 2]"},
        FusionCase{"/body/0/operands", {0}, PHASE "body[0]: get_weight has neither operands nor attributes"},
        FusionCase{"/body/1/weight", 0, PHASE "body[1].weight: only get_weight has one"},
        FusionCase{"/body/1/operands/0", 2, PHASE "body[1].operands[0]: value 2 of 2"},
        FusionCase{"/body/1/operands", {1}, PHASE "body[1]: gather does not take 1 operands"},
        FusionCase{"/body/1/operands/1", 1, PHASE "body[1]: gather: indices are i32 or i64, not f16"},
        FusionCase{"/body/1/name", "gatherer", PHASE "body[1]: there is no op 'gatherer' on tensors"},
        FusionCase{"/body/1/attributes", ordered_json::object(), PHASE "body[1]: gather: attributes.axis: is missing"},
        FusionCase{"/body/1/attributes/rows", 1, PHASE "body[1]: gather: there is no attribute 'rows'"},
        FusionCase{"/body/1/attributes/axis", 2, PHASE "body[1]: gather: axis 2 is none of a tensor of rank 2"},
        FusionCase{"/body/1/results/0/shape",
                   {1, 3, 4},
                   PHASE "body[1]: gather: result 0 is f16 [1, 3, 2], declared as f16 [1, 3, 4]"},
        FusionCase{"/body/2/value", "AAAA", PHASE "body[2].value: 3 bytes; f16 [] has 2"},
        FusionCase{"/body/2/value", "A", PHASE "body[2].value: expected a string in base64"},
        FusionCase{"/body/3/value", "ADw=", PHASE "body[3].value: only a constant has one"},
        FusionCase{"/body/3/attributes/function", "plus",
                   PHASE "body[3]: binary: attributes.function: \"plus\"; expected one of 'add', 'sub', 'mul', 'div', "
                         "'min', 'max', 'pow', 'mod', 'fmod', 'bitwise_and', 'bitwise_or', 'bitwise_xor', "
                         "'shift_left', 'shift_right', 'and', 'or', 'xor', 'equal', 'less', 'less_or_equal', "
                         "'greater', 'greater_or_equal'"},
        FusionCase{"/body/4/attributes/axes", {3}, PHASE "body[4]: reduce: axis 3 is none of a tensor of rank 3"}));

TEST(FusionPlan, TokensAndTensorsDoNotMix) {
  Program program = gatherProgram();
  program.edges[0].shape.reset();
  program.edges[0].dtype = DType::f32;
  EXPECT_EQ(validateProgram(program).message(),
            "program." PHASE "inputs[0]: edge 'ids' is of tokens; a fusion takes tensors");
  program = gatherProgram();
  Phase &phase = program.entries[0].blocks[0].phases[0];
  phase.kind = PhaseKind::Map;
  phase.body.clear();
  phase.results.clear();
  phase.outputs = {0};
  phase.outputNames = {"ids"};
  program.kernels.resize(1);
  program.kernels[0].name = "k";
  program.kernels[0].threads = 32;
  phase.launch.kernel = "k";
  EXPECT_EQ(validateProgram(program).message(),
            "program." PHASE "inputs: edge 'ids' is a tensor; only a fusion works on those");
}

/// Whatever stands in whatever place, parsing ends in a program or in an error about the program.
TEST(FusionPlan, AnyValueAnywhere) {
  const ordered_json whole = toJson(gatherProgram()), flat = whole.flatten();
  for (const auto &[pointer, original] : flat.items()) {
    for (const ordered_json &value :
         {ordered_json(-1), ordered_json(0), ordered_json(3), ordered_json(1ull << 62), ordered_json(~0ull),
          ordered_json(1e300), ordered_json(nullptr), ordered_json(true), ordered_json("x"), ordered_json::array(),
          ordered_json::object()}) {
      ordered_json json = whole;
      json[ordered_json::json_pointer(pointer)] = value;
      const Status status = parseProgram(json.dump()).status();
      if (!status.isOk()) {
        EXPECT_EQ(status.code(), StatusCode::InvalidPlan) << pointer;
      }
    }
  }
}

} // namespace
} // namespace cadenza::testing
