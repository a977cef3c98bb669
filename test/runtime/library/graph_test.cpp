// Graphs: tensors in and out, and what is refused.
#include "test/runtime/library/library_test.h"

namespace cadenza::test {
namespace {

struct FreeTensors {
  void operator()(cadenza_tensors *tensors) const { cadenza_tensors_free(tensors); }
};

class LibraryGraphTest : public ::testing::Test {
protected:
  LibraryGraphTest() : plan(folder.path("graph.plan")) { writeTestPlan(plan, graph.test); }

  cadenza_tensor input() {
    return {.name = "x",
            .type = CADENZA_F32,
            .shape = shape.data(),
            .rank = shape.size(),
            .data = values.data(),
            .bytes = values.size() * sizeof(float)};
  }

  TemporaryFolder folder;
  TensorGraph graph;
  std::string plan;
  std::vector<int64_t> shape = {3, 1, 40};
  std::vector<float> values = graph.test.randomValues(120);
};

TEST_F(LibraryGraphTest, RunsOnNamedTensors) {
  const OwnedSession session = openPlan(plan);
  const cadenza_tensor x = input();
  cadenza_tensors *made = nullptr;
  ASSERT_EQ(cadenza_run_graph(session.get(), nullptr, &x, 1, &made), CADENZA_OK) << cadenza_last_error();
  const std::unique_ptr<cadenza_tensors, FreeTensors> outputs(made);
  ASSERT_EQ(cadenza_tensors_count(made), 2u);
  EXPECT_STREQ(cadenza_tensors_at(made, 0)->name, "y");
  const cadenza_tensor *z = cadenza_tensors_at(made, 1);
  EXPECT_STREQ(z->name, "z");
  EXPECT_EQ(z->type, CADENZA_F32);
  ASSERT_EQ(z->bytes, 480u);
  EXPECT_EQ(std::vector<int64_t>(z->shape, z->shape + z->rank), (std::vector<int64_t>{3, 40}));
  for (size_t i = 0; i < 120; ++i)
    EXPECT_EQ(static_cast<const float *>(z->data)[i], values[i] + values[i]);
  EXPECT_EQ(cadenza_tensors_at(made, 2), nullptr);

  char *text = nullptr;
  ASSERT_EQ(cadenza_info(session.get(), &text), CADENZA_OK);
  const nlohmann::json info = nlohmann::json::parse(taken(text));
  EXPECT_EQ(info["decoder"], nullptr);
  EXPECT_EQ(info["entries"][0]["name"], "run");
  EXPECT_EQ(info["entries"][0]["inputs"][0], nlohmann::json({{"name", "x"}, {"type", "f32"}, {"shape", {3, 1, 40}}}));
}

TEST_F(LibraryGraphTest, RefusesWhatDoesNotFit) {
  const OwnedSession session = openPlan(plan);
  const auto refuses = [&](std::vector<cadenza_tensor> inputs, const std::string &part, const char *entry = nullptr) {
    cadenza_tensors *made = nullptr;
    expectError(cadenza_run_graph(session.get(), entry, inputs.data(), inputs.size(), &made), CADENZA_INVALID_ARGUMENT,
                part);
    EXPECT_EQ(made, nullptr);
  };
  refuses({}, "input \"x\" is missing");
  refuses({input(), input()}, "is given twice");
  refuses({input()}, "no entry 'walk'", "walk");
  cadenza_tensor bad = input();
  bad.bytes = 4;
  refuses({bad}, "has 4 bytes");
  bad = input();
  bad.type = static_cast<cadenza_type>(8); // NOLINT(clang-analyzer-optin.core.EnumCastOutOfRange): as C may
  refuses({bad}, "type 8");
  bad = input();
  bad.name = nullptr;
  refuses({bad}, "inputs[0].name is NULL");
  bad = input();
  bad.data = nullptr;
  refuses({bad}, "data is NULL");
  bad = input();
  bad.shape = nullptr;
  refuses({bad}, "shape is NULL");
  shape = {int64_t(1) << 62, 1 << 20};
  refuses({input()}, "no size that there can be");
  shape = {-1, 40};
  refuses({input()}, "no size that there can be");
}

TEST_F(LibraryGraphTest, AGraphIsNoDecoderAndADecoderNoGraph) {
  const OwnedSession session = openPlan(plan);
  const int32_t token = 1;
  expectError(cadenza_generate(session.get(), &token, 1, nullptr, nullptr), CADENZA_INVALID_ARGUMENT, "is no decoder");
  expectError(cadenza_reset(session.get()), CADENZA_INVALID_ARGUMENT, "is no decoder");
  cadenza_cancel(session.get());
  const std::string tiny = folder.path("tiny.plan");
  writeTinyPlan(tiny, TinyModel(), characterTokenizer());
  cadenza_tensors *made = nullptr;
  expectError(cadenza_run_graph(openPlan(tiny).get(), nullptr, nullptr, 0, &made), CADENZA_INVALID_ARGUMENT, "");
}

} // namespace
} // namespace cadenza::test
