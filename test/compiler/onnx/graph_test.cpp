// The graph: names, order, opsets, attributes, and each way in which a file gets them wrong.
#include "compiler/import/onnx/summary.h"
#include "compiler/import/onnx/support.h"
#include "test/compiler/onnx/model_maker.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>

namespace cadenza::onnx {
namespace {

using namespace test;

/// Findings of a model whose one node stands between input x and output y.
std::string errorOfNode(const ::onnx::NodeProto &node, int64_t opset = 18) {
  ::onnx::ModelProto model = reluModel();
  model.mutable_opset_import(0)->set_version(opset);
  *model.mutable_graph()->mutable_node(0) = node;
  return read(model).text();
}

::onnx::NodeProto nodeOf(const std::string &op, const Names &inputs = {"x"}, const Names &outputs = {"y"},
                         const std::string &domain = "") {
  ::onnx::GraphProto graph;
  return addNode(graph, op, inputs, outputs, "n", domain);
}

TEST(Graph, ASoundModel) {
  ::onnx::ModelProto model = emptyModel();
  model.set_producer_name("pytorch");
  model.set_producer_version("2.11.0");
  ::onnx::GraphProto &graph = *model.mutable_graph();
  addInput(graph, "x", {"batch", "4", ""}, ::onnx::TensorProto::BFLOAT16);
  *graph.add_initializer() = floats("w", {2}, {1, 2});
  addNode(graph, "Clip", {"x", "", "w"}, {"a"});
  addAttribute(addNode(graph, "LayerNormalization", {"a", "w", ""}, {"y", "", "inv"}, "norm"), "axis", -1);
  addOutput(graph, "y");
  *graph.add_value_info() = addInput(graph, "unused", {"3"});
  graph.mutable_value_info(0)->set_name("a");
  const Read result = read(model);
  EXPECT_EQ(result.text(), "");
  const Graph &g = result.model->graph;
  ASSERT_EQ(g.nodes.size(), 2U);
  EXPECT_EQ(g.nodes[0].version->since, 13);
  EXPECT_EQ(g.nodes[0].inputs, (std::vector<ValueId>{g.inputs[0].value, none, 0}));
  EXPECT_EQ(g.nodes[1].inputs.size(), 2U) << "left out at the end";
  EXPECT_EQ(g.nodes[1].outputs.size(), 3U);
  EXPECT_EQ(g.nodes[1].outputs[1], none);
  EXPECT_EQ(g.values[g.nodes[1].inputs[0]].producer, 0U);
  EXPECT_EQ(std::get<int64_t>(g.nodes[1].find("axis")->value), -1);
  EXPECT_EQ(g.nodes[1].find("epsilon"), nullptr);
  EXPECT_EQ(typeText(g.inputs[0].type.get()), "bf16 [batch, 4, ?]");
  EXPECT_EQ(typeText(result.value("a")->type.get()), "f32 [3]");
  EXPECT_EQ(describe(g, 0), "node 0 (Clip, which makes 'a')");
  EXPECT_EQ(describe(g, 1), "node 'norm' (LayerNormalization)");
  EXPECT_EQ(summarize(*result.model), "m.onnx: ir_version 10, ai.onnx 18, by pytorch 2.11.0\n"
                                      "input 'x': bf16 [batch, 4, ?]\n"
                                      "input 'unused': f32 [3]\n"
                                      "output 'y': f32 [n, 4]\n"
                                      "constants: 1, 2 elements, 8 bytes\n"
                                      "nodes: 2\n"
                                      "  Clip 1\n"
                                      "  LayerNormalization 1\n");
}

TEST(Graph, NamesAreDefinedOnce) {
  EXPECT_EQ(errorOfNode(nodeOf("Add", {"x", "absent"})),
            "invalid: m.onnx: node 'n' (Add): value 'absent' is not defined\n");
  ::onnx::ModelProto model = reluModel();
  addNode(*model.mutable_graph(), "Neg", {"x"}, {"y"}, "second");
  EXPECT_EQ(read(model).text(),
            "invalid: m.onnx: node 'second' (Neg): value 'y' is made for the second time; each name "
            "has one origin\n");
  model = reluModel();
  addNode(*model.mutable_graph(), "Neg", {"y"}, {"x"}, "second");
  EXPECT_NE(read(model).text().find("value 'x' is made for the second time"), std::string::npos) << "an input";
  model = reluModel();
  *model.mutable_graph()->add_initializer() = floats("w", {1}, {1});
  *model.mutable_graph()->add_initializer() = floats("w", {1}, {2});
  EXPECT_NE(read(model).text().find("initializer 'w': value 'w' is made for the second time"), std::string::npos);
  model = reluModel();
  addInput(*model.mutable_graph(), "x");
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: input 'x': is there twice\n");
  addInput(*model.mutable_graph(), "");
  addOutput(*model.mutable_graph(), "y");
  addOutput(*model.mutable_graph(), "z");
  addOutput(*model.mutable_graph(), "");
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: input 'x': is there twice\ninvalid: m.onnx: input '': has no name\n"
                                "invalid: m.onnx: output 'y': is there twice\ninvalid: m.onnx: output 'z': no node "
                                "makes it\ninvalid: m.onnx: output '': has no name\n");
}

TEST(Graph, AnUndefinedNameIsReportedOnce) {
  ::onnx::ModelProto model = reluModel();
  addNode(*model.mutable_graph(), "Add", {"absent", "absent"}, {"z"});
  addNode(*model.mutable_graph(), "Neg", {"absent"}, {"zz"});
  EXPECT_EQ(read(model).findings.errors(), 1U);
}

TEST(Graph, NodesAreInTopologicalOrder) {
  ::onnx::ModelProto model = emptyModel();
  addInput(*model.mutable_graph(), "x");
  addNode(*model.mutable_graph(), "Relu", {"a"}, {"y"}, "late");
  addNode(*model.mutable_graph(), "Neg", {"x"}, {"a"}, "early");
  addOutput(*model.mutable_graph(), "y");
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: node 'late' (Relu) takes 'a', which node 'early' (Neg) makes only "
                                "later; ONNX wants nodes in topological order\n");
}

