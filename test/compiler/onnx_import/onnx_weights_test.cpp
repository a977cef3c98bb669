// Rows of quantised matrices as packers read them: those of quantised.onnx, which has ONNX Runtime's values beside them
// (test/fixtures/onnx/make_quantised.py).
#include "compiler/import/convert.h"
#include "compiler/import/onnx/ir/onnx_weights.h"
#include "compiler/import/onnx/node_attributes.h"
#include "compiler/import/onnx/read_model.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

namespace cadenza::onnx {
namespace {

using Tensors = std::map<std::string, std::shared_ptr<const Tensor>>;

struct QuantisedRows : testing::Test {
  Findings findings;
  std::optional<Model> model = readModel(CADENZA_SOURCE_DIR "/test/fixtures/onnx/quantised.onnx", findings);
  Tensors tensors;
  std::map<std::string, WeightSpec> matrices; // of products without a bias, by the case

  void SetUp() override {
    ASSERT_TRUE(model);
    const Graph &graph = model->graph;
    for (const Value &value : graph.values)
      if (value.constant)
        tensors[value.name] = value.constant;
    for (const Node &node : graph.nodes) {
      if (node.op != "MatMulNBits" || node.inputs.size() > 5)
        continue;
      const NodeAttributes attributes(node);
      const auto name = [&](size_t i) { return i < node.inputs.size() ? graph.values[node.inputs[i]].name : ""; };
      WeightSpec spec{node.name, name(1), {attributes.integer("N", 0), attributes.integer("K", 0)}, DType::f32};
      spec.blocks = {attributes.integer("bits", 4), attributes.integer("block_size", 32), name(2), name(3)};
      if (tensors.at(name(2))->type == ElementType::f16)
        spec.dtype = DType::f16;
      matrices[node.name] = spec;
    }
  }

  /// Element by element, of rows [first, first + rows); or what is wrong.
  StatusOr<std::vector<float>> read(const WeightSpec &spec, int64_t first, int64_t rows) const {
    std::vector<float> values(static_cast<size_t>(rows * spec.columns()));
    const Status status =
        makeOnnxWeights(tensors)->read(spec, first, rows, DType::f32, std::as_writable_bytes(std::span(values)));
    return status.isOk() ? StatusOr<std::vector<float>>(values) : StatusOr<std::vector<float>>(status);
  }
  /// ONNX Runtime's, which are [K, N].
  std::vector<float> expected(const WeightSpec &spec, const std::vector<int64_t> &rows) const {
    const std::vector<double> transposed = reals(*tensors.at(spec.role + ".expected"));
    const int64_t all = spec.tensorShape()[0];
    std::vector<float> values;
    for (int64_t row : rows)
      for (int64_t column = 0; column < spec.columns(); ++column)
        values.push_back(static_cast<float>(transposed[static_cast<size_t>(column * all + row)]));
    return values;
  }
};

TEST_F(QuantisedRows, AreWhatOnnxRuntimeMakesOfThem) {
  EXPECT_EQ(matrices.size(), 14U);
  for (const auto &[name, spec] : matrices) {
    SCOPED_TRACE(name);
    const auto whole = spec.rows() == 6 ? std::vector<int64_t>{0, 1, 2, 3, 4, 5} : std::vector<int64_t>{0, 1, 2};
    const auto values = read(spec, 0, spec.rows());
    ASSERT_TRUE(values.isOk()) << values.status().message();
    const std::vector<float> wanted = expected(spec, whole);
    for (size_t i = 0; i < wanted.size(); ++i) // zero points in floats may be rounded in another order
      ASSERT_LE(std::abs((*values)[i] - wanted[i]), name == "float_zeros" ? 1e-6F : 0) << "element " << i;
    const auto some = read(spec, 1, 2);
    EXPECT_TRUE(std::equal(some->begin(), some->end(), values->begin() + spec.columns()));
  }
}

TEST_F(QuantisedRows, OfAView) {
  WeightSpec spec = matrices.at("packed_zeros");
  spec.view = {.rows = 6, .first = 1, .run = 2, .stride = 3};
  spec.shape[0] = 4;
  EXPECT_EQ(*read(spec, 0, 4), expected(spec, {1, 2, 4, 5}));
  EXPECT_EQ(*read(spec, 1, 2), expected(spec, {2, 4}));
}

TEST_F(QuantisedRows, AreRoundedToTheTypeOfTheWeight) {
  WeightSpec spec = matrices.at("symmetric");
  spec.dtype = DType::bf16;
  std::vector<float> rounded = expected(spec, {0, 1, 2, 3, 4, 5});
  roundTo(DType::bf16, rounded);
  EXPECT_EQ(*read(spec, 0, 6), rounded);
}

TEST_F(QuantisedRows, BytesThatAreNoSuchMatrix) {
  WeightSpec spec = matrices.at("packed_zeros");
  spec.blocks->scales = "symmetric.scales"; // of two blocks a row, not three
  EXPECT_NE(read(spec, 0, 6).status().message().find("'packed_zeros.b': has 288 bytes of integers, 48 of scales"),
            std::string::npos)
      << read(spec, 0, 6).status().message();
  spec.blocks->scales = "missing";
  EXPECT_NE(read(spec, 0, 6).status().message().find("holds no matrix with scales 'missing'"), std::string::npos);
}

} // namespace
} // namespace cadenza::onnx
