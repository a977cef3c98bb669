// Matrices in com.microsoft's encodings: quantised.onnx has every form of MatMulNBits and GatherBlockQuantized with
// what ONNX Runtime makes of it (test/fixtures/onnx/make_quantised.py), and what is refused.
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/import/onnx/lower/graph_lowering.h"
#include "test/compiler/onnx/analysis_case.h"

#include <cmath>

namespace cadenza::onnx {
namespace {

using namespace test;

TEST(Quantised, EveryFormIsWhatOnnxRuntimeMakesOfIt) {
  Findings findings;
  const std::optional<Model> model = readModel(CADENZA_SOURCE_DIR "/test/fixtures/onnx/quantised.onnx", findings);
  ASSERT_TRUE(model);
  const Analysis analysis = analyse(*model, {}, findings);
  ASSERT_FALSE(findings.hasErrors()) << findings.toStatus().message();
  Evaluator evaluator;
  GraphLowering lowering(*model, analysis, evaluator, findings);
  ASSERT_TRUE(lowering.run()) << findings.toStatus().message();
  std::map<std::string, const Tensor *> constants;
  for (const Value &value : model->graph.values)
    if (value.constant)
      constants[value.name] = value.constant.get();
  for (const Port &output : model->graph.outputs) {
    SCOPED_TRACE(output.name);
    const Tensor *expected = constants[output.name + ".expected"];
    ASSERT_TRUE(expected);
    const Operand operand = lowering.get(output.value);
    ASSERT_TRUE(operand.isThere());
    const nn::TensorValue &value = evaluator.value(operand);
    EXPECT_EQ(value.element, expected->type);
    EXPECT_EQ(value.shape, expected->shape);
    // Zero points in floats, and a bias in f16, may be rounded in another order; nothing else.
    const bool isExact = output.name.find("float") == std::string::npos && output.name != "half_zeros";
    const double allowed = isExact ? 0 : expected->type == ElementType::f16 ? 1e-3 : 1e-6;
    const std::vector<double> made = nn::reals(value), wanted = reals(*expected);
    ASSERT_EQ(made.size(), wanted.size());
    for (size_t i = 0; i < made.size(); ++i)
      ASSERT_LE(std::abs(made[i] - wanted[i]), allowed) << "element " << i << ": " << made[i] << ", " << wanted[i];
  }
  EXPECT_EQ(model->graph.outputs.size(), 21U);
}

struct Refused : testing::Test {
  Case model;
  ::onnx::NodeProto *node = nullptr;

  Refused() {
    import(model.proto, "com.microsoft", 1);
    model.input("x", {"1", "32"});
    bytes("b", {4, 1, 16});
    *model.graph().add_initializer() = floats("scales", {4, 1}, {1, 2, 3, 4});
    node = &model.node("MatMulNBits", {"x", "b", "scales"}, {"y"}, "com.microsoft");
    for (const auto &[name, value] : {std::pair{"K", 32}, {"N", 4}, {"bits", 4}, {"block_size", 32}})
      addAttribute(*node, name, static_cast<int64_t>(value));
    model.output("y");
  }

  void bytes(const std::string &name, const std::vector<int64_t> &shape) {
    auto *tensor = model.graph().add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(::onnx::TensorProto::UINT8);
    int64_t count = 1;
    for (int64_t extent : shape) {
      tensor->add_dims(extent);
      count *= extent;
    }
    tensor->set_raw_data(std::string(static_cast<size_t>(count), '\x21'));
  }
  void set(const std::string &name, int64_t value) {
    for (::onnx::AttributeProto &attribute : *node->mutable_attribute())
      if (attribute.name() == name)
        return attribute.set_i(value);
    addAttribute(*node, name, value);
  }
  /// What is said of the node.
  std::string lower() {
    model.analyse();
    Evaluator evaluator;
    GraphLowering lowering(*model.result.model, model.analysis, evaluator, model.result.findings);
    for (const Port &input : model.result.model->graph.inputs)
      lowering.bind(input.value, evaluator.add(nn::zeros({ElementType::f32, {1, 32}})));
    lowering.run();
    return model.findings();
  }
};

TEST_F(Refused, NothingIsWrongWithIt) { EXPECT_EQ(lower(), ""); }

TEST_F(Refused, AnotherOrderOfColumns) {
  *model.graph().add_initializer() = int64s("order", {32}, std::vector<int64_t>(32));
  node->add_input("");
  node->add_input("order");
  EXPECT_NE(lower().find("input g_idx (columns in another order than blocks) is not supported"), std::string::npos);
}

TEST_F(Refused, PrepackedBytes) {
  set("weight_prepacked", 1);
  EXPECT_NE(lower().find("attribute weight_prepacked (an order of one machine's) is not supported"), std::string::npos);
}

TEST_F(Refused, AnEncodingThatThereIsNot) {
  set("bits", 3);
  EXPECT_NE(
      lower().find("a matrix of 3 bits in blocks of 32, in elements of type u8 with scales of f32, is not supported"),
      std::string::npos);
}

TEST_F(Refused, BytesThatDoNotFit) {
  set("N", 5);
  const std::string said = lower();
  EXPECT_NE(said.find("node 'node_y' (MatMulNBits)"), std::string::npos) << said;
}

} // namespace
} // namespace cadenza::onnx