TEST(Graph, CyclesAreRefused) {
  ::onnx::ModelProto model = emptyModel();
  addInput(*model.mutable_graph(), "x");
  addNode(*model.mutable_graph(), "Add", {"x", "b"}, {"a"}, "one");
  addNode(*model.mutable_graph(), "Neg", {"a"}, {"b"}, "two");
  addOutput(*model.mutable_graph(), "b");
  EXPECT_EQ(read(model).text(),
            "invalid: m.onnx: the graph has a cycle: node 'one' (Add) <- node 'two' (Neg) <- node 'one' (Add)\n");
  EXPECT_EQ(errorOfNode(nodeOf("Add", {"x", "y"})),
            "invalid: m.onnx: the graph has a cycle: node 'n' (Add) <- node 'n' (Add)\n");
  // A long one, which must not take a stack frame a node.
  model = emptyModel();
  constexpr int length = 100'000;
  for (int i = 0; i < length; ++i)
    addNode(*model.mutable_graph(), "Neg", {"v" + std::to_string((i + 1) % length)}, {"v" + std::to_string(i)});
  addOutput(*model.mutable_graph(), "v0");
  EXPECT_NE(read(model).text().find("... <- node 0 (Neg, which makes 'v0')\n"), std::string::npos);
}

TEST(Graph, AnInitializerMayBeTheDefaultOfAnInput) {
  ::onnx::ModelProto model = reluModel();
  *model.mutable_graph()->add_initializer() = floats("w", {1, 4}, {1, 2, 3, 4});
  addInput(*model.mutable_graph(), "w");
  Read result = read(model);
  EXPECT_EQ(result.text(), "notice: m.onnx: 1 inputs have an initializer as their default and are constants here, with "
                           "that value; the first is 'w'\n");
  EXPECT_EQ(result.model->graph.inputs.size(), 1U);
  EXPECT_TRUE(result.value("w")->constant);
  model.set_ir_version(3); // then every initializer is an input
  EXPECT_EQ(read(model).text(), "");
  model.mutable_graph()->mutable_input()->RemoveLast();
  EXPECT_EQ(read(model).text(),
            "invalid: m.onnx: 1 initializers are no inputs, which ir_version 3 demands (from 4 on it "
            "does not)\n");
  model.set_ir_version(10);
  addInput(*model.mutable_graph(), "w", {"2", "4"});
  EXPECT_EQ(read(model).text().substr(0, 94),
            "invalid: m.onnx: input 'w': is declared f32 [2, 4], but its initializer is f32 [1, 4]\nnotice: ");
}

