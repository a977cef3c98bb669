#include "compiler/schedule/phase_names.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

std::vector<std::string> namesOf(llvm::StringRef program) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect, nn::NNDialect, step::StepDialect>();
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(program, &context);
  std::vector<std::string> names;
  if (!module)
    return names;
  auto function = *module->getOps<mlir::func::FuncOp>().begin();
  llvm::DenseMap<mlir::Operation *, std::string> phases = namePhases(function);
  function.walk([&](step::PhaseOpInterface phase) { names.push_back(phases.lookup(phase)); });
  return names;
}

TEST(PhaseNames, ComeFromRolesAndFunctions) {
  EXPECT_EQ(
      namesOf(R"(
    nn.weight @embedding.weight : tensor<144x64xbf16> from "model.embed_tokens.weight"
    nn.weight @layers.0.mlp.gate.weight : tensor<32x64xbf16> from "g"
    nn.weight @layers.0.mlp.up.weight : tensor<32x64xbf16> from "u"
    nn.weight @layers.1.mlp.gate.weight : tensor<32x64xbf16> from "g1"
    nn.weight @norm : tensor<64xf32> from "n"
    func.func @step(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
      %x = step.embed %token, @embedding.weight : tensor<1x64xf32>
      %y = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 1.0e-5 : f32, group_size = 64>,
                                  #step.gelu_tanh<segment = 0>] : (tensor<1x64xf32>) -> tensor<1x64xf32>
      %g:2 = step.project %y matrices [@layers.0.mlp.gate.weight, @layers.0.mlp.up.weight] {k_ways = 1 : i64}
          : (tensor<1x64xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
      %h = step.project %y matrices [@layers.1.mlp.gate.weight] {k_ways = 1 : i64} : (tensor<1x64xf32>) -> tensor<1x32xf32>
      %i = step.project %x matrices [@layers.1.mlp.gate.weight] {k_ways = 1 : i64} : (tensor<1x64xf32>) -> tensor<1x32xf32>
      %logits = step.project %y matrices [@embedding.weight] {k_ways = 1 : i64} : (tensor<1x64xf32>) -> tensor<1x144xf32>
      %next = step.select %logits : tensor<1x144xf32>
      return %next : tensor<1xi32>
    })"),
      (std::vector<std::string>{"embed", "rms_norm_gelu_tanh", "gate_up", "gate", "gate_2", "embedding", "select"}));
}

TEST(PhaseNames, AHeadThatSharesTheEmbeddingIsCalledHead) {
  EXPECT_EQ(namesOf(R"(
    nn.weight @embedding.weight : tensor<144x64xbf16> from "model.embed_tokens.weight"
    func.func @step(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
      %x = step.embed %token, @embedding.weight : tensor<1x64xf32>
      %next = step.project %x at %position matrices [@embedding.weight] epilogues [#step.argmax<segment = 0>]
          {k_ways = 1 : i64} : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1xi32>
      return %next : tensor<1xi32>
    })"),
            (std::vector<std::string>{"embed", "head"}));
}

TEST(PhaseNames, NothingOfAForeignNameButLettersAndDigits) {
  EXPECT_EQ(namesOf(R"(
    nn.weight @"*/ #include \22/etc/passwd\22" : tensor<32x64xbf16> from "w"
    func.func @step(%x: tensor<1x64xf32>) -> tensor<1x32xf32> {
      %y = step.project %x matrices [@"*/ #include \22/etc/passwd\22"] {k_ways = 1 : i64}
          : (tensor<1x64xf32>) -> tensor<1x32xf32>
      return %y : tensor<1x32xf32>
    })"),
            (std::vector<std::string>{"____include___etc_passwd_"}));
}

} // namespace
} // namespace cadenza
