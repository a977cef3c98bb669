// The models of test/fixtures/quantized: whether their matrices have the values that the packages say which the formats
// come from, each bit of them.
#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/import/hf/quantized/name_pattern.h"
#include "compiler/import/stored_matrix.h"
#include "test/fixture_models.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

std::filesystem::path fixtures() { return std::filesystem::path(CADENZA_SOURCE_DIR) / "test/fixtures/quantized"; }

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const auto &entry : std::filesystem::directory_iterator(fixtures()))
    if (entry.is_directory())
      result.push_back(entry.path().filename().string());
  std::sort(result.begin(), result.end());
  return result;
}

/// FNV-1a, as make_quantized.py has it.
std::string hashOf(std::span<const std::byte> bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (std::byte byte : bytes)
    hash = (hash ^ static_cast<uint64_t>(byte)) * 0x100000001b3;
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

class Quantized : public testing::TestWithParam<std::string> {};

TEST_P(Quantized, HoldsTheValuesOfItsPackage) {
  mlir::MLIRContext context;
  Findings findings;
  auto model = importHuggingFace(context, {.directory = (fixtures() / GetParam()).string()}, findings);
  ASSERT_TRUE(model.isOk()) << model.status().message();
  const auto want = nlohmann::json::parse(test::contents(fixtures() / GetParam() / "weights.json"));
  ASSERT_FALSE(want.empty());
  for (const auto &[tensor, hash] : want.items()) {
    // All of the matrix, whatever views of it the model has.
    const auto spec = std::find_if(model->weightSpecs.begin(), model->weightSpecs.end(),
                                   [&](const WeightSpec &candidate) { return candidate.tensor == tensor; });
    ASSERT_NE(spec, model->weightSpecs.end()) << tensor;
    WeightSpec whole = *spec;
    if (whole.view)
      whole.shape[0] = whole.view->rows;
    whole.view.reset();
    std::vector<std::byte> bytes(static_cast<size_t>(whole.rows() * whole.columns()) * dtypeSize(whole.dtype));
    ASSERT_TRUE(model->weights->read(whole, 0, whole.rows(), whole.dtype, bytes).isOk()) << tensor;
    EXPECT_EQ(hashOf(bytes), hash) << tensor;
  }
}

TEST_P(Quantized, ReadsRowsInPieces) {
  mlir::MLIRContext context;
  Findings findings;
  auto model = importHuggingFace(context, {.directory = (fixtures() / GetParam()).string()}, findings);
  ASSERT_TRUE(model.isOk()) << model.status().message();
  for (const WeightSpec &spec : model->weightSpecs) {
    if (spec.shape.size() != 2)
      continue;
    auto whole = model->weights->readFloats(spec);
    ASSERT_TRUE(whole.isOk()) << whole.status().message();
    const int64_t first = spec.rows() / 3, rows = spec.rows() / 2;
    std::vector<float> part(static_cast<size_t>(rows * spec.columns()));
    ASSERT_TRUE(model->weights->read(spec, first, rows, DType::f32, std::as_writable_bytes(std::span(part))).isOk());
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole->begin() + first * spec.columns())) << spec.tensor;
  }
}

TEST_P(Quantized, GivesMatricesAsTheyAreStored) {
  mlir::MLIRContext context;
  Findings findings;
  auto model = importHuggingFace(context, {.directory = (fixtures() / GetParam()).string()}, findings);
  ASSERT_TRUE(model.isOk()) << model.status().message();
  const auto quantized = nlohmann::json::parse(test::contents(fixtures() / GetParam() / "weights.json"));
  for (const WeightSpec &spec : model->weightSpecs) {
    const bool permuted = GetParam() == "gptq-qwen2-act-order" || (GetParam() == "compressed-int4-asymmetric" &&
                                                                   spec.tensor.find(".mlp.") != std::string::npos);
    const StoredMatrix *matrix = model->weights->stored(spec);
    ASSERT_EQ(matrix != nullptr, quantized.contains(spec.tensor) && !permuted) << spec.tensor;
    if (matrix) {
      EXPECT_EQ(matrix->rows(), spec.view ? spec.view->rows : spec.rows()) << spec.tensor;
      EXPECT_EQ(matrix->columns(), spec.columns()) << spec.tensor;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Quantized, testing::ValuesIn(names()),
                         [](const auto &name) { return test::testName(name.param); });

TEST(NamePattern, MatchesAsPythonDoes) {
  auto pattern = NamePattern::compile(R"(.*\.layers\.(0|1)\.mlp\.(?!gate).*)");
  ASSERT_TRUE(pattern.isOk()) << pattern.status().message();
  EXPECT_TRUE(pattern->matchesStart("model.layers.0.mlp.up_proj"));
  EXPECT_FALSE(pattern->matchesStart("model.layers.0.mlp.gate_proj"));
  EXPECT_FALSE(pattern->matchesStart("model.layers.2.mlp.up_proj"));
  auto start = NamePattern::compile("model");
  ASSERT_TRUE(start.isOk());
  EXPECT_TRUE(start->matchesStart("model.norm"));
  EXPECT_FALSE(start->matches("model.norm"));
  EXPECT_FALSE(start->matchesStart("my.model"));
}

TEST(NamePattern, RefusesWhatItDoesNotKnow) {
  for (const char *pattern : {"(", "(?P<name>x)", R"(x\Z)", R"((a)\1)", "(?i)x", "a{1000}{1000}{1000}"})
    EXPECT_EQ(NamePattern::compile(pattern).status().code(), StatusCode::Unsupported) << pattern;
  EXPECT_FALSE(NamePattern::compile(std::string(2000, 'a')).isOk());
}

TEST(NamePattern, TakesNoExponentialTime) {
  auto pattern = NamePattern::compile("(a*)*(a*)*(a*)*b");
  ASSERT_TRUE(pattern.isOk());
  EXPECT_FALSE(pattern->matchesStart(std::string(200, 'a')));
}

TEST(NamePattern, ListsOfModules) {
  const std::vector<std::string> list = {"lm_head", "mlp.gate", "model.layers.1", R"(.*\.visual\..*)"};
  for (const char *named : {"lm_head", "model.layers.7.mlp.gate", "model.layers.1.mlp.up_proj", "model.visual.patch"})
    EXPECT_TRUE(namesModule(list, named)) << named;
  for (const char *other : {"model.layers.7.mlp.gate_proj", "model.layers.10.mlp.up_proj", "my_lm_head"})
    EXPECT_FALSE(namesModule(list, other)) << other;
  EXPECT_FALSE(namesModule({"", "("}, "lm_head"));
}

} // namespace
} // namespace cadenza
