// Functions and branches: what they become, and calls that must not be followed.
#include "test/compiler/onnx/model_maker.h"

#include <gtest/gtest.h>

namespace cadenza::onnx {
namespace {

using namespace test;

::onnx::FunctionProto &addFunction(::onnx::ModelProto &model, const std::string &name, const Names &inputs,
                                   const Names &outputs, const std::string &overload = "") {
  auto *function = model.add_functions();
  function->set_domain("local");
  function->set_name(name);
  function->set_overload(overload);
  for (const std::string &input : inputs)
    function->add_input(input);
  for (const std::string &output : outputs)
    function->add_output(output);
  auto *import = function->add_opset_import();
  import->set_domain("");
  import->set_version(18);
  auto *local = function->add_opset_import();
  local->set_domain("local");
  local->set_version(1);
  return *function;
}

/// y = local.F(x...), called "call".
::onnx::ModelProto callModel(const Names &inputs = {"x"}, const std::string &function = "F") {
  ::onnx::ModelProto model = emptyModel();
  import(model, "local", 1);
  addInput(*model.mutable_graph(), "x");
  addNode(*model.mutable_graph(), function, inputs, {"y"}, "call", "local");
  addOutput(*model.mutable_graph(), "y");
  return model;
}

TEST(Functions, BecomeTheirBodies) {
  ::onnx::ModelProto model = callModel();
  ::onnx::FunctionProto &inner = addFunction(model, "G", {"a"}, {"b"});
  addNode(inner, "Exp", {"a"}, {"b"}, "exp");
  ::onnx::FunctionProto &outer = addFunction(model, "F", {"a"}, {"c"});
  addNode(outer, "G", {"a"}, {"t"}, "", "local");
  addNode(outer, "G", {"t"}, {"u"}, "again", "local");
  addNode(outer, "Neg", {"u"}, {"c"});
  const Read result = read(model);
  EXPECT_EQ(result.text(), "");
  EXPECT_EQ(result.operators(), "Exp Exp Neg");
  const Graph &graph = result.model->graph;
  EXPECT_EQ(graph.nodes[0].name, "call/G.0/exp");
  EXPECT_EQ(graph.nodes[1].name, "call/again/exp");
  EXPECT_EQ(graph.nodes[0].inputs[0], graph.inputs[0].value);
  EXPECT_EQ(graph.nodes[1].inputs, graph.nodes[0].outputs);
  EXPECT_EQ(graph.values[graph.nodes[1].outputs[0]].name, "call/u");
  EXPECT_EQ(graph.outputs[0].value, graph.nodes[2].outputs[0]);
  EXPECT_EQ(graph.values[graph.outputs[0].value].name, "y");
}

TEST(Functions, MayPassAnInputThrough) {
  ::onnx::ModelProto model = callModel();
  addFunction(model, "F", {"a"}, {"a"});
  const Read result = read(model);
  EXPECT_EQ(result.text(), "");
  EXPECT_EQ(result.model->graph.outputs[0].value, result.model->graph.inputs[0].value);
  EXPECT_EQ(result.model->graph.values[result.model->graph.inputs[0].value].name, "x");
}

TEST(Functions, AttributesComeFromTheCallOrADefault) {
  ::onnx::ModelProto model = callModel();
  addAttribute(*model.mutable_graph()->mutable_node(0), "outer", 3);
  ::onnx::FunctionProto &inner = addFunction(model, "G", {"a"}, {"b"});
  inner.add_attribute("inner");
  inner.add_attribute("absent");
  ::onnx::NodeProto fallback;
  *inner.add_attribute_proto() = addAttribute(fallback, "fallback", 7);
  ::onnx::NodeProto &first = addNode(inner, "Softmax", {"a"}, {"t"});
  addReference(first, "axis", "inner");
  ::onnx::NodeProto &second = addNode(inner, "Softmax", {"t"}, {"u"});
  addReference(second, "axis", "fallback");
  addReference(addNode(inner, "Softmax", {"u"}, {"b"}), "axis", "absent");
  ::onnx::FunctionProto &outer = addFunction(model, "F", {"a"}, {"b"});
  outer.add_attribute("outer");
  addReference(addNode(outer, "G", {"a"}, {"b"}, "", "local"), "inner", "outer");
  const Read result = read(model);
  EXPECT_EQ(result.text(), "");
  ASSERT_EQ(result.model->graph.nodes.size(), 3U);
  EXPECT_EQ(std::get<int64_t>(result.model->graph.nodes[0].find("axis")->value), 3);
  EXPECT_EQ(std::get<int64_t>(result.model->graph.nodes[1].find("axis")->value), 7);
  EXPECT_EQ(result.model->graph.nodes[2].find("axis"), nullptr) << "neither passed nor with a default";

  addAttribute(*model.mutable_graph()->mutable_node(0), "strange", 3);
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: node 'call' (F): attribute 'strange': the function has none of that "
                                "name\n");
}

TEST(Functions, AReferencesTypeIsThatOfTheOperator) {
  ::onnx::ModelProto model = callModel();
  ::onnx::AttributeProto &passed = addAttribute(*model.mutable_graph()->mutable_node(0), "axis", 3);
  passed.clear_i();
  passed.set_f(3);
  passed.set_type(::onnx::AttributeProto::FLOAT);
  ::onnx::FunctionProto &function = addFunction(model, "F", {"a"}, {"b"});
  function.add_attribute("axis");
  addReference(addNode(function, "Softmax", {"a"}, {"b"}, "s"), "axis", "axis");
  EXPECT_EQ(read(model).text(),
            "invalid: m.onnx: node 'call/s' (Softmax): attribute 'axis': is of type float; it has to "
            "be int\n");
}

TEST(Functions, AConstantNeedsItsReference) {
  ::onnx::ModelProto model = callModel();
  ::onnx::FunctionProto &function = addFunction(model, "F", {"a"}, {"b"});
  function.add_attribute("v");
  addReference(addNode(function, "Constant", {}, {"b"}, "c"), "value_int", "v");
  EXPECT_EQ(read(model).text(),
            "invalid: m.onnx: node 'call/c' (Constant): has 0 attributes; a Constant has its value in "
            "exactly one\n");
  addAttribute(*model.mutable_graph()->mutable_node(0), "v", 5);
  const Read result = read(model);
  EXPECT_EQ(result.text(), "");
  EXPECT_EQ(integers(*result.value("y")->constant), std::vector<int64_t>{5});

  model.mutable_graph()->mutable_node(0)->clear_attribute();
  ::onnx::NodeProto fallback;
  *function.add_attribute_proto() = addReference(fallback, "v", "other");
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: node 'call' (F): attribute 'v': its default is a reference\n");
}

TEST(Functions, OverloadsAreDifferentFunctions) {
  ::onnx::ModelProto model = callModel();
  addNode(addFunction(model, "F", {"a"}, {"b"}, "one"), "Exp", {"a"}, {"b"});
  addNode(addFunction(model, "F", {"a"}, {"b"}, "two"), "Neg", {"a"}, {"b"});
  model.mutable_graph()->mutable_node(0)->set_overload("two");
  EXPECT_EQ(read(model).operators(), "Neg");
  addFunction(model, "F", {"a"}, {"b"}, "two");
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: functions: 'F' of domain 'local' is there twice\n");
}

TEST(Functions, InputsMayBeLeftOut) {
  ::onnx::ModelProto model = callModel();
  addNode(addFunction(model, "F", {"a", "low", "high"}, {"b"}), "Clip", {"a", "low", "high"}, {"b"});
  Read result = read(model);
  EXPECT_EQ(result.text(), "");
  EXPECT_EQ(result.model->graph.nodes[0].inputs.size(), 1U);
  model.mutable_graph()->mutable_node(0)->add_input("");
  model.mutable_graph()->mutable_node(0)->add_input("x");
  result = read(model);
  EXPECT_EQ(result.text(), "");
  EXPECT_EQ(result.model->graph.nodes[0].inputs[1], none);
  EXPECT_EQ(result.model->graph.nodes[0].inputs[2], result.model->graph.inputs[0].value);
  model.mutable_graph()->mutable_node(0)->add_input("x");
  EXPECT_EQ(read(model).text(),
            "invalid: m.onnx: node 'call' (F): has 4 inputs and 1 outputs; the function has 3 and 1\n");
}

TEST(Functions, HaveOpsetsOfTheirOwn) {
  ::onnx::ModelProto model = callModel();
  ::onnx::FunctionProto &function = addFunction(model, "F", {"a"}, {"b"});
  addNode(function, "Swish", {"a"}, {"b"}, "s");
  EXPECT_NE(read(model).text().find("node 'call/s' (Swish): opset 18 of ai.onnx has no such operator"),
            std::string::npos);
  function.mutable_opset_import(0)->set_version(24);
  Read result = read(model);
  EXPECT_EQ(result.text(), "");
  EXPECT_EQ(result.model->graph.nodes[0].opset, 24);
  function.mutable_opset_import(0)->set_domain("other");
  EXPECT_NE(read(model).text().find("node 'call/s' (Swish): is of domain ai.onnx, which opset_import does not have"),
            std::string::npos);
}

TEST(Functions, ProblemsOfABodyAreSaidOnce) {
  ::onnx::ModelProto model = callModel();
  addNode(*model.mutable_graph(), "F", {"x"}, {"z"}, "second", "local");
  addNode(addFunction(model, "F", {"a"}, {"b"}), "Neg", {"absent"}, {"b"}, "neg");
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: node 'call/neg' (Neg): value 'absent' is not defined\n");
}

TEST(Functions, MakeTheirOutputs) {
  ::onnx::ModelProto model = callModel();
  addFunction(model, "F", {"a"}, {"b"});
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: node 'call' (F): function 'F' does not make its output 'b'\n");
}

TEST(Functions, DoNotSeeTheGraphsNames) {
  ::onnx::ModelProto model = callModel();
  addNode(addFunction(model, "F", {"a"}, {"b"}), "Neg", {"x"}, {"b"}, "neg");
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: node 'call/neg' (Neg): value 'x' is not defined\n");
}

TEST(Functions, RecursionIsRefused) {
  ::onnx::ModelProto model = callModel();
  addNode(addFunction(model, "F", {"a"}, {"b"}), "G", {"a"}, {"b"}, "g", "local");
  addNode(addFunction(model, "G", {"a"}, {"b"}), "F", {"a"}, {"b"}, "f", "local");
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: node 'call/g/f' (F): function 'F' calls itself\n");
}

TEST(Functions, DeepChainsAreRefused) {
  ::onnx::ModelProto model = callModel({"x"}, "F0");
  for (int i = 0; i < 100; ++i)
    addNode(addFunction(model, "F" + std::to_string(i), {"a"}, {"b"}), i < 99 ? "F" + std::to_string(i + 1) : "Neg",
            {"a"}, {"b"}, "", i < 99 ? "local" : "");
  EXPECT_NE(read(model).text().find("calls of functions nest deeper than 32"), std::string::npos);
}

TEST(Functions, BombsAreRefused) { // 10^30 nodes
  ::onnx::ModelProto model = callModel({"x"}, "F0");
  for (int i = 0; i < 30; ++i) {
    ::onnx::FunctionProto &function = addFunction(model, "F" + std::to_string(i), {"a"}, {"v10"});
    for (int call = 0; call < 10; ++call)
      addNode(function, i < 29 ? "F" + std::to_string(i + 1) : "Neg", {call == 0 ? "a" : "v" + std::to_string(call)},
              {"v" + std::to_string(call + 1)}, "", i < 29 ? "local" : "");
  }
  const Read result = read(model);
  EXPECT_NE(result.text().find("functions and branches make more than 134217728 bytes of nodes"), std::string::npos);
  EXPECT_EQ(result.findings.errors(), 1U) << result.text();
}

/// If(c) with branches Exp and Neg of x, and c as given.
::onnx::ModelProto ifModel() {
  ::onnx::ModelProto model = emptyModel();
  ::onnx::GraphProto &graph = *model.mutable_graph();
  addInput(graph, "x");
  ::onnx::NodeProto &node = addNode(graph, "If", {"c"}, {"y"}, "choice");
  for (const char *branch : {"then", "else"}) {
    auto *attribute = node.add_attribute();
    attribute->set_name(std::string(branch) + "_branch");
    attribute->set_type(::onnx::AttributeProto::GRAPH);
    *attribute->mutable_g()->add_initializer() = floats("one", {1}, {1});
    addNode(*attribute->mutable_g(), *branch == 't' ? "Exp" : "Neg", {"x"}, {"e"}, "act");
    addNode(*attribute->mutable_g(), "Add", {"e", "one"}, {"r"});
    addOutput(*attribute->mutable_g(), "r");
  }
  addOutput(graph, "y");
  return model;
}

TEST(Branches, AConstantConditionChoosesOne) {
  for (bool condition : {true, false}) {
    ::onnx::ModelProto model = ifModel();
    *model.mutable_graph()->add_initializer() = boolean("c", condition);
    const Read result = read(model);
    EXPECT_EQ(result.text(), "");
    EXPECT_EQ(result.operators(), condition ? "Exp Add" : "Neg Add");
    const Graph &graph = result.model->graph;
    EXPECT_EQ(graph.nodes[0].name, "choice/act");
    EXPECT_EQ(graph.nodes[0].inputs[0], graph.inputs[0].value) << "a name of the graph around it";
    EXPECT_EQ(graph.outputs[0].value, graph.nodes[1].outputs[0]);
    EXPECT_EQ(graph.values[graph.outputs[0].value].name, "y");
  }
}

TEST(Branches, AConstantNodeIsACondition) {
  ::onnx::ModelProto model = ifModel();
  ::onnx::GraphProto &graph = *model.mutable_graph();
  auto *attribute = addNode(graph, "Constant", {}, {"c"}).add_attribute();
  attribute->set_name("value");
  attribute->set_type(::onnx::AttributeProto::TENSOR);
  *attribute->mutable_t() = boolean("", true);
  graph.mutable_node()->SwapElements(0, 1);
  EXPECT_EQ(read(model).operators(), "Exp Add");
}

TEST(Branches, AnotherConditionLeavesTheNode) {
  ::onnx::ModelProto model = ifModel();
  addInput(*model.mutable_graph(), "c", {}, ::onnx::TensorProto::BOOL);
  const Read result = read(model);
  EXPECT_EQ(result.text(), "");
  EXPECT_EQ(result.operators(), "If");
  EXPECT_TRUE(std::holds_alternative<Subgraph>(result.model->graph.nodes[0].attributes[0].value));
}

/// The condition is whether axis `axis` of x [n, 4] has 4 elements.
::onnx::ModelProto ifShapeModel(int64_t axis) {
  ::onnx::ModelProto model = ifModel();
  ::onnx::GraphProto &graph = *model.mutable_graph();
  *graph.add_initializer() = int64s("axis", {}, {axis});
  *graph.add_initializer() = int64s("four", {}, {4});
  addNode(graph, "Shape", {"x"}, {"s"});
  addNode(graph, "Gather", {"s", "axis"}, {"d"});
  addNode(graph, "Equal", {"d", "four"}, {"c"});
  for (int i = 0; i < 3; ++i) // the If comes last
    graph.mutable_node()->SwapElements(i, i + 1);
  return model;
}

TEST(Branches, AConditionOfShapesChoosesOne) {
  EXPECT_EQ(read(ifShapeModel(1)).operators(), "Shape Gather Equal Exp Add");
  EXPECT_EQ(read(ifShapeModel(1)).text(), "");
  EXPECT_EQ(read(ifShapeModel(0)).operators(), "Shape Gather Equal If") << "n may be anything";
  EXPECT_EQ(read(ifShapeModel(0), "", {.dims = {{"n", "4"}}}).operators(), "Shape Gather Equal Exp Add");
  EXPECT_EQ(read(ifShapeModel(0), "", {.dims = {{"n", "5"}}}).operators(), "Shape Gather Equal Neg Add");
}

TEST(Branches, AConditionMayDependOnWhatABranchMade) {
  ::onnx::ModelProto model = ifShapeModel(1);
  ::onnx::GraphProto &graph = *model.mutable_graph();
  addNode(graph, "Shape", {"y"}, {"s2"});
  addNode(graph, "Gather", {"s2", "axis"}, {"d2"});
  addNode(graph, "Less", {"d2", "four"}, {"c2"});
  ::onnx::NodeProto &again = *graph.add_node();
  again = graph.node(3);
  again.set_name("again");
  again.set_input(0, "c2");
  again.set_output(0, "z");
  addOutput(graph, "z");
  const Read result = read(model);
  EXPECT_EQ(result.text(), "");
  EXPECT_EQ(result.operators(), "Shape Gather Equal Exp Add Shape Gather Less Neg Add");
}

TEST(Branches, AreChecked) {
  ::onnx::ModelProto model = ifModel();
  *model.mutable_graph()->add_initializer() = boolean("c", true);
  auto *branch = model.mutable_graph()->mutable_node(0)->mutable_attribute(0)->mutable_g();
  branch->mutable_node(0)->set_input(0, "absent");
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: node 'choice/act' (Exp): value 'absent' is not defined\n");
  branch->mutable_node(0)->set_input(0, "x");
  branch->mutable_output(0)->set_name("absent");
  EXPECT_EQ(read(model).text(),
            "invalid: m.onnx: node 'choice' (If): attribute 'then_branch': output 'absent' is not defined\n");
  branch->clear_output();
  EXPECT_EQ(read(model).text(),
            "invalid: m.onnx: node 'choice' (If): attribute 'then_branch': has 0 inputs and 0 outputs; "
            "it should have 0 and 1\n");
  model.mutable_graph()->mutable_node(0)->mutable_attribute()->DeleteSubrange(0, 1);
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: node 'choice' (If): attribute 'then_branch' is missing\n");
}

} // namespace
} // namespace cadenza::onnx