TEST(Graph, Versions) {
  ::onnx::ModelProto model = reluModel();
  model.clear_ir_version();
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: ir_version is missing\n");
  model.set_ir_version(15);
  EXPECT_EQ(read(model).text(), "unsupported: m.onnx: ir_version 15 is not supported (3 to 14 are)\n");
  model.set_ir_version(2);
  EXPECT_EQ(read(model).text(), "unsupported: m.onnx: ir_version 2 is not supported (3 to 14 are)\n");
  model.set_ir_version(10);
  import(model, "ai.onnx", 18); // another name of the same
  EXPECT_EQ(read(model).text(), "");
  model.mutable_opset_import(1)->set_version(19);
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: opset_import: ai.onnx 19 contradicts 18, which is there too\n");
  model.mutable_opset_import()->RemoveLast();
  model.mutable_opset_import(0)->set_version(0);
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: opset_import: ai.onnx 0 is no version\ninvalid: m.onnx: node 'act' "
                                "(Relu): is of domain ai.onnx, which opset_import does not have\n");
  model.mutable_opset_import(0)->set_version(12);
  EXPECT_EQ(read(model).text(),
            "unsupported: m.onnx: opset_import: ai.onnx 12 is older than 13; convert the model with "
            "onnx.version_converter, or export it again\n");
  model.mutable_opset_import(0)->set_version(29);
  EXPECT_EQ(read(model).text(), "unsupported: m.onnx: opset_import: ai.onnx 29 is newer than 28, the last one whose "
                                "operators this version knows\n");
  for (int64_t opset : {13, 25, 28}) {
    model.mutable_opset_import(0)->set_version(opset);
    EXPECT_EQ(read(model).text(), "");
  }
  model.clear_opset_import();
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: opset_import is missing: nothing says what the operators mean\n"
                                "invalid: m.onnx: node 'act' (Relu): is of domain ai.onnx, which opset_import does not "
                                "have\n");
  model.clear_graph();
  EXPECT_NE(read(model).text().find("invalid: m.onnx: graph is missing\n"), std::string::npos);
}

TEST(Graph, OperatorsAreWhatTheirOpsetDefines) {
  EXPECT_EQ(errorOfNode(nodeOf("Swish"), 23), "invalid: m.onnx: node 'n' (Swish): opset 23 of ai.onnx has no such "
                                              "operator; it is there from 24 on\n");
  EXPECT_EQ(errorOfNode(nodeOf("Swish"), 24), "");
  EXPECT_EQ(errorOfNode(nodeOf("Upsample", {"x", "x"})), "invalid: m.onnx: node 'n' (Upsample): the operator is "
                                                         "deprecated since opset 10 of ai.onnx, and gone\n");
  EXPECT_EQ(errorOfNode(nodeOf("")), "invalid: m.onnx: node 'n' (): op_type is missing\n");
  EXPECT_EQ(errorOfNode(nodeOf("Relu", {"x"}, {"y"}, "com.microsoft")),
            "invalid: m.onnx: node 'n' (Relu): is of domain com.microsoft, which opset_import does not have\n");
}

