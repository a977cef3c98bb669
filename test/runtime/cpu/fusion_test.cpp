// Fusions on the CPU: values of every type and rank, weights in place, and what their ops are not defined for.
#include "runtime/cpu/cpu_executor.h"
#include "test/runtime/plan/fusion_program.h"

#include <gtest/gtest.h>

namespace cadenza::test {
namespace {

using testing::FusionProgram;

std::unique_ptr<TensorExecutor> executorOf(const FusionProgram &made) {
  auto executor = makeCpuTensorExecutor(made.program, made.weights, 2);
  EXPECT_TRUE(executor.isOk()) << executor.status().message();
  return executor.isOk() ? std::move(*executor) : nullptr;
}

Tensor numbers(ElementType type, nn::Shape shape, std::vector<int64_t> values) {
  return nn::tensorOf(type, std::move(shape), std::span<const int64_t>(values));
}

/// ids -> a table's rows, in f16; mask -> where it is false, -1; and the number of true ones, a scalar.
FusionProgram rowsOfATable() {
  FusionProgram made;
  const uint32_t table =
      made.weight("table", nn::tensorOf(ElementType::f16, {4, 2}, std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}));
  const uint32_t ids = made.input("ids", {ElementType::i64, {1, 3}});
  const uint32_t mask = made.input("mask", {ElementType::boolean, {1, 3, 1}});
  made.fusion("gather");
  const uint32_t rows =
      made.op("gather", {{"axis", 0}}, {made.getWeight(table), made.read(ids)}, {{ElementType::f16, {1, 3, 2}}});
  made.store("rows", rows);
  made.fusion("masked");
  const uint32_t minus = made.constant(nn::tensorOf(ElementType::f16, {}, std::vector<double>{-1}));
  const uint32_t flags = made.read(mask);
  made.store("masked",
             made.op("where", {}, {flags, made.read(made.edgeOf("rows")), minus}, {{ElementType::f16, {1, 3, 2}}}));
  const uint32_t counts = made.op("cast", {}, {flags}, {{ElementType::i64, {1, 3, 1}}});
  made.store("count",
             made.op("reduce", {{"function", "sum"}, {"axes", {0, 1, 2}}}, {counts}, {{ElementType::i64, {}}}));
  made.outputs({"rows", "masked", "count"});
  return made;
}

TEST(Fusion, TypesAndRanks) {
  const FusionProgram made = rowsOfATable();
  auto executor = executorOf(made);
  ASSERT_TRUE(executor);
  const Tensor mask = numbers(ElementType::boolean, {1, 3, 1}, {1, 0, 1});
  const auto outputs = executor->run("", {{"ids", numbers(ElementType::i64, {1, 3}, {3, 0, -2})}, {"mask", mask}});
  ASSERT_TRUE(outputs.isOk()) << outputs.status().message();
  EXPECT_EQ(nn::text(outputs->at("masked")), "f16 [1, 3, 2]");
  EXPECT_EQ(nn::reals(outputs->at("rows")), (std::vector<double>{6, 7, 0, 1, 4, 5}));
  EXPECT_EQ(nn::reals(outputs->at("masked")), (std::vector<double>{6, 7, -1, -1, 4, 5}));
  EXPECT_EQ(nn::text(outputs->at("count")), "i64 []");
  EXPECT_EQ(nn::integers(outputs->at("count")), std::vector<int64_t>{2});
  // Narrower integers, and booleans of any byte, are taken.
  Tensor loose = mask;
  loose.bytes[0] = std::byte{2};
  const auto again = executor->run("", {{"ids", numbers(ElementType::i32, {1, 3}, {3, 0, -2})}, {"mask", loose}});
  ASSERT_TRUE(again.isOk()) << again.status().message();
  EXPECT_EQ(again->at("masked").bytes, outputs->at("masked").bytes);
  EXPECT_EQ(again->at("count").bytes, outputs->at("count").bytes);
}

TEST(Fusion, WhatIsNotDefinedIsAnErrorThatNamesTheOp) {
  const FusionProgram made = rowsOfATable();
  auto executor = executorOf(made);
  ASSERT_TRUE(executor);
  const Tensor mask = numbers(ElementType::boolean, {1, 3, 1}, {1, 0, 1});
  const auto run = [&](const Tensor &ids) { return executor->run("", {{"ids", ids}, {"mask", mask}}).status(); };
  const Status outside = run(numbers(ElementType::i64, {1, 3}, {0, 4, 0}));
  EXPECT_EQ(outside.code(), StatusCode::InvalidInput);
  EXPECT_EQ(outside.message(), "phase 'gather', gather: index 4 is outside of an extent of 4");
  const std::string takes = "; entry 'run' takes \"ids\" i64 [1, 3], \"mask\" bool [1, 3, 1]";
  EXPECT_EQ(run(numbers(ElementType::u64, {1, 3}, {0, 0, 0})).message(), "input \"ids\" is u64" + takes);
  EXPECT_EQ(run(nn::zeros({ElementType::f32, {1, 3}})).message(), "input \"ids\" is f32" + takes);
  EXPECT_TRUE(run(numbers(ElementType::i64, {1, 3}, {0, 3, 0})).isOk()); // an error leaves nothing behind
}

TEST(Fusion, ARangeOfAnotherLengthIsAnError) {
  FusionProgram made;
  const uint32_t limit = made.input("limit", {ElementType::i64, {}});
  made.fusion("range");
  const uint32_t zero = made.constant(nn::scalar(0)), one = made.constant(nn::scalar(1));
  made.store("y", made.op("range", {}, {zero, made.read(limit), one}, {{ElementType::i64, {3}}}));
  made.outputs({"y"});
  auto executor = executorOf(made);
  ASSERT_TRUE(executor);
  const auto three = executor->run("", {{"limit", nn::scalar(3)}});
  ASSERT_TRUE(three.isOk()) << three.status().message();
  EXPECT_EQ(nn::integers(three->at("y")), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(executor->run("", {{"limit", nn::scalar(4)}}).status().message(),
            "phase 'range', range: computes i64 [4]; the plan says i64 [3]");
}

TEST(Fusion, EveryOpRoundsToItsType) {
  FusionProgram made;
  const uint32_t x = made.input("x", {ElementType::f16, {2}});
  made.fusion("sums");
  const uint32_t value = made.read(x);
  const uint32_t big = made.constant(nn::tensorOf(ElementType::f16, {}, std::vector<double>{2048}));
  const uint32_t sum = made.op("binary", {{"function", "add"}}, {value, big}, {{ElementType::f16, {2}}});
  made.store("y", made.op("binary", {{"function", "sub"}}, {sum, big}, {{ElementType::f16, {2}}}));
  made.outputs({"y"});
  auto executor = executorOf(made);
  ASSERT_TRUE(executor);
  const auto outputs = executor->run("", {{"x", floatTensor({2}, std::vector<float>{1, 3.0009765625f})}});
  ASSERT_TRUE(outputs.isOk()) << outputs.status().message();
  EXPECT_EQ(nn::reals(outputs->at("y")), (std::vector<double>{0, 4})); // 2049 and 2051 halve to even
}

} // namespace
} // namespace cadenza::test
