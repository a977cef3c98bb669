// fusionKind: which kernel computes a fusion, by the ops of its body.
#include "compiler/ir/step/Step.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace cadenza;
using step::FusionKind;

namespace {

class FusionKindTest : public testing::Test {
protected:
  FusionKindTest() { context.loadDialect<func::FuncDialect, nn::NNDialect, step::StepDialect>(); }

  /// Of a fusion of %x, f32 2x3x8, %w, f32 8x4, and %b, f32 4, with `body`, whose last value is %y of `type`.
  FusionKind kindOf(const std::string &body, const std::string &type) {
    const std::string text = R"(func.func @f(%0: tensor<2x3x8xf32>, %1: tensor<8x4xf32>, %2: tensor<4xf32>) {
      %3 = step.fusion (%x = %0, %w = %1, %b = %2) : (tensor<2x3x8xf32>, tensor<8x4xf32>, tensor<4xf32>) -> )" +
                             type + " {\n" + body + "\nstep.yield %y : " + type + "\n}\nreturn\n}";
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    if (!module)
      return FusionKind::Single;
    step::FusionOp fusion;
    module->walk([&](step::FusionOp op) { fusion = op; });
    return step::fusionKind(fusion);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

const std::string product = "%p = nn.matmul %x, %w : (tensor<2x3x8xf32>, tensor<8x4xf32>) -> tensor<2x3x4xf32>\n";
const std::string softmax = "%s = nn.softmax %x axis -1 : (tensor<2x3x8xf32>) -> tensor<2x3x8xf32>\n";

TEST_F(FusionKindTest, ElementsAndTheirMovementAreAMap) {
  EXPECT_EQ(kindOf("%y = nn.unary exp %x : (tensor<2x3x8xf32>) -> tensor<2x3x8xf32>", "tensor<2x3x8xf32>"),
            FusionKind::Map);
  EXPECT_EQ(kindOf(R"(%t = nn.transpose %x [1, 0, 2] : (tensor<2x3x8xf32>) -> tensor<3x2x8xf32>
                      %c = nn.constant dense<1.0> : tensor<8xf32>
                      %a = nn.binary add %t, %c : (tensor<3x2x8xf32>, tensor<8xf32>) -> tensor<3x2x8xf32>
                      %y = nn.reshape %a : tensor<3x2x8xf32> -> tensor<48xf32>)",
                   "tensor<48xf32>"),
            FusionKind::Map);
}

TEST_F(FusionKindTest, ReductionsOfLastAxesAreRows) {
  EXPECT_EQ(kindOf(softmax + "%y = nn.unary neg %s : (tensor<2x3x8xf32>) -> tensor<2x3x8xf32>", "tensor<2x3x8xf32>"),
            FusionKind::Rows);
  EXPECT_EQ(kindOf("%y = nn.reduce sum %x axes [1, -1] : (tensor<2x3x8xf32>) -> tensor<2xf32>", "tensor<2xf32>"),
            FusionKind::Rows);
  // Of an axis of extent 1 it makes no difference whether it is reduced.
  EXPECT_EQ(kindOf(R"(%r = nn.reshape %x : tensor<2x3x8xf32> -> tensor<6x8x1xf32>
                      %y = nn.reduce sum %r axes [1] : (tensor<6x8x1xf32>) -> tensor<6x1xf32>)",
                   "tensor<6x1xf32>"),
            FusionKind::Rows);
  // What is moved before a reduction can come from anywhere.
  EXPECT_EQ(kindOf(R"(%t = nn.transpose %x [0, 2, 1] : (tensor<2x3x8xf32>) -> tensor<2x8x3xf32>
                      %y = nn.softmax %t axis 2 : (tensor<2x8x3xf32>) -> tensor<2x8x3xf32>)",
                   "tensor<2x8x3xf32>"),
            FusionKind::Rows);
}

TEST_F(FusionKindTest, ANumberOfEachRowBroadcastsToIt) {
  const std::string mean = "%m = nn.reduce mean %x axes [-1] keep_dims : (tensor<2x3x8xf32>) -> tensor<2x3x1xf32>\n";
  EXPECT_EQ(kindOf(mean + R"(%d = nn.binary sub %x, %m : (tensor<2x3x8xf32>, tensor<2x3x1xf32>) -> tensor<2x3x8xf32>
                             %q = nn.binary mul %d, %d : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
                             %y = nn.reduce mean %q axes [2] : (tensor<2x3x8xf32>) -> tensor<2x3xf32>)",
                   "tensor<2x3xf32>"),
            FusionKind::Rows);
  // Not one that stands for another axis.
  EXPECT_EQ(kindOf(R"(%r = nn.reshape %x : tensor<2x3x8xf32> -> tensor<8x6xf32>
                      %m = nn.reduce sum %r axes [1] : (tensor<8x6xf32>) -> tensor<8xf32>
                      %y = nn.binary add %x, %m : (tensor<2x3x8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32>)",
                   "tensor<2x3x8xf32>"),
            FusionKind::Single);
}