TEST(Graph, CountsOfInputsAndOutputs) {
  EXPECT_EQ(errorOfNode(nodeOf("Relu", {})), "invalid: m.onnx: node 'n' (Relu): has 0 inputs; the operator has 1\n");
  EXPECT_EQ(errorOfNode(nodeOf("Relu", {"x", "x"})),
            "invalid: m.onnx: node 'n' (Relu): has 2 inputs; the operator has 1\n");
  EXPECT_EQ(errorOfNode(nodeOf("Relu", {"x", ""})), "");
  EXPECT_EQ(errorOfNode(nodeOf("Relu", {"x"}, {"y", "z"})),
            "invalid: m.onnx: node 'n' (Relu): has 2 outputs; the operator has 1\n");
  EXPECT_EQ(errorOfNode(nodeOf("Gemm", {"x"})),
            "invalid: m.onnx: node 'n' (Gemm): has 1 inputs; the operator has 2 or 3\n");
  EXPECT_EQ(errorOfNode(nodeOf("Concat", {})).substr(0, 70),
            "invalid: m.onnx: node 'n' (Concat): attribute 'axis' is missing\ninvali");
}

TEST(Graph, Attributes) {
  ::onnx::NodeProto node = nodeOf("Concat", {"x", "x"});
  EXPECT_EQ(errorOfNode(node), "invalid: m.onnx: node 'n' (Concat): attribute 'axis' is missing\n");
  ::onnx::AttributeProto &axis = addAttribute(node, "axis", 1);
  EXPECT_EQ(errorOfNode(node), "");
  const std::string where = "invalid: m.onnx: node 'n' (Concat): attribute 'axis': ";
  axis.set_type(::onnx::AttributeProto::FLOAT);
  EXPECT_EQ(errorOfNode(node), where + "is of type float; it has to be int\n");
  axis.set_type(::onnx::AttributeProto::UNDEFINED);
  EXPECT_EQ(errorOfNode(node), where + "has no type\n");
  axis.set_type(::onnx::AttributeProto::INT);
  axis.add_ints(2);
  EXPECT_EQ(errorOfNode(node), where + "is of type int, but has ints\n");
  axis.clear_ints();
  axis.set_ref_attr_name("a");
  EXPECT_EQ(errorOfNode(node), where + "refers to 'a', but is in no function\n");
  axis.clear_ref_attr_name();
  *node.add_attribute() = axis;
  EXPECT_EQ(errorOfNode(node), where + "is there twice\n");
  node.mutable_attribute(1)->set_name("axes");
  EXPECT_EQ(errorOfNode(node),
            "invalid: m.onnx: node 'n' (Concat): attribute 'axes': the operator has none of that name "
            "in opset 18\n");
  node.mutable_attribute(1)->set_name("");
  EXPECT_EQ(errorOfNode(node), "invalid: m.onnx: node 'n' (Concat): attribute '': has no name\n");
}

TEST(Graph, WhatRuntimesMayHaveAddedToTheirOperatorsIsUnsupported) {
  ::onnx::ModelProto model = reluModel();
  import(model, "com.microsoft", 1);
  ::onnx::NodeProto &node = *model.mutable_graph()->mutable_node(0);
  node = nodeOf("QuickGelu", {"x"}, {"y"}, "com.microsoft");
  addAttribute(node, "new_option", 1);
  EXPECT_EQ(read(model).text(),
            "unsupported: m.onnx: node 'n' (QuickGelu): attribute 'new_option': the operator has none "
            "of that name in opset 1\n");
}

