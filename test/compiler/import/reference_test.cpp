// The imported IR, run by the nn reference, against what transformers computes from the same directories: the
// importer's whole way from config.json and safetensors to values, with nothing else in between.
#include "compiler/import/hf/import_hugging_face.h"
#include "test/fixture_models.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace cadenza {
namespace {

struct Error {
  double max = 0;
  double mean = 0;
};
Error errorOf(const std::vector<float> &values, const std::vector<float> &exact) {
  Error error;
  for (size_t i = 0; i < exact.size(); ++i) {
    double difference = std::abs(double(values[i]) - double(exact[i]));
    error.max = std::max(error.max, difference);
    error.mean += difference / static_cast<double>(exact.size());
  }
  return error;
}

class Reference : public testing::TestWithParam<std::string> {};

TEST_P(Reference, MatchesTransformers) {
  const std::filesystem::path folder = test::fixtureModels() / GetParam();
  mlir::MLIRContext context;
  Findings findings;
  auto model = importHuggingFace(context, {.directory = folder.string()}, findings);
  ASSERT_TRUE(model.isOk()) << model.status().message();

  nn::EvaluationState state(*model->module, [&](mlir::Operation *op) {
    return *model->weights->readFloats(weightSpec(llvm::cast<nn::WeightOp>(op)));
  });
  auto decode = nn::decodeEntryOf(*model->module);
  std::vector<float> logits;
  const std::vector<int32_t> tokens = test::tokensOf(GetParam());
  state.length = static_cast<int64_t>(tokens.size());
  for (size_t position = 0; position < tokens.size(); ++position) {
    auto onValue = [&](mlir::Operation *op, llvm::ArrayRef<nn::Vector> values) {
      if (op->hasOneUse() && llvm::isa<nn::ArgmaxOp>(*op->user_begin()))
        logits.insert(logits.end(), values[0].begin(), values[0].end());
    };
    ASSERT_TRUE(mlir::succeeded(nn::evaluateFunction(
        decode, state, nn::decodeArguments(decode, tokens[position], static_cast<int64_t>(position)), onValue)));
  }

  std::vector<float> exact = test::readNpy(folder / "logits_f32.npy");
  ASSERT_EQ(logits.size(), exact.size());
  Error ours = errorOf(logits, exact);
  Error granted = errorOf(test::readNpy(folder / "logits_bf16.npy"), exact);
  EXPECT_LE(ours.max, 2 * granted.max);
  EXPECT_LE(ours.mean, 2 * granted.mean);
  // The reference computes in fp32: where the weights are exact, only the order of sums differs.
  if (test::hasExactWeights(GetParam())) {
    EXPECT_LE(ours.max, test::exactLogits);
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Reference, testing::ValuesIn(test::fixtureModelNames()),
                         [](const auto &info) { return test::testName(info.param); });

} // namespace
} // namespace cadenza
