// Small step programs, as text, for the tests of code generation.
#pragma once

#include "codegen/emitter.h"
#include "compiler/ir/sched/Sched.h"
#include "passes/Passes.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace cadenza::test {

/// A layer of the Qwen3 kind after all fusions, with the embedding before and the head after it.
inline constexpr llvm::StringLiteral fusedProgram = R"(
nn.weight @embedding : tensor<501x192xbf16> from "w"
nn.weight @norm : tensor<192xf32> from "w"
nn.weight @q_norm : tensor<64xf32> from "w"
nn.weight @rope : tensor<32xf32> from "w"
nn.weight @q : tensor<256x192xbf16> from "w"
nn.weight @k : tensor<128x192xbf16> from "w"
nn.weight @o : tensor<192x256xbf16> from "w"
nn.weight @gate : tensor<384x192xbf16> from "w"
nn.weight @down : tensor<192x384xbf16> from "w"
nn.cache @cache heads 2 head_dim 64 : bf16
func.func @step(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %x = step.embed %token, @embedding : tensor<1x192xf32>
  %q = step.project %x at %position matrices [@q, @k, @k]
         prologue #step.rms_norm<segment = 0, weight = @norm, eps = 1.0e-6 : f32, group_size = 192, defer_scale = true>
         epilogues [#step.rms_norm<segment = 0, weight = @q_norm, eps = 1.0e-6 : f32, group_size = 64>,
                    #step.rms_norm<segment = 1, weight = @q_norm, eps = 1.0e-6 : f32, group_size = 64>,
                    #step.rope<segment = 0, table = @rope, head_dim = 64, rotary_dim = 64>,
                    #step.rope<segment = 1, table = @rope, head_dim = 64, rotary_dim = 64>,
                    #step.kv_append<key = 1, value = 2, cache = @cache, kv_heads = 2, head_dim = 64>]
         {k_ways = 2 : i64, passes = ["merge-projections", "fuse-norm-project"]}
         : (tensor<1x192xf32>, tensor<1xi32>) -> tensor<1x256xf32>
  %a = step.attend %q at %position, @cache heads 4 scale 0.125 {splits = 4 : i64} : tensor<1x256xf32> -> tensor<1x256xbf16>
  %y = step.project %a with (%x) matrices [@o] epilogues [#step.add<segment = 0>] {k_ways = 8 : i64}
         : (tensor<1x256xbf16>, tensor<1x192xf32>) -> tensor<1x192xf32>
  %m = step.project %y matrices [@gate, @gate]
         prologue #step.rms_norm<segment = 0, weight = @norm, eps = 1.0e-6 : f32, group_size = 192>
         epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved, k_ways = 1 : i64}
         : (tensor<1x192xf32>) -> tensor<1x384xbf16>
  %z = step.project %m with (%y) matrices [@down] epilogues [#step.add<segment = 0>] {k_ways = 4 : i64}
         : (tensor<1x384xbf16>, tensor<1x192xf32>) -> tensor<1x192xf32>
  %next = step.project %z at %position matrices [@embedding]
         prologue #step.rms_norm<segment = 0, weight = @norm, eps = 1.0e-6 : f32, group_size = 192, defer_scale = true>
         epilogues [#step.argmax<segment = 0>] {k_ways = 1 : i64}
         : (tensor<1x192xf32>, tensor<1xi32>) -> tensor<1xi32>
  return %next : tensor<1xi32>
})";

/// Every function as a phase of its own.
inline constexpr llvm::StringLiteral unfusedProgram = R"(
nn.weight @norm : tensor<192xf32> from "w"
nn.weight @q_norm : tensor<64xf32> from "w"
nn.weight @rope : tensor<16xf32> from "w"
nn.weight @head : tensor<501x192xf16> from "w"
nn.weight @bias : tensor<501xf32> from "w"
nn.cache @cache heads 3 head_dim 64 : f16
func.func @step(%x: tensor<1x192xf32>, %y: tensor<1x192xbf16>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %a = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 1.0e-5 : f32, group_size = 192>]
         : (tensor<1x192xf32>) -> tensor<1x192xf32>
  %b = step.map %y epilogues [#step.rms_norm<segment = 0, weight = @q_norm, eps = 1.0e-5 : f32, group_size = 64>]
         : (tensor<1x192xbf16>) -> tensor<1x192xf32>
  %c = step.map %b at %position epilogues [#step.rope<segment = 0, table = @rope, head_dim = 64, rotary_dim = 32>]
         : (tensor<1x192xf32>, tensor<1xi32>) -> tensor<1x192xf32>
  step.map %c, %b at %position epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 3, head_dim = 64>]
         : (tensor<1x192xf32>, tensor<1x192xf32>, tensor<1xi32>) -> ()
  %d = step.attend %c at %position, @cache heads 3 scale 0.125 : tensor<1x192xf32> -> tensor<1x192xf32>
  %e = step.map %d epilogues [#step.gelu_tanh<segment = 0>] : (tensor<1x192xf32>) -> tensor<1x192xf32>
  %f = step.map %e, %a epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x192xf32>, tensor<1x192xf32>) -> tensor<1x192xf32>
  %g = step.map %f with (%x) epilogues [#step.add<segment = 0>] : (tensor<1x192xf32>, tensor<1x192xf32>) -> tensor<1x192xf32>
  %h = step.map %g with (%f) epilogues [#step.add<segment = 0>] : (tensor<1x192xf32>, tensor<1x192xf32>) -> tensor<1x192xf32>
  %logits = step.project %h matrices [@head] epilogues [#step.bias<segment = 0, weight = @bias>] {k_groups = array<i64: 0, 1>, k_ways = 2 : i64}
         : (tensor<1x192xf32>) -> tensor<1x501xf32>
  %next = step.select %logits : tensor<1x501xf32>
  return %next : tensor<1xi32>
})";

/// What the two above have not: rotated neighbours, a cap of scores, other functions of single elements.
inline constexpr llvm::StringLiteral otherFunctions = R"(
nn.weight @rope : tensor<16xf32> from "w"
nn.weight @q : tensor<256x192xbf16> from "w"
nn.weight @k : tensor<128x192xbf16> from "w"
nn.weight @up : tensor<384x256xbf16> from "w"
nn.weight @bias : tensor<384xf32> from "w"
nn.cache @cache heads 2 head_dim 64 : bf16
func.func @step(%x: tensor<1x192xf32>, %position: tensor<1xi32>) -> tensor<1x384xf32> {
  %q = step.project %x at %position matrices [@q, @k, @k]
         epilogues [#step.rope<segment = 0, table = @rope, head_dim = 64, rotary_dim = 32, interleaved = true>,
                    #step.rope<segment = 1, table = @rope, head_dim = 64, rotary_dim = 32, interleaved = true>,
                    #step.kv_append<key = 1, value = 2, cache = @cache, kv_heads = 2, head_dim = 64>]
         : (tensor<1x192xf32>, tensor<1xi32>) -> tensor<1x256xf32>
  %a = step.attend %q at %position, @cache heads 4 scale 0.125 cap 50.0 {splits = 4 : i64} : tensor<1x256xf32> -> tensor<1x256xbf16>
  %u = step.project %a matrices [@up]
         epilogues [#step.bias<segment = 0, weight = @bias>, #step.scale<segment = 0, factor = 0.22>, #step.gelu<segment = 0>]
         : (tensor<1x256xbf16>) -> tensor<1x384xf32>
  %y = step.map %u epilogues [#step.gelu_tanh<segment = 0>, #step.softcap<segment = 0, cap = 30.0>]
         : (tensor<1x384xf32>) -> tensor<1x384xf32>
  return %y : tensor<1x384xf32>
})";

/// A parsed program and its kernels.
struct Generated {
  std::vector<PhaseLaunch> launches; // in program order
  GeneratedSource source;
  std::string errors;
};

/// Lowered to launches and generated. `name`: that all phases are given; "" numbers them.
inline Generated generate(llvm::StringRef program, llvm::StringRef name = "") {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect, nn::NNDialect, step::StepDialect>();
  Generated generated;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    generated.errors += diagnostic.str() + "\n";
    return mlir::success();
  });
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(program, &context);
  if (!module)
    return generated;
  mlir::SmallVector<step::PhaseOpInterface> phases;
  module->walk<mlir::WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
    const std::string given = name.empty() ? "phase." + std::to_string(phases.size()) : name.str();
    phase->setAttr(sched::phaseAttribute, mlir::StringAttr::get(&context, given));
    phases.push_back(phase);
  });
  mlir::PassManager manager(&context);
  manager.addPass(createLowerToLaunch());
  if (mlir::failed(manager.run(*module)))
    return generated;
  mlir::SmallVector<sched::LaunchOp> launches;
  module->walk([&](sched::LaunchOp launch) { launches.push_back(launch); });
  Emitter emitter;
  for (auto [phase, launch] : llvm::zip_equal(phases, launches))
    if (llvm::FailureOr<PhaseLaunch> emitted = emitter.add(phase, launch); mlir::succeeded(emitted))
      generated.launches.push_back(*emitted);
  for (PhaseLaunch &launch : generated.launches)
    for (PhaseArgument &argument : launch.arguments) { // do not outlive the module
      argument.edge = {};
      argument.symbol = {};
    }
  generated.source = emitter.source();
  return generated;
}

} // namespace cadenza::test
