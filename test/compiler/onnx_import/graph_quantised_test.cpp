// A graph with matrices of a few bits dequantises by ops: quantised.onnx has every form of MatMulNBits and
// GatherBlockQuantized with what ONNX Runtime makes of it (test/fixtures/onnx/make_quantised.py).
#include "compiler/import/onnx/ir/graph_module.h"
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/import/onnx/read_model.h"
#include "compiler/ir/nn/Evaluate.h"
#include "compiler/ir/nn/TensorValues.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;

namespace cadenza::onnx {
namespace {

TEST(GraphQuantised, EveryFormIsWhatOnnxRuntimeMakesOfIt) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  Findings findings;
  const std::optional<Model> model = readModel(CADENZA_SOURCE_DIR "/test/fixtures/onnx/quantised.onnx", findings);
  ASSERT_TRUE(model);
  auto made = makeGraphModule(context, *model, {{"run", analyse(*model, {}, findings)}}, findings);
  ASSERT_TRUE(made.isOk()) << made.status().message();
  func::FuncOp run = *made->module->getOps<func::FuncOp>().begin();
  nn::EvaluationState state(*made->module, nullptr);
  state.tensorReader = [&](Operation *op) -> FailureOr<nn::TensorValue> {
    return valueOf(*made->weights.at(cast<nn::WeightOp>(op).getSource()->str()));
  };
  const auto results = nn::evaluateTensors(run, state, {});
  ASSERT_TRUE(succeeded(results));
  ASSERT_EQ(results->size(), 21U);
  for (const auto &[output, value] : llvm::zip_equal(model->graph.outputs, *results)) {
    SCOPED_TRACE(output.name);
    const auto expected = std::ranges::find(model->graph.values, output.name + ".expected", &Value::name);
    ASSERT_TRUE(expected != model->graph.values.end() && expected->constant);
    EXPECT_EQ(value.element, expected->constant->type);
    EXPECT_EQ(value.shape, expected->constant->shape);
    // Values of f16 are rounded after each op; of f32 only zero points in floats are.
    const double allowed = value.element == ElementType::f16 ? 1e-3 : 1e-6;
    const std::vector<double> computed = nn::reals(value), wanted = reals(*expected->constant);
    ASSERT_EQ(computed.size(), wanted.size());
    for (size_t i = 0; i < computed.size(); ++i)
      ASSERT_LE(std::abs(computed[i] - wanted[i]), allowed) << "element " << i;
  }
}

} // namespace
} // namespace cadenza::onnx
