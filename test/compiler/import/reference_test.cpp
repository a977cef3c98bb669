// The imported IR, run by the nn reference, against what transformers computes from the same directories: the
// importer's whole way from config.json and safetensors to values, with nothing else in between.
#include "compiler/import/hf/import_hugging_face.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cadenza {
namespace {

const std::filesystem::path models = std::filesystem::path(CADENZA_SOURCE_DIR) / "test/fixtures/models";

std::string contents(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  return (std::ostringstream() << in.rdbuf()).str();
}

/// The values of a float32 .npy file (format version 1, C order).
std::vector<float> readNpy(const std::filesystem::path &path) {
  std::string bytes = contents(path);
  size_t start = 10 + static_cast<unsigned char>(bytes.at(8)) + 256 * static_cast<unsigned char>(bytes.at(9));
  std::vector<float> values((bytes.size() - start) / sizeof(float));
  std::memcpy(values.data(), bytes.data() + start, values.size() * sizeof(float));
  return values;
}

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

std::vector<std::string> modelNames() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(models))
    if (entry.is_directory())
      names.push_back(entry.path().filename().string());
  return names;
}

class Reference : public testing::TestWithParam<std::string> {};

TEST_P(Reference, MatchesTransformers) {
  const std::filesystem::path folder = models / GetParam();
  mlir::MLIRContext context;
  Findings findings;
  auto model = importHuggingFace(context, {.directory = folder.string()}, findings);
  ASSERT_TRUE(model.isOk()) << model.status().message();

  nn::EvaluationState state(*model->module, [&](mlir::Operation *op) {
    return *model->weights->readFloats(weightSpec(llvm::cast<nn::WeightOp>(op)));
  });
  auto decode = nn::decodeEntryOf(*model->module);
  std::vector<float> logits;
  std::vector<int64_t> tokens = nlohmann::json::parse(contents(folder / "tokens.json"));
  for (size_t position = 0; position < tokens.size(); ++position) {
    auto onValue = [&](mlir::Operation *op, llvm::ArrayRef<nn::Vector> values) {
      auto name = llvm::dyn_cast<mlir::NameLoc>(op->getLoc());
      if (name && name.getName() == "lm_head")
        logits.insert(logits.end(), values[0].begin(), values[0].end());
    };
    ASSERT_TRUE(mlir::succeeded(nn::evaluateFunction(
        decode, state, nn::decodeArguments(decode, tokens[position], static_cast<int64_t>(position)), onValue)));
  }

  std::vector<float> exact = readNpy(folder / "logits_f32.npy");
  ASSERT_EQ(logits.size(), exact.size());
  Error ours = errorOf(logits, exact);
  Error granted = errorOf(readNpy(folder / "logits_bf16.npy"), exact);
  EXPECT_LE(ours.max, 2 * granted.max);
  EXPECT_LE(ours.mean, 2 * granted.mean);
  // The reference computes in fp32: where the weights are exact, only the order of sums differs.
  bool exactWeights = GetParam() != "llama-mha-f32";
  if (exactWeights) {
    EXPECT_LE(ours.max, 1e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Reference, testing::ValuesIn(modelNames()), [](const auto &info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

} // namespace
} // namespace cadenza
