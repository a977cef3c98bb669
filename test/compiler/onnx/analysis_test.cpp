// Chains of nodes that compute shapes, what is needed and what is not, and what contradicts itself. That types and
// shapes of every operator are ONNX's is what compare_shapes.py says.
#include "test/compiler/onnx/analysis_case.h"

#include <gtest/gtest.h>

namespace cadenza::onnx {
namespace {

using namespace test;

TEST(Analysis, ShapesAreComputedOnSymbols) {
  Case model;
  model.input("x", {"batch", "seq", "64"}).input("past", {"batch", "2", "past", "16"});
  model.scalar("one", 1).scalar("two", 2).list("axis0", {0}).list("heads", {4, 16}).list("minus", {-1});
  model.node("Shape", {"x"}, {"s"});
  model.node("Shape", {"past"}, {"p"});
  model.node("Gather", {"s", "one"}, {"seq"});
  model.node("Gather", {"p", "two"}, {"length"});
  model.node("Add", {"seq", "length"}, {"total"});
  model.node("Unsqueeze", {"seq", "axis0"}, {"seq1"});
  addAttribute(model.node("Concat", {"minus", "seq1", "heads"}, {"shape"}), "axis", 0);
  model.node("Reshape", {"x", "shape"}, {"y"});
  model.node("Cast", {"total"}, {"total32"});
  addAttribute(*model.graph().mutable_node(8), "to", ::onnx::TensorProto::INT32);
  model.output("y").output("total32").analyse();
  EXPECT_EQ(model.findings(), "");
  EXPECT_EQ(model.elements("total"), "[seq + past]");
  EXPECT_EQ(model.elements("total32"), "[seq + past]");
  EXPECT_EQ(model.elements("shape"), "[-1, seq, 4, 16]");
  EXPECT_EQ(model.shape("y"), "f32 [batch, seq, 4, 16]");
  EXPECT_EQ(model.live(), "Reshape");
  EXPECT_TRUE(model.isParameter(7, 1));
  EXPECT_FALSE(model.isParameter(7, 0));
}

TEST(Analysis, DimsReplaceSymbols) {
  Case model;
  model.input("x", {"batch", "past + seq"});
  model.node("Shape", {"x"}, {"s"});
  model.output("s").analyse({{{"batch", "1"}, {"seq", "2"}}, {}});
  EXPECT_EQ(model.elements("s"), "[1, past + 2]");
  model.analyse({{{"batch", "1"}, {"seq", "2"}, {"past", "5"}}, {}});
  EXPECT_EQ(model.elements("s"), "[1, 7]");
  EXPECT_EQ(integers(*model.facts("s")->constant), (std::vector<int64_t>{1, 7})) << "a constant, then";
  EXPECT_EQ(model.live(), "");
}

TEST(Analysis, CausalMaskOfOneToken) {
  Case model;
  model.input("past", {"1", "2", "past", "16"}).scalar("zero", 0).scalar("one", 1).scalar("two", 2);
  model.node("Shape", {"past"}, {"p"});
  model.node("Gather", {"p", "two"}, {"length"});
  model.node("Add", {"length", "one"}, {"total"});
  model.node("Range", {"zero", "total", "one"}, {"keys"});
  model.node("Range", {"length", "total", "one"}, {"queries"});
  model.node("Sub", {"queries", "one"}, {"before"});
  model.node("Less", {"zero", "total"}, {"some"});
  model.node("Where", {"some", "keys", "zero"}, {"chosen"});
  model.node("LessOrEqual", {"chosen", "queries"}, {"mask"});
  model.output("mask").output("before").analyse();
  EXPECT_EQ(model.shape("keys"), "i64 [past + 1]");
  EXPECT_EQ(model.elements("queries"), "[past]");
  EXPECT_EQ(model.elements("before"), "[past - 1]");
  EXPECT_EQ(model.elements("some"), "[1]");
  EXPECT_EQ(model.shape("mask"), "bool [past + 1]");
  EXPECT_EQ(model.live(), "Range Where LessOrEqual") << "the queries and the condition are known";
}

TEST(Analysis, SlicesAreCutToTheExtent) {
  Case model;
  model.input("x", {"1", "past", "64"}).list("zero", {0}).list("one", {1}).list("end", {INT64_MAX}).list("minus", {-1});
  model.list("half", {32}).list("three", {3}).list("two", {2});
  model.input("table", {"128", "8"});
  model.node("Slice", {"x", "one", "end", "one"}, {"rest"});
  model.node("Slice", {"x", "minus", "end", "one"}, {"last"});
  model.node("Slice", {"x", "zero", "half", "two"}, {"front"});
  model.node("Slice", {"x", "half", "end", "two", "three"}, {"third"});
  model.node("Shape", {"x"}, {"s"});
  model.node("Slice", {"s", "one", "two"}, {"length"});
  model.node("Slice", {"table", "zero", "length", "zero"}, {"rows"});
  model.node("Slice", {"s", "minus", "zero", "zero", "minus"}, {"reversed"});
  for (const char *name : {"rest", "last", "front", "third", "rows", "reversed"})
    model.output(name);
  model.analyse({{}, {{"past", 100}}});
  EXPECT_EQ(model.findings(), "");
  EXPECT_EQ(model.shape("rest"), "f32 [1, max(0, past - 1), 64]") << "past may be 0";
  EXPECT_EQ(model.shape("front"), "f32 [1, past, 32]");
  EXPECT_EQ(model.shape("third"), "f32 [1, past, 11]");
  EXPECT_EQ(model.shape("rows"), "f32 [past, 8]") << "100 is less than 128";
  EXPECT_EQ(model.elements("reversed"), "[64, past]");
  model.analyse();
  EXPECT_EQ(model.shape("rows"), "f32 [min(128, past), 8]");
}

TEST(Analysis, DecidesWhatIsDecidable) {
  Case model;
  model.input("x", {"n", "n + 1"}).list("probe", {0, 8}).list("zeros", {0, 0}).list("minus", {-1, -1});
  model.node("Shape", {"x"}, {"s"});
  model.node("Equal", {"s", "minus"}, {"equal"});
  model.node("Where", {"equal", "zeros", "s"}, {"w"});
  model.node("Greater", {"s", "probe"}, {"greater"});
  model.node("Where", {"greater", "s", "zeros"}, {"open"});
  model.node("Min", {"s", "probe"}, {"min"});
  model.node("ReduceProd", {"s"}, {"count"});
  model.output("w").output("open").output("min").output("count").analyse();
  EXPECT_EQ(model.elements("equal"), "[0, 0]");
  EXPECT_EQ(model.elements("w"), "[n, n + 1]");
  EXPECT_EQ(model.elements("greater"), "nothing");
  EXPECT_EQ(model.elements("min"), "[0, min(8, n + 1)]");
  EXPECT_EQ(model.elements("count"), "[n*n + n]");
  EXPECT_EQ(model.live(), "Greater Where");
}

TEST(Analysis, ReshapeSolvesForOneExtent) {
  Case model;
  model.input("x", {"1", "past + 1", "8", "64"}).list("a", {0, -1, 512}).list("b", {1, 8, -1, 32});
  model.input("unknown", {"3"}, ::onnx::TensorProto::INT64);
  model.node("Reshape", {"x", "a"}, {"y"});
  model.node("Reshape", {"x", "b"}, {"z"});
  model.node("Reshape", {"x", "unknown"}, {"u"});
  model.output("y").output("z").output("u").analyse();
  EXPECT_EQ(model.shape("y"), "f32 [1, past + 1, 512]");
  EXPECT_EQ(model.shape("z"), "f32 [1, 8, 2*past + 2, 32]");
  EXPECT_EQ(model.shape("u"), "f32 [?1, ?2, ?3]");
  EXPECT_FALSE(model.isParameter(2, 1));
  EXPECT_NE(summarize(*model.result.model, model.analysis).find("unknown extent ?1: axis 0, m.onnx: node 'node_u'"),
            std::string::npos);
}

TEST(Analysis, DeclaredTypesSayWhatDoesNotFollow) {
  Case model;
  model.input("x", {"n"}).input("shape", {"2"}, ::onnx::TensorProto::INT64);
  model.node("Reshape", {"x", "shape"}, {"y"});
  auto *info = model.graph().add_value_info();
  info->set_name("y");
  *info->mutable_type() = tensorType(::onnx::TensorProto::FLOAT, {"rows", "16"});
  model.node("Relu", {"y"}, {"z"});
  model.output("z").analyse({{{"rows", "n"}}, {}});
  EXPECT_EQ(model.shape("z"), "f32 [n, 16]");
}

TEST(Analysis, DeclaredTypesThatContradictAreErrors) {
  const auto declared = [](int type, const std::vector<std::string> &shape) {
    Case model;
    model.input("x", {"n", "4"});
    model.node("Relu", {"x"}, {"y"});
    auto *output = model.graph().add_output();
    output->set_name("y");
    *output->mutable_type() = tensorType(type, shape);
    return model.analyse().findings();
  };
  const std::string start = "invalid: m.onnx: value 'y' is declared ";
  const std::string end = ", but node 'node_y' (Relu) makes it f32 [n, 4]\n";
  EXPECT_EQ(declared(::onnx::TensorProto::FLOAT, {"m", "4"}), "") << "a name";
  EXPECT_EQ(declared(::onnx::TensorProto::FLOAT, {"3", "4"}), "") << "n may be 3";
  EXPECT_EQ(declared(::onnx::TensorProto::FLOAT, {"n", "5"}), start + "f32 [n, 5]" + end);
  EXPECT_EQ(declared(::onnx::TensorProto::FLOAT, {"n", "4", "1"}), start + "f32 [n, 4, 1]" + end);
  EXPECT_EQ(declared(::onnx::TensorProto::FLOAT16, {"n", "4"}), start + "f16 [n, 4]" + end);
}

TEST(Analysis, OperandsThatDoNotFitAreErrors) {
  Case model;
  model.input("x", {"past", "4"}).input("y", {"past + 1", "4"}).input("z", {"5", "4"}).input("i", {"4"}, 7);
  model.list("axis", {2}).list("odd", {3, -1});
  model.node("Add", {"x", "i"}, {"a"});
  model.node("MatMul", {"x", "z"}, {"b"});
  addAttribute(model.node("Concat", {"x", "y"}, {"c"}), "axis", 1);
  model.node("Squeeze", {"x", "axis"}, {"d"});
  model.node("Squeeze", {"z", "axis"}, {"dependent"});
  model.node("Reshape", {"z", "odd"}, {"e"});
  model.node("Relu", {"e"}, {"f"});
  addAttribute(model.node("Softmax", {"x"}, {"g"}), "axis", 2);
  model.node("Where", {"x", "x", "x"}, {"h"});
  model.output("f").analyse();
  EXPECT_EQ(
      model.findings(),
      "invalid: m.onnx: node 'node_a' (Add): inputs 0 and 1 have to be of one type, but are f32 and i64\n"
      "invalid: m.onnx: node 'node_b' (MatMul): the extents that a product sums over have to be equal, but are 4 "
      "and 5\n"
      "invalid: m.onnx: node 'node_c' (Concat): extents of axis 0 of the inputs have to be equal, but are past and "
      "past + 1\n"
      "invalid: m.onnx: node 'node_d' (Squeeze): axis 2 is out of range for a tensor of 2 axes\n"
      "invalid: m.onnx: node 'node_dependent' (Squeeze): axis 2 is out of range for a tensor of 2 axes\n"
      "invalid: m.onnx: node 'node_e' (Reshape): [5, 4] does not divide into [3, ?]\n"
      "invalid: m.onnx: node 'node_g' (Softmax): axis 2 is out of range for a tensor of 2 axes\n"
      "invalid: m.onnx: node 'node_h' (Where): the condition has to be bool, but is f32\n");
  EXPECT_EQ(model.shape("f"), "nothing") << "not an error of its own";
}

TEST(Analysis, NodesThatNobodyNeedsAreDead) {
  Case model;
  model.input("x", {"n", "4"});
  model.node("Relu", {"x"}, {"used"});
  model.node("Exp", {"x"}, {"unused"});
  model.node("Neg", {"unused"}, {"neither"});
  model.node("Tanh", {"used"}, {"shaped"});
  model.node("Shape", {"shaped"}, {"s"});
  model.node("ConstantOfShape", {"s"}, {"zeros"});
  model.node("Add", {"used", "zeros"}, {"y"});
  model.output("y").analyse();
  EXPECT_EQ(model.live(), "Relu ConstantOfShape Add");
}

TEST(Analysis, DemandsDecideDimensions) {
  Case model;
  model.input("x", {"1", "1", "192"}).input("key", {"1", "2", "past", "d"}).input("value", {"1", "2", "past", "d"});
  model.input("lengths", {"1"}, ::onnx::TensorProto::INT32).input("total", {}, ::onnx::TensorProto::INT32);
  import(model.proto, "com.microsoft", 1);
  auto &node = model.node("GroupQueryAttention", {"x", "", "", "key", "value", "lengths", "total"}, {"y", "k", "v"},
                          "com.microsoft");
  addAttribute(node, "num_heads", 8);
  addAttribute(node, "kv_num_heads", 2);
  model.output("y").output("k").output("v").analyse();
  EXPECT_EQ(model.findings(), "notice: m.onnx: dimension 'd' is 16: that is what its nodes demand\n");
  EXPECT_EQ(model.shape("key"), "f32 [1, 2, past, 16]") << "from the beginning";
  EXPECT_EQ(model.shape("y"), "f32 [1, 1, 128]");
  EXPECT_EQ(model.shape("k"), "f32 [1, 2, ?1, 16]") << "the length of the cache is a value";
}

TEST(Analysis, EveryUnsupportedOperatorIsNamed) {
  Case model;
  model.input("x", {"n"});
  import(model.proto, "my.ops", 1);
  model.node("Special", {"x"}, {"y"}, "my.ops");
  model.node("Relu", {"y"}, {"z"});
  model.node("SequenceConstruct", {"x"}, {"s"});
  model.output("z").analyse();
  EXPECT_EQ(
      model.findings(),
      "unsupported: m.onnx: operator Special (my.ops, opset 1) is of a domain that is not known: node 'node_y'\n"
      "unsupported: m.onnx: operator SequenceConstruct (ai.onnx, opset 21, as defined in 11) is not supported in any "
      "opset: node 'node_s'\n");
}

TEST(Analysis, DimsHaveToBeDimensions) {
  Case model;
  model.input("x", {"batch", "past + seq"});
  model.node("Relu", {"x"}, {"y"});
  model.output("y").analyse();
  const auto check = [&](const std::string &name, const std::string &value) {
    Findings findings;
    checkDims(*model.result.model, {{{name, value}}, {}}, findings);
    return findings.all().empty() ? "" : findings.all()[0].message;
  };
  EXPECT_EQ(check("batch", "1"), "");
  EXPECT_EQ(check("seq", "past + 1"), "");
  EXPECT_EQ(check("sequence", "1"), "--dim sequence=1: m.onnx has no dimension of that name; it has 'batch', 'past', "
                                    "'past + seq', 'seq'");
  EXPECT_EQ(check("batch", "-1"),
            "--dim batch=-1: the value is no number or expression such as 'past_sequence_length + 1'");
  EXPECT_EQ(check("batch", "1x"),
            "--dim batch=1x: the value is no number or expression such as 'past_sequence_length + 1'");
}

} // namespace
} // namespace cadenza::onnx
