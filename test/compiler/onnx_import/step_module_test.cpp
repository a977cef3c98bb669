// The module of a decoder's step in ops on tensors computes what ONNX Runtime does: all exported decoders in
// test/fixtures/onnx, token by token, on the references of the ops.
#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/import/onnx/decoder/companions.h"
#include "compiler/import/onnx/ir/onnx_weights.h"
#include "compiler/import/onnx/ir/step_module.h"
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/import/onnx/read_model.h"
#include "compiler/ir/nn/Evaluate.h"
#include "test/fixture_models.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>

using namespace mlir;

namespace cadenza::onnx {
namespace {

const std::string fixtures = CADENZA_SOURCE_DIR "/test/fixtures/onnx/";

/// Names of the fixtures, sorted.
std::vector<std::string> allFixtures() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(fixtures))
    if (std::filesystem::exists(entry.path() / "tokens.json")) // a decoder
      names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

class StepModuleTest : public testing::TestWithParam<std::string> {
protected:
  /// Why the step has no module; empty if it has.
  std::string import() {
    const std::string folder = fixtures + GetParam();
    const std::optional<Model> model = readModel(folder + "/model.onnx", findings);
    auto directory = ModelDirectory::open(folder);
    if (!model || !directory.isOk())
      return "cannot be read";
    auto step = recogniseDecoder(*model, {}, readCompanions(*directory, findings).hints, findings);
    if (!step.isOk())
      return std::string(step.status().message());
    isRounded = step->analysis.facts[step->logits]->type != ElementType::f32;
    auto made = makeStepModule(context, *step, findings);
    if (!made.isOk())
      return std::string(made.status().message());
    module = std::move(*made);
    return "";
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  Findings findings;
  StepModule module;
  bool isRounded = false; // activations are of 16 bits
};

TEST_P(StepModuleTest, ComputesTheLogits) {
  ASSERT_EQ(import(), "");
  func::FuncOp decode = nn::decodeEntryOf(*module.module);
  nn::EvaluationState state(*module.module, nullptr);
  state.tensorReader = [&](Operation *op) -> FailureOr<nn::TensorValue> {
    StatusOr<nn::TensorValue> value = storedValue(weightSpec(cast<nn::WeightOp>(op)), module.weights);
    if (!value.isOk())
      return op->emitError() << value.status().message();
    return std::move(*value);
  };
  // What is appended to each cache becomes a result, too: an op after raising, here the test's.
  struct Appended {
    FlatSymbolRefAttr cache;
    bool isValue;
  };
  std::vector<Appended> appended;
  Operation *end = decode.getBody().front().getTerminator();
  decode.walk([&](nn::ReadCacheOp read) {
    Operation *user = *read->user_begin();
    while (!isa<nn::ConcatOp>(user)) // past other layouts
      user = *user->user_begin();
    appended.push_back({read.getCacheAttr(), read.getOfValues()});
    end->insertOperands(end->getNumOperands(), cast<nn::ConcatOp>(user).getParts()[1]);
  });
  std::ifstream file(fixtures + GetParam() + "/tokens.json");
  const auto tokens = nlohmann::json::parse(file).get<std::vector<int64_t>>();
  const std::vector<float> expected = test::readNpy(fixtures + GetParam() + "/logits_f32.npy");
  const size_t vocabulary = expected.size() / tokens.size();
  double largest = 0, error = 0;
  for (size_t position = 0; position < tokens.size(); ++position) {
    const auto number = [](int64_t value) {
      return nn::tensorOf(ElementType::i32, {1}, std::span<const int64_t>(&value, 1));
    };
    const auto results =
        nn::evaluateTensors(decode, state, {number(tokens[position]), number(static_cast<int64_t>(position))});
    ASSERT_TRUE(succeeded(results));
    for (size_t i = 0; i < appended.size(); ++i) {
      const std::vector<double> row = nn::reals((*results)[i + 1]);
      auto &cache = state.cache(appended[i].cache);
      (appended[i].isValue ? cache.values : cache.keys).emplace_back(row.begin(), row.end());
    }
    const std::vector<double> logits = nn::reals(results->front());
    ASSERT_EQ(logits.size(), vocabulary);
    for (size_t i = 0; i < vocabulary; ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(expected[position * vocabulary + i])));
      error = std::max(error, std::abs(logits[i] - expected[position * vocabulary + i]));
    }
  }
  // The references were computed in fp32 whatever the file's type.
  EXPECT_LE(error, (isRounded ? 5e-2 : 1e-4) * largest);
  RecordProperty("error", std::to_string(error / largest));
}

INSTANTIATE_TEST_SUITE_P(Fixtures, StepModuleTest, testing::ValuesIn(allFixtures()), [](const auto &info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

} // namespace
} // namespace cadenza::onnx
