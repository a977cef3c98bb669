// Entries of named tensors on the CPU: several tokens, 16-bit ports, and what is refused before anything runs.
#include "runtime/cpu/cpu_executor.h"
#include "test/runtime/cpu/tensor_graph.h"

#include <gtest/gtest.h>

namespace cadenza::test {
namespace {

struct Graph : TensorGraph {
  using TensorGraph::TensorGraph;

  std::unique_ptr<TensorExecutor> executor() {
    auto made = makeCpuTensorExecutor(test.program, test.weights, 2);
    EXPECT_TRUE(made.isOk()) << made.status().message();
    return made.isOk() ? std::move(*made) : nullptr;
  }
};

TEST(TensorExecutor, EveryTokenIsComputed) {
  for (DType dtype : {DType::f32, DType::bf16}) {
    Graph graph(dtype);
    auto executor = graph.executor();
    ASSERT_TRUE(executor);
    const std::vector<float> x = graph.test.randomValues(120);
    auto outputs = executor->run("", {{"x", floatTensor({3, 1, 40}, x)}});
    ASSERT_TRUE(outputs.isOk()) << outputs.status().message();
    ASSERT_EQ(outputs->size(), 2u);
    EXPECT_EQ(nn::text(outputs->at("y")), "f32 [3, 24]");
    EXPECT_EQ(nn::text(outputs->at("z")), std::string(dtypeName(dtype)) + " [3, 40]");
    const std::vector<float> y = floatsOf(outputs->at("y")), z = floatsOf(outputs->at("z"));
    for (size_t token = 0; token < 3; ++token) {
      std::vector<float> row;
      for (size_t i = 0; i < 40; ++i) {
        const float given = stored(dtype, x[token * 40 + i]);
        EXPECT_EQ(z[token * 40 + i], stored(dtype, given + given));
        row.push_back(stored(DType::bf16, given));
      }
      const std::vector<double> product = graph.matrix.times(row);
      for (size_t n = 0; n < 24; ++n)
        EXPECT_NEAR(y[token * 24 + n], product[n] / (1 + std::exp(-product[n])), 1e-4);
    }
    // The same again: a run leaves nothing behind.
    auto again = executor->run("run", {{"x", floatTensor({3, 1, 40}, x)}});
    ASSERT_TRUE(again.isOk());
    EXPECT_EQ(again->at("y").bytes, outputs->at("y").bytes);
  }
}

TEST(TensorExecutor, RefusesWhatDoesNotFit) {
  Graph graph;
  auto executor = graph.executor();
  ASSERT_TRUE(executor);
  const Tensor x = floatTensor({3, 1, 40}, std::vector<float>(120));
  const auto error = [&](const Tensors &inputs, std::string_view entry = "") {
    const Status status = executor->run(entry, inputs).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
    return status.message();
  };
  const std::string takes = "; entry 'run' takes \"x\" f32 [3, 1, 40]";
  EXPECT_EQ(error({}), "input \"x\" is missing" + takes);
  EXPECT_EQ(error({{"x", x}, {"w", x}}), "there is no input \"w\"" + takes);
  Tensor flat = x, empty = x;
  flat.shape = {120};
  empty.bytes.clear();
  EXPECT_EQ(error({{"x", flat}}), "input \"x\" has shape [120]" + takes);
  EXPECT_EQ(error({{"x", empty}}), "input \"x\" has 0 bytes, another number than f32 [3, 1, 40] takes");
  EXPECT_EQ(error({{"x", nn::zeros({ElementType::i64, {3, 1, 40}})}}), "input \"x\" is i64" + takes);
  EXPECT_EQ(error({{"x", x}}, "walk"), "test: no entry 'walk'; it has: run");
}

TEST(TensorExecutor, AnEntryOfSeveralIsNamedOrFollowsFromShapes) {
  Graph graph;
  graph.test.program.entries.push_back(graph.test.program.entries[0]);
  graph.test.program.entries[1].name = "again";
  auto executor = graph.executor();
  ASSERT_TRUE(executor);
  const Tensors inputs = {{"x", floatTensor({3, 1, 40}, graph.test.randomValues(120))}};
  auto chosen = executor->run("", inputs);
  ASSERT_TRUE(chosen.isOk());
  auto one = executor->run("run", inputs), other = executor->run("again", inputs);
  ASSERT_TRUE(one.isOk() && other.isOk());
  EXPECT_EQ(one->at("y").bytes, other->at("y").bytes);
  EXPECT_EQ(one->at("y").bytes, chosen->at("y").bytes);
  const Tensors shorter = {{"x", floatTensor({2, 1, 40}, graph.test.randomValues(80))}};
  EXPECT_NE(executor->run("", shorter).status().message().find("no entry takes \"x\" [2, 1, 40]"), std::string::npos);
}

TEST(TensorExecutor, DecodersAndGraphsAreToldApart) {
  Graph graph;
  EXPECT_EQ(makeCpuExecutor(graph.test.program, graph.test.weights, {}).status().code(), StatusCode::InvalidArgument);
  TestProgram decoder(7);
  Ref rows = decoder.matrix("rows", DType::bf16, {decoder.randomMatrix(DType::bf16, 7, 8, 1)});
  const uint32_t x = decoder.edge("x", DType::f32, 8);
  decoder.block("start");
  decoder.embed(rows, x);
  decoder.head(x, rows);
  EXPECT_TRUE(makeCpuExecutor(decoder.program, decoder.weights, {}).isOk());
  EXPECT_EQ(makeCpuTensorExecutor(decoder.program, decoder.weights).status().message(),
            "test: is a decoder, it has no entry of named tensors; give it a prompt");
}

} // namespace
} // namespace cadenza::test
