// Which version of an operator a node means, and what is said of those that are not supported.
#include "compiler/import/onnx/support.h"
#include "test/compiler/onnx/model_maker.h"

#include <gtest/gtest.h>

namespace cadenza::onnx {
namespace {

using namespace test;

int64_t since(std::string_view domain, std::string_view name, int64_t opset) {
  const OperatorVersion *version = findOperator(domain, name, opset);
  return version ? version->since : 0;
}

TEST(Operators, AreTheNewestVersionOfAnOpset) {
  EXPECT_EQ(since("", "Relu", 13), 13);
  EXPECT_EQ(since("", "Relu", 14), 14);
  EXPECT_EQ(since("", "Relu", 28), 14) << "not redefined since";
  EXPECT_EQ(since("", "Attention", 22), 0);
  EXPECT_EQ(since("", "Attention", 23), 23);
  EXPECT_EQ(since("", "Attention", 24), 24);
  EXPECT_EQ(since("", "RMSNormalization", 25), 23);
  EXPECT_EQ(since("", "TensorScatter", 25), 24);
  EXPECT_EQ(since("", "ReduceMean", 17), 13);
  EXPECT_EQ(since("", "ReduceMean", 18), 18) << "axes became an input";
  EXPECT_EQ(since("", "SimplifiedLayerNormalization", 21), 1) << "not of ONNX, but in its domain";
  EXPECT_EQ(since("com.microsoft", "GroupQueryAttention", 1), 1);
  EXPECT_EQ(since("com.microsoft", "Relu", 1), 0);
  EXPECT_EQ(since("", "Rel", 28), 0);
  EXPECT_EQ(since("", "Reluu", 28), 0);
  EXPECT_EQ(since("", "", 28), 0);
  EXPECT_EQ(firstOpset("", "Swish"), 24);
  EXPECT_EQ(firstOpset("", "Swoosh"), std::nullopt);
}

TEST(Operators, HaveTheOnesThatExportersOfDecodersEmit) {
  for (const char *name : {"SkipSimplifiedLayerNormalization", "SkipLayerNormalization", "EmbedLayerNormalization",
                           "MultiHeadAttention", "RotaryEmbedding", "MatMulNBits", "GatherBlockQuantized", "QMoE",
                           "Gelu", "FastGelu", "BiasGelu", "QuickGelu", "FusedMatMul", "Attention"})
    EXPECT_EQ(since("com.microsoft", name, 1), 1) << name;
}

TEST(Operators, SayWhatANodeMayHave) {
  const OperatorVersion *version = findOperator("com.microsoft", "GroupQueryAttention", 1);
  EXPECT_EQ(version->find("num_heads")->type, 'i');
  EXPECT_TRUE(version->find("num_heads")->required);
  EXPECT_FALSE(version->find("scale")->required);
  EXPECT_EQ(version->find("scale")->type, 'f');
  EXPECT_EQ(version->find("scal"), std::nullopt);
  EXPECT_EQ(findOperator("", "Relu", 14)->find("alpha"), std::nullopt);
  EXPECT_EQ(findOperator("", "ReduceMean", 13)->find("axes")->type, 'I');
}

std::string unsupported(const ::onnx::ModelProto &model, const std::vector<SupportedOperator> &supported) {
  Read result = read(model);
  EXPECT_EQ(result.text(), "");
  checkSupport(*result.model, supported, result.findings);
  return result.text();
}

TEST(Support, IsByOperatorAndVersion) {
  const ::onnx::ModelProto model = reluModel(); // opset 18
  EXPECT_EQ(unsupported(model, {{"", "Relu", {13, 14}}}), "");
  EXPECT_EQ(unsupported(model, {}), "unsupported: m.onnx: operator Relu (ai.onnx, opset 18, as defined in 14) is not "
                                    "supported in any opset: node 'act'\n");
  EXPECT_EQ(
      unsupported(model, {{"", "Relu", {6, 13, 20}}}),
      "unsupported: m.onnx: operator Relu (ai.onnx, opset 18, as defined in 14) is not supported in this form; the "
      "nearest that is: as defined in opset 13: node 'act'\n");
  EXPECT_NE(unsupported(model, {{"com.microsoft", "Relu", {14}}}), "");
}

TEST(Support, EveryNodeIsNamed) {
  ::onnx::ModelProto model = reluModel();
  import(model, "my.domain", 3);
  import(model, "com.microsoft", 1);
  addNode(*model.mutable_graph(), "Relu", {"y"}, {"z"});
  addNode(*model.mutable_graph(), "Swoosh", {"y"}, {"s"}, "swoosh");
  addNode(*model.mutable_graph(), "Relu", {"y"}, {"t"}, "custom", "my.domain");
  addNode(*model.mutable_graph(), "Relu", {"y"}, {"u"}, "contrib", "com.microsoft");
  EXPECT_EQ(unsupported(model, {}),
            "unsupported: m.onnx: operator Relu (ai.onnx, opset 18, as defined in 14) is not supported in any opset: 2 "
            "nodes: node 'act', node 1 (Relu, which makes 'z')\n"
            "unsupported: m.onnx: operator Swoosh (ai.onnx, opset 18) is not known: node 'swoosh'\n"
            "unsupported: m.onnx: operator Relu (my.domain, opset 3) is of a domain that is not known: node 'custom'\n"
            "unsupported: m.onnx: operator Relu (com.microsoft, opset 1) is not known: node 'contrib'\n");
}

TEST(Support, ControlFlowSaysSo) {
  ::onnx::ModelProto model = reluModel();
  ::onnx::NodeProto &loop = addNode(*model.mutable_graph(), "Loop", {"", "", "x"}, {"z"}, "loop");
  auto *body = loop.add_attribute();
  body->set_name("body");
  body->set_type(::onnx::AttributeProto::GRAPH);
  body->mutable_g()->set_name("b");
  EXPECT_EQ(unsupported(model, {{"", "Relu", {14}}}),
            "unsupported: m.onnx: operator Loop (ai.onnx, opset 18, as defined in 16) is control flow, which is not "
            "supported: node 'loop'\n");
}

} // namespace
} // namespace cadenza::onnx
