#include "runtime/api/inspect.h"
#include "runtime/api/npy.h"
#include "test/runtime/api/tiny_plan.h"
#include "test/runtime/cpu/phase_harness.h"

#include <fstream>
#include <iterator>

namespace cadenza::test {
namespace {

const std::vector<int32_t> prompt = {7, 8, 62, 40};

TEST(Npy, Header) {
  std::string header = npyHeader(std::vector<int64_t>{12, 151936});
  EXPECT_EQ(header.size() % 64, 0u);
  EXPECT_EQ(header.substr(0, 8), std::string("\x93NUMPY\1\0", 8));
  EXPECT_EQ(static_cast<size_t>(static_cast<unsigned char>(header[8])) + 10, header.size());
  EXPECT_NE(header.find("{'descr': '<f4', 'fortran_order': False, 'shape': (12, 151936), }"), std::string::npos);
  EXPECT_EQ(header.back(), '\n');
}

TEST(Dump, WritesOneFileAModule) {
  TinyModel model;
  auto executor = makeExecutor(model.test);
  TemporaryFolder folder;
  Status status = dumpActivations(*executor, prompt, folder.path("dump"));
  ASSERT_TRUE(status.isOk()) << status.message();
  Observations seen = observe(model.test, prompt);
  auto expectFile = [&](const std::string &name, const std::vector<std::vector<float>> &rows) {
    std::ifstream file(folder.path("dump/" + name), std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    std::string expected = npyHeader(std::vector<int64_t>{std::ssize(rows), std::ssize(rows[0])});
    for (const auto &row : rows)
      expected.append(reinterpret_cast<const char *>(row.data()), row.size() * sizeof(float));
    EXPECT_EQ(bytes, expected) << name;
  };
  expectFile("model.embed_tokens.npy", seen[{"embed", 0}]);
  expectFile("lm_head.npy", seen[{"head", 0}]);
  std::vector<std::vector<float>> layer1;
  for (size_t t = 0; t < prompt.size(); ++t)
    layer1.push_back(seen[std::make_pair("down", 0)][t * TinyModel::layers + 1]);
  expectFile("model.layers.1.npy", layer1);
}

TEST(Dump, RefusesNamesThatLeaveTheFolder) {
  for (const char *name : {"../x", "/tmp/x", ".hidden", "a b"}) {
    TinyModel model;
    model.test.blocks()[0].phases[0].outputNames = {name};
    auto executor = makeExecutor(model.test);
    TemporaryFolder folder;
    EXPECT_EQ(dumpActivations(*executor, prompt, folder.path()).code(), StatusCode::InvalidPlan) << name;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
}

TEST(Compare, EqualExecutorsAgree) {
  TinyModel model;
  auto a = makeExecutor(model.test), b = makeExecutor(model.test, {.logits = true}, 1);
  auto comparison = compareExecutors(*a, *b, prompt);
  ASSERT_TRUE(comparison.isOk()) << comparison.status().message();
  EXPECT_FALSE(comparison->firstMismatch);
  EXPECT_EQ(comparison->largest.size(), 7u); // embed, qkv, attend, o, gate_up, down, head
  for (const PhaseDifference &difference : comparison->largest)
    EXPECT_EQ(difference.relativeL2, 0) << difference.phase;
}

TEST(Compare, NamesTheFirstPhaseThatIsWrong) {
  TinyModel model, broken;
  // The o projection of the second layer: iteration 1.
  uint32_t weight = broken.test.program.weightTables[broken.test.blocks()[1].phases[2].matrix.index][1];
  for (int i = 0; i < 256; ++i)
    broken.test.weights[broken.test.program.weights[weight].offset + i] = std::byte{0};
  auto wrong = makeExecutor(broken.test), reference = makeExecutor(model.test);
  auto comparison = compareExecutors(*wrong, *reference, prompt);
  ASSERT_TRUE(comparison.isOk()) << comparison.status().message();
  ASSERT_TRUE(comparison->firstMismatch);
  EXPECT_EQ(comparison->firstMismatch->phase, "o");
  EXPECT_EQ(comparison->firstMismatch->output, "x");
  EXPECT_EQ(comparison->firstMismatch->iteration, 1);
  EXPECT_EQ(comparison->firstMismatch->position, 0);
  EXPECT_EQ(comparison->firstMismatch->tolerance, 1e-3);
}

TEST(Compare, JudgesEachPhaseOnTheSameInputs) {
  TinyModel model, shifted;
  shifted.test.blocks()[0].phases[0].parameters["scale"] = 1.0005; // within tolerance, and felt by all later phases
  auto a = makeExecutor(shifted.test), b = makeExecutor(model.test);
  auto comparison = compareExecutors(*a, *b, prompt);
  ASSERT_TRUE(comparison.isOk()) << comparison.status().message();
  EXPECT_FALSE(comparison->firstMismatch);
  for (const PhaseDifference &difference : comparison->largest)
    EXPECT_NEAR(difference.relativeL2, difference.phase == "embed" ? 5e-4 : 0, 1e-6) << difference.phase;
}

} // namespace
} // namespace cadenza::test
