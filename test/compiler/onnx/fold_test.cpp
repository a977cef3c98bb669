// What folds, what stays, and graphs that are lowered to ops and evaluated by their references.
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/import/onnx/lower/graph_lowering.h"
#include "test/compiler/onnx/analysis_case.h"

namespace cadenza::onnx {
namespace {

using namespace test;

struct Folding : testing::Test {
  Case model;

  void constant(const std::string &name, const std::vector<int64_t> &shape, const std::vector<float> &values) {
    *model.graph().add_initializer() = floats(name, shape, values);
  }
  std::vector<double> values(const std::string &name) const {
    const auto &facts = model.facts(name);
    return facts && facts->constant ? reals(*facts->constant) : std::vector<double>();
  }
};

TEST_F(Folding, NodesOfConstantsAreComputed) {
  model.input("x", {"n", "2"});
  constant("c", {2}, {1, 2});
  constant("d", {}, {3});
  model.node("Mul", {"c", "d"}, {"m"});
  model.node("Sqrt", {"m"}, {"s"});
  model.node("Mul", {"s", "s"}, {"q"});
  model.node("Add", {"x", "q"}, {"y"});
  model.output("y").analyse();
  EXPECT_EQ(values("m"), (std::vector<double>{3, 6}));
  EXPECT_NEAR(values("q")[1], 6, 1e-6);
  EXPECT_EQ(model.live(), "Add");
}

TEST_F(Folding, WeightsThatAreOnlyMovedStay) {
  model.input("x", {"1", "3"});
  constant("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  model.node("Transpose", {"w"}, {"t"});
  model.node("MatMul", {"x", "t"}, {"y"});
  model.output("y").analyse();
  EXPECT_EQ(values("t"), std::vector<double>());
  EXPECT_EQ(model.shape("t"), "f32 [3, 2]");
  EXPECT_EQ(model.live(), "Transpose MatMul");
}

TEST_F(Folding, WhatIsComputedOfMovedConstantsFolds) {
  model.input("x", {"1"}).list("axis", {0});
  constant("f", {2}, {0, 0});
  model.node("Unsqueeze", {"f", "axis"}, {"u"});
  model.node("Transpose", {"u"}, {"t"});
  model.node("Cos", {"t"}, {"c"});
  model.node("Mul", {"x", "c"}, {"y"});
  model.output("y").analyse();
  EXPECT_EQ(values("t"), std::vector<double>());
  EXPECT_EQ(values("c"), (std::vector<double>{1, 1}));
  EXPECT_EQ(model.live(), "Mul");
}

TEST_F(Folding, ScalarsAreNumbersAndFold) {
  model.input("x", {"1"}, ::onnx::TensorProto::FLOAT16);
  constant("c", {1}, {0.5});
  addAttribute(model.node("Cast", {"c"}, {"h"}), "to", ::onnx::TensorProto::FLOAT16);
  model.node("Mul", {"x", "h"}, {"y"});
  model.output("y").analyse();
  EXPECT_EQ(values("h"), std::vector<double>{0.5});
  EXPECT_EQ(model.live(), "Mul");
}

TEST_F(Folding, LargeResultsStay) {
  model.list("large", {5000, 5000}).list("small", {100, 100}); // 100 MB and 40 KB
  model.node("ConstantOfShape", {"large"}, {"l"});
  model.node("ConstantOfShape", {"small"}, {"s"});
  model.output("l").output("s").analyse();
  EXPECT_FALSE(model.facts("l")->constant);
  EXPECT_TRUE(model.facts("s")->constant);
  EXPECT_EQ(model.live(), "ConstantOfShape");
}

TEST_F(Folding, WhatTheReferencesRefuseStays) {
  constant("c", {2}, {1, 2});
  model.list("far", {7});
  model.node("Gather", {"c", "far"}, {"y"});
  model.output("y").analyse();
  EXPECT_EQ(model.findings(), "");
  EXPECT_EQ(model.live(), "Gather");
}

TEST_F(Folding, GraphsAreLoweredAndEvaluated) {
  model.input("x", {"2", "2"});
  constant("w", {2, 2}, {1, 0, 0, 2});
  model.node("MatMul", {"x", "w"}, {"m"});
  model.node("Relu", {"m"}, {"y"});
  model.output("y").analyse();
  Evaluator evaluator;
  GraphLowering lowering(*model.result.model, model.analysis, evaluator, model.result.findings);
  const std::vector<double> x = {1, 2, -3, 4};
  lowering.bind(model.result.model->graph.inputs[0].value,
                evaluator.add(nn::tensorOf(ElementType::f32, {2, 2}, std::span<const double>(x))));
  ASSERT_TRUE(lowering.run()) << model.findings();
  const Operand y = lowering.get(model.result.model->graph.outputs[0].value);
  EXPECT_EQ(nn::reals(evaluator.value(y)), (std::vector<double>{1, 4, 0, 8}));
}

TEST_F(Folding, EveryNodeWithoutOpsIsNamed) {
  model.input("x", {"1", "1", "4", "4"});
  model.node("GlobalLpPool", {"x"}, {"p"});
  model.node("Relu", {"p"}, {"r"});
  model.node("Det", {"r"}, {"d"});
  model.node("Det", {"x"}, {"e"});
  model.output("d").output("e").analyse({.shapesOnly = true});
  Evaluator evaluator;
  GraphLowering lowering(*model.result.model, model.analysis, evaluator, model.result.findings);
  lowering.bind(model.result.model->graph.inputs[0].value, evaluator.add(nn::zeros({ElementType::f32, {1, 1, 4, 4}})));
  EXPECT_FALSE(lowering.run());
  EXPECT_EQ(model.findings(), "unsupported: m.onnx: node 'node_p' (GlobalLpPool): has no lowering yet\n"
                              "unsupported: m.onnx: node 'node_d' (Det): has no lowering yet\n"
                              "unsupported: m.onnx: node 'node_e' (Det): has no lowering yet\n");
}

TEST_F(Folding, WhatFailsWhileItRunsNamesTheNode) {
  model.input("x", {"2"}).input("i", {"1"}, ::onnx::TensorProto::INT64);
  model.node("Gather", {"x", "i"}, {"g"});
  model.node("Relu", {"g"}, {"y"});
  model.output("y").analyse();
  Evaluator evaluator;
  GraphLowering lowering(*model.result.model, model.analysis, evaluator, model.result.findings);
  const auto &inputs = model.result.model->graph.inputs;
  lowering.bind(inputs[0].value, evaluator.add(nn::zeros({ElementType::f32, {2}})));
  const std::vector<int64_t> index = {9};
  lowering.bind(inputs[1].value, evaluator.add(nn::tensorOf(ElementType::i64, {1}, std::span<const int64_t>(index))));
  EXPECT_FALSE(lowering.run());
  EXPECT_EQ(model.findings().substr(0, 49), "invalid: m.onnx: node 'node_g' (Gather): index 9 ");
}

} // namespace
} // namespace cadenza::onnx
