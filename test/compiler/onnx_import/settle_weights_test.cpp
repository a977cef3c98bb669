// The types of weights after raising.
#include "compiler/import/onnx/ir/settle_weights.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace mlir;

namespace cadenza::onnx {
namespace {

class SettleWeightsTest : public testing::Test {
protected:
  SettleWeightsTest() { context.loadDialect<func::FuncDialect, nn::NNDialect>(); }

  void add(const std::string &name, std::vector<int64_t> shape, const std::vector<float> &values) {
    std::vector<std::byte> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    tensors[name] = std::make_shared<const Tensor>(makeTensor(ElementType::f32, std::move(shape), std::move(bytes)));
  }
  void addHalf(const std::string &name, std::vector<int64_t> shape, ElementType type = ElementType::f16) {
    size_t count = 2;
    for (int64_t extent : shape)
      count *= static_cast<size_t>(extent);
    tensors[name] = std::make_shared<const Tensor>(makeTensor(type, std::move(shape), std::vector<std::byte>(count)));
  }

  /// "a bf16, n f32; cache bf16; model bf16"
  std::string settle() {
    std::string text = "nn.cache @c heads 1 head_dim 2 : bf16\n";
    for (const auto &[name, tensor] : tensors) {
      text += "nn.weight @" + name + " : tensor<";
      for (int64_t extent : tensor->shape)
        text += std::to_string(extent) + "x";
      text += std::string(elementTypeName(tensor->type)) + "> from \"" + name + "\"\n";
    }
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    Decoder decoder;
    settleWeights(*module, tensors, decoder, findings);
    std::string types;
    const auto put = [&](StringRef name, Type type) {
      types += types.empty() ? "" : ", ";
      llvm::raw_string_ostream(types) << name << " " << type;
    };
    for (auto weight : module->getOps<nn::WeightOp>())
      put(weight.getSymName(), cast<ShapedType>(weight.getType()).getElementType());
    for (auto cache : module->getOps<nn::CacheOp>())
      put("cache", cache.getType());
    return types + ", model " + std::string(dtypeName(decoder.weightDtype));
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  IrEmitter::Weights tensors;
  Findings findings;
};

TEST_F(SettleWeightsTest, WhatWasWidenedIsNarrow) {
  add("a", {1, 2}, {1.5F, -0.0078125F}); // both types hold them
  add("n", {2}, {0.5F, 1.0F});
  EXPECT_EQ(settle(), "a bf16, n bf16, cache bf16, model bf16");
  add("b", {1, 2}, {1.0009765625F, 2.0F}); // 1 + 2^-10, of f16
  EXPECT_EQ(settle(), "a f16, b f16, n f16, cache f16, model f16");
  EXPECT_TRUE(findings.all().empty());
}

TEST_F(SettleWeightsTest, WhatNeitherTypeHoldsIsRounded) {
  add("a", {1, 2}, {1.0009765625F, 1e30F}); // of f16, of bf16
  add("n", {2}, {1.0009765625F, 1.0F});
  EXPECT_EQ(settle(), "a bf16, n f32, cache bf16, model bf16");
  ASSERT_EQ(findings.all().size(), 1U);
  EXPECT_EQ(findings.all()[0].message, "model: 1 tensors are rounded to bf16, 'a' among them");
}

TEST_F(SettleWeightsTest, StoredTypesStay) {
  addHalf("a", {4, 2});
  addHalf("b", {1, 2}, ElementType::bf16);
  addHalf("n", {2});
  add("m", {2}, {1e30F, 1.0F});
  EXPECT_EQ(settle(), "a f16, b bf16, m f32, n f16, cache f16, model f16");
}

} // namespace
} // namespace cadenza::onnx