TEST_F(FusionKindTest, WhatFollowsReductionsOfSeveralAxesOrOfOneRowIsNone) {
  EXPECT_EQ(kindOf(R"(%m = nn.reduce mean %x axes [1, 2] keep_dims : (tensor<2x3x8xf32>) -> tensor<2x1x1xf32>
                      %y = nn.binary sub %x, %m : (tensor<2x3x8xf32>, tensor<2x1x1xf32>) -> tensor<2x3x8xf32>)",
                   "tensor<2x3x8xf32>"),
            FusionKind::Single);
  EXPECT_EQ(kindOf(R"(%r = nn.reshape %x : tensor<2x3x8xf32> -> tensor<1x48xf32>
                      %m = nn.reduce mean %r axes [1] keep_dims : (tensor<1x48xf32>) -> tensor<1x1xf32>
                      %y = nn.binary sub %r, %m : (tensor<1x48xf32>, tensor<1x1xf32>) -> tensor<1x48xf32>)",
                   "tensor<1x48xf32>"),
            FusionKind::Single);
  EXPECT_EQ(kindOf(R"(%i = nn.constant dense<0> : tensor<2x1x8xi64>
                      %g = nn.gather_elements %x, %i axis 1 : (tensor<2x3x8xf32>, tensor<2x1x8xi64>) -> tensor<2x1x8xf32>
                      %y = nn.reduce sum %g axes [2] : (tensor<2x1x8xf32>) -> tensor<2x1xf32>)",
                   "tensor<2x1xf32>"),
            FusionKind::Single);
}

TEST_F(FusionKindTest, AConstantLiesInNoMemoryThatAProductReads) {
  EXPECT_EQ(kindOf(R"(%c = nn.constant dense<1.0> : tensor<8x2xf32>
                      %y = nn.matmul %x, %c : (tensor<2x3x8xf32>, tensor<8x2xf32>) -> tensor<2x3x2xf32>)",
                   "tensor<2x3x2xf32>"),
            FusionKind::Single);
}

TEST_F(FusionKindTest, ARowThatMovesIsNone) {
  EXPECT_EQ(kindOf(softmax + "%y = nn.transpose %s [0, 2, 1] : (tensor<2x3x8xf32>) -> tensor<2x8x3xf32>",
                   "tensor<2x8x3xf32>"),
            FusionKind::Single);
  EXPECT_EQ(kindOf("%y = nn.softmax %x axis 1 : (tensor<2x3x8xf32>) -> tensor<2x3x8xf32>", "tensor<2x3x8xf32>"),
            FusionKind::Single);
  EXPECT_EQ(
      kindOf(softmax + "%y = nn.reduce sum %s axes [1, 2] : (tensor<2x3x8xf32>) -> tensor<2xf32>", "tensor<2xf32>"),
      FusionKind::Single)
      << "rows of 8 and of 24 elements";
}

TEST_F(FusionKindTest, OneMatmulWithWhatKeepsItsElementsInPlaceIsAProduct) {
  EXPECT_EQ(
      kindOf("%y = nn.matmul %x, %w : (tensor<2x3x8xf32>, tensor<8x4xf32>) -> tensor<2x3x4xf32>", "tensor<2x3x4xf32>"),
      FusionKind::Product);
  EXPECT_EQ(kindOf(R"(%t = nn.transpose %w [1, 0] : (tensor<8x4xf32>) -> tensor<4x8xf32>
                      %r = nn.reshape %x : tensor<2x3x8xf32> -> tensor<8x6xf32>
                      %p = nn.matmul %t, %r : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
                      %g = nn.unary gelu %p : (tensor<4x6xf32>) -> tensor<4x6xf32>
                      %y = nn.reshape %g : tensor<4x6xf32> -> tensor<24xf32>)",
                   "tensor<24xf32>"),
            FusionKind::Product);
  EXPECT_EQ(kindOf(product + "%y = nn.transpose %p [0, 2, 1] : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32>",
                   "tensor<2x4x3xf32>"),
            FusionKind::Product)
      << "other strides of the result";
  EXPECT_EQ(kindOf(product + "%y = nn.binary add %p, %b : (tensor<2x3x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>",
                   "tensor<2x3x4xf32>"),
            FusionKind::Product);
}

TEST_F(FusionKindTest, AMatmulOfWhatIsComputedOrWhoseRowsAreReducedIsNoProduct) {
  EXPECT_EQ(kindOf(R"(%e = nn.unary exp %x : (tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
                      %y = nn.matmul %e, %w : (tensor<2x3x8xf32>, tensor<8x4xf32>) -> tensor<2x3x4xf32>)",
                   "tensor<2x3x4xf32>"),
            FusionKind::Single);
  EXPECT_EQ(
      kindOf(product + "%y = nn.softmax %p axis -1 : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>", "tensor<2x3x4xf32>"),
      FusionKind::Single);
  // A transposed operand has gaps where a reshape needs none.
  EXPECT_EQ(kindOf(R"(%t = nn.transpose %x [0, 2, 1] : (tensor<2x3x8xf32>) -> tensor<2x8x3xf32>
                      %r = nn.reshape %t : tensor<2x8x3xf32> -> tensor<6x8xf32>
                      %y = nn.matmul %r, %w : (tensor<6x8xf32>, tensor<8x4xf32>) -> tensor<6x4xf32>)",
                   "tensor<6x4xf32>"),
            FusionKind::Single);
}

TEST_F(FusionKindTest, AnyOtherOpIsSingle) {
  EXPECT_EQ(kindOf("%y = nn.cumsum %x axis 2 : (tensor<2x3x8xf32>) -> tensor<2x3x8xf32>", "tensor<2x3x8xf32>"),
            FusionKind::Single);
}

} // namespace
