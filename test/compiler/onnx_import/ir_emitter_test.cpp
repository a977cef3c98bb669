// What the emitter of IR does on its own: extents as values, and errors in the place of ops that do not fit.
#include "compiler/import/onnx/ir/ir_emitter.h"
#include "compiler/ir/nn/Evaluate.h"
#include "compiler/ir/nn/TensorValues.h"

#include <gtest/gtest.h>

using namespace mlir;

namespace cadenza::onnx {
namespace {

class IrEmitterTest : public testing::Test {
protected:
  IrEmitterTest() : builder(&context) {
    context.loadDialect<func::FuncDialect, nn::NNDialect>();
    module = ModuleOp::create(UnknownLoc::get(&context));
    builder.setInsertionPointToEnd(module->getBody());
    const auto index = RankedTensorType::get({1}, builder.getI32Type());
    function = func::FuncOp::create(builder, UnknownLoc::get(&context), "f", builder.getFunctionType({index}, {}));
    OpBuilder before(&context);
    before.setInsertionPoint(function);
    builder.setInsertionPointToEnd(function.addEntryBlock());
    mlir::Value length = nn::PastLengthOp::create(builder, UnknownLoc::get(&context), function.getArgument(0));
    emitter.emplace(builder, before, table, symbols,
                    IrEmitter::Options{
                        .extent = [length](const std::string &name) { return name == "past" ? length : mlir::Value(); },
                        .isTable = [](const std::string &name) { return name == "table"; }});
  }

  /// The value of an operand after `past` tokens.
  std::vector<double> evaluate(Operand operand, int64_t past) {
    nn::EvaluationState state(*module, nullptr);
    const nn::TensorValue position = nn::tensorOf(ElementType::i32, {1}, std::span<const int64_t>(&past, 1));
    const std::pair<mlir::Value, nn::TensorValue> bindings[] = {{function.getArgument(0), position}};
    const auto value = nn::evaluateSlice(emitter->value(operand), state, bindings);
    EXPECT_TRUE(succeeded(value));
    return succeeded(value) ? nn::reals(*value) : std::vector<double>();
  }
  std::string typeOf(Operand operand) {
    std::string text;
    llvm::raw_string_ostream(text) << emitter->value(operand).getType();
    return text;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OpBuilder builder;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  Symbols symbols;
  IrEmitter::Table table{.weights = {}, .symbols = {}, .taken = {"decode"}};
  std::optional<IrEmitter> emitter;
  const Polynomial past = symbols.named("past");
};

TEST_F(IrEmitterTest, ElementsAreMadeOfExtents) {
  const Elements elements = {
      past, past * past * 2 + 1, 7, symbols.floorDivide(past, 2), symbols.minimum(past, 4), symbols.maximum(past, 4)};
  const Operand list = emitter->elements(ElementType::i64, {2, 3}, elements);
  EXPECT_EQ(typeOf(list), "tensor<2x3xi64>");
  EXPECT_EQ(evaluate(list, 5), (std::vector<double>{5, 51, 7, 2, 4, 5}));
  EXPECT_EQ(evaluate(list, 3), (std::vector<double>{3, 19, 7, 1, 3, 4}));
  const Operand scalar = emitter->elements(ElementType::i32, {}, {past - 1});
  EXPECT_EQ(typeOf(scalar), "tensor<i32>");
  EXPECT_EQ(evaluate(scalar, 5), (std::vector<double>{4}));
}

TEST_F(IrEmitterTest, OpenShapes) {
  const Operand one = emitter->constant(nn::scalar(1));
  const Operand row = emitter->expand(emitter->reshape(one, {1, 1}), {1, past + 1});
  EXPECT_EQ(typeOf(row), "tensor<1x?xi64>");
  EXPECT_EQ(evaluate(row, 3), (std::vector<double>{1, 1, 1, 1}));
  const Operand sums = emitter->cumsum(row, 1, false, false);
  const Operand last = emitter->slice(sums, {0, past}, {1, 1}, std::vector<int64_t>{1, 1});
  EXPECT_EQ(typeOf(last), "tensor<1x1xi64>");
  EXPECT_EQ(evaluate(last, 3), (std::vector<double>{4}));
  // An open extent of the operand is no new one.
  const Operand twice = emitter->expand(row, {2, past + 1});
  EXPECT_EQ(evaluate(twice, 1), (std::vector<double>{1, 1, 1, 1}));
  EXPECT_TRUE(emitter->status().isOk());
}

TEST_F(IrEmitterTest, ConstantsAreNumbersTablesOrWeights) {
  const auto floats = [](int64_t elements) {
    return std::make_shared<const Tensor>(
        makeTensor(ElementType::f32, {elements}, std::vector<std::byte>(static_cast<size_t>(elements) * 4)));
  };
  const auto opOf = [&](Operand operand) {
    return emitter->value(operand).getDefiningOp()->getName().getStringRef().str();
  };
  EXPECT_EQ(opOf(emitter->tensor("eps", floats(1))), "nn.constant");
  EXPECT_EQ(opOf(emitter->tensor("table", floats(8))), "nn.constant");
  EXPECT_EQ(opOf(emitter->tensor("norm", floats(8))), "nn.get_weight");
  EXPECT_EQ(opOf(emitter->tensor("decode", floats(8))), "nn.get_weight");
  EXPECT_EQ(table.weights.size(), 2U);
  std::vector<std::string> names;
  for (auto weight : module->getOps<nn::WeightOp>())
    names.push_back(weight.getSymName().str() + " from " + weight.getSource()->str());
  EXPECT_EQ(names, (std::vector<std::string>{"norm from norm", "decode_ from decode"}));
}

TEST_F(IrEmitterTest, WhatDoesNotFitIsAnError) {
  const Operand one = emitter->constant(nn::scalar(1));
  const Operand list = emitter->expand(one, {3});
  EXPECT_TRUE(emitter->status().isOk());
  emitter->binary(nn::BinaryFunction::Add, list, emitter->expand(one, {2}));
  EXPECT_FALSE(emitter->status().isOk());
  const std::string first(emitter->status().message());
  emitter->matmul(list, emitter->reshape(list, {7})); // no abort, and the first error stays
  EXPECT_EQ(emitter->status().message(), first);
}

TEST_F(IrEmitterTest, AnExtentThatNothingSaysIsAnError) {
  emitter->elements(ElementType::i64, {}, {symbols.named("batch")});
  EXPECT_EQ(emitter->status().message(), "the extent 'batch', which nothing says");
}

} // namespace
} // namespace cadenza::onnx
