// narrow-weights with a reader: types by the numbers that weights hold.
#include "passes/Passes.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace cadenza;

namespace {

constexpr const char *source = R"(
nn.weight @table : tensor<4x2xf32> from "table"
nn.weight @norm : tensor<2xf32> from "norm"
nn.cache @cache heads 1 head_dim 2 : bf16
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %x = nn.embedding %token, @table : tensor<1x2xf32>
  %n = nn.rms_norm %x, @norm eps 1.0e-5 : tensor<1x2xf32>
  nn.kv_append %n, %n, %position, @cache : tensor<1x2xf32>
  %a = nn.attention %n, %position, @cache heads 1 scale 0.5 : tensor<1x2xf32>
  %l = nn.linear %a, @table : (tensor<1x2xf32>) -> tensor<1x4xf32>
  %t = nn.argmax %l : tensor<1x4xf32>
  return %t : tensor<1xi32>
}
)";

class NarrowWeights : public testing::Test {
protected:
  NarrowWeights() { context.loadDialect<func::FuncDialect, nn::NNDialect>(); }

  /// Runs the pass on weights of which all elements are that number.
  void run(float matrix, float vector) {
    module = parseSourceString<ModuleOp>(source, &context);
    ASSERT_TRUE(module);
    PassManager manager(&context);
    manager.addPass(createNarrowWeights([=](nn::WeightOp weight, int64_t rows) -> FailureOr<nn::Vector> {
      const auto type = cast<RankedTensorType>(weight.getType());
      EXPECT_LE(rows, type.getDimSize(0));
      return type.getRank() == 2 ? nn::Vector(rows * type.getDimSize(1), matrix) : nn::Vector(rows, vector);
    }));
    ASSERT_TRUE(succeeded(manager.run(*module)));
  }

  Type elementOf(StringRef symbol) {
    Operation *op = module->lookupSymbol(symbol);
    if (auto cache = dyn_cast<nn::CacheOp>(op))
      return cache.getType();
    return cast<ShapedType>(cast<nn::WeightOp>(op).getType()).getElementType();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

constexpr float ofBoth = 1.5f;                   // of bf16 and of f16
constexpr float ofF16 = 1.0f + 1.0f / 1024;      // needs 11 bits
constexpr float ofBF16 = 1.0e30f;                // beyond the largest of f16, and of neither type
constexpr float ofNeither = 1.0f + 1.0f / 65536; // needs 17 bits

TEST_F(NarrowWeights, NumbersOfBothTypesAreBF16) {
  run(ofBoth, ofBoth);
  EXPECT_TRUE(elementOf("table").isBF16());
  EXPECT_TRUE(elementOf("norm").isBF16());
  EXPECT_TRUE(elementOf("cache").isBF16());
}

TEST_F(NarrowWeights, NumbersOfF16AreF16) {
  run(ofF16, ofBoth);
  EXPECT_TRUE(elementOf("table").isF16());
  EXPECT_TRUE(elementOf("norm").isF16());
  EXPECT_TRUE(elementOf("cache").isF16());
}

TEST_F(NarrowWeights, MatricesOfOtherNumbersAreRoundedVectorsAreNot) {
  run(ofNeither, ofNeither);
  EXPECT_TRUE(elementOf("table").isBF16());
  EXPECT_TRUE(elementOf("norm").isF32());
}

TEST_F(NarrowWeights, NumbersBeyondF16AreNotF16) {
  run(ofBF16, ofF16);
  EXPECT_TRUE(elementOf("table").isBF16());
  EXPECT_TRUE(elementOf("norm").isF32());
}

} // namespace