TEST(Graph, ConstantNodesAreConstants) {
  ::onnx::NodeProto node = nodeOf("Constant", {});
  ::onnx::AttributeProto &attribute = addAttribute(node, "value_int", 5);
  ::onnx::ModelProto model = reluModel();
  const auto constant = [&] {
    *model.mutable_graph()->mutable_node(0) = node;
    const Read result = read(model);
    EXPECT_EQ(result.text(), "");
    EXPECT_TRUE(result.model->graph.nodes.empty());
    return *result.value("y")->constant;
  };
  EXPECT_EQ(integers(constant()), std::vector<int64_t>{5});
  EXPECT_EQ(constant().shape, std::vector<int64_t>{});
  attribute.Clear();
  attribute.set_name("value_floats");
  attribute.set_type(::onnx::AttributeProto::FLOATS);
  attribute.add_floats(1.5F);
  attribute.add_floats(2);
  EXPECT_EQ(reals(constant()), (std::vector<double>{1.5, 2}));
  EXPECT_EQ(constant().shape, std::vector<int64_t>{2});
  attribute.Clear();
  attribute.set_name("value");
  attribute.set_type(::onnx::AttributeProto::TENSOR);
  *attribute.mutable_t() = floats("", {1, 1}, {7});
  EXPECT_EQ(reals(constant()), std::vector<double>{7});
  attribute.mutable_t()->set_raw_data("123");
  EXPECT_EQ(errorOfNode(node),
            "invalid: m.onnx: node 'n' (Constant): attribute 'value': raw_data has 3 bytes, but [1, 1] "
            "of f32 takes 4\n");
  attribute.clear_t();
  EXPECT_EQ(errorOfNode(node),
            "invalid: m.onnx: node 'n' (Constant): attribute 'value': is of type tensor, but has no t\n");
  attribute.Clear();
  attribute.set_name("value_string");
  attribute.set_type(::onnx::AttributeProto::STRING);
  EXPECT_EQ(errorOfNode(node),
            "unsupported: m.onnx: node 'n' (Constant): attribute 'value_string' holds strings, which "
            "are not supported\n");
  node.clear_attribute();
  EXPECT_EQ(errorOfNode(node), "invalid: m.onnx: node 'n' (Constant): has 0 attributes; a Constant has its value in "
                               "exactly one\n");
}

TEST(Graph, TypesOfInputs) {
  ::onnx::ModelProto model = reluModel();
  ::onnx::TypeProto &type = *model.mutable_graph()->mutable_input(0)->mutable_type();
  type = tensorType(::onnx::TensorProto::FLOAT, {"-1", "4"});
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: input 'x': type: dimension 0 is -1; a dynamic one has a dim_param or "
                                "nothing\n");
  type = tensorType(::onnx::TensorProto::STRING, {});
  EXPECT_EQ(read(model).text(), "unsupported: m.onnx: input 'x': type: a tensor of strings is not supported (tensors "
                                "are)\n");
  type = tensorType(77, {});
  EXPECT_EQ(read(model).text(), "unsupported: m.onnx: input 'x': type: elem_type 77 is not known\n");
  type.mutable_tensor_type()->clear_elem_type();
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: input 'x': type: elem_type is missing\n");
  type.mutable_sequence_type();
  EXPECT_EQ(read(model).text(), "unsupported: m.onnx: input 'x': type: a sequence is not supported (tensors are)\n");
  type.Clear();
  EXPECT_EQ(read(model).text(), "invalid: m.onnx: input 'x': type is missing\n");
  type = tensorType(::onnx::TensorProto::FLOAT, {});
  type.mutable_tensor_type()->clear_shape();
  const Read result = read(model);
  EXPECT_EQ(typeText(result.model->graph.inputs[0].type.get()), "f32 of unknown rank");
}

TEST(Graph, EverythingThatIsWrongIsSaidAtOnce) {
  ::onnx::ModelProto model = reluModel();
  model.clear_ir_version();
  *model.mutable_graph()->add_initializer() = floats("w", {3}, {1});
  addNode(*model.mutable_graph(), "Relu", {"absent"}, {"z"});
  addOutput(*model.mutable_graph(), "nothing");
  const Read result = read(model);
  EXPECT_EQ(result.findings.errors(), 4U) << result.text();
  EXPECT_EQ(result.findings.toStatus().code(), StatusCode::InvalidInput);
}

TEST(Graph, NamesInMessagesAreEscapedAndShort) {
  const std::string text = errorOfNode(nodeOf("Add", {"x", "\x1b[31m" + std::string(1'000'000, 'a')}));
  EXPECT_NE(text.find("value '\\x1b[31maaa"), std::string::npos);
  EXPECT_LT(text.size(), 300U);
}

TEST(Graph, FilesThatCannotBeRead) {
  const cadenza::test::TemporaryFolder folder;
  Findings findings;
  EXPECT_FALSE(readModel(folder.path("absent.onnx"), findings));
  EXPECT_FALSE(readModel(folder.path().string(), findings));
  EXPECT_EQ(findings.errors(), 2U);
  EXPECT_EQ(findings.all()[0].message, folder.path("absent.onnx") + ": No such file or directory");
}

} // namespace
} // namespace cadenza::onnx
