// Shapes that the tests of the persistent schedule share, and decoders of these shapes as step programs.
#pragma once

#include "compiler/ir/sched/Sched.h"
#include "passes/Passes.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

#include <gtest/gtest.h>

namespace cadenza {

struct Model {
  int64_t layers = 0;
  LayerShape shape;
  int64_t vocabulary = 0;
  bool sumsFirst = false; // norms apply their factor before rounding: sums of squares hop before the rows do
  bool headNorms = false; // of all query heads together, and of all key heads, in maps behind their product
};

inline const Model qwen3Small = {.layers = 28,
                                 .shape = {.hidden = 1024, .heads = 16, .kvHeads = 8, .headDim = 128, .units = 3072},
                                 .vocabulary = 151936};
inline const Model llama1B = {.layers = 16,
                              .shape = {.hidden = 2048, .heads = 32, .kvHeads = 8, .headDim = 64, .units = 8192},
                              .vocabulary = 128256};
inline const PersistentDevice h100 = {.groups = 15, .ranks = 8, .warps = 8, .sharedBytes = 232448};

/// Fewer layers and blocks: what a verifier can walk through in no time.
inline const Model tiny = {
    .layers = 3, .shape = {.hidden = 64, .heads = 4, .kvHeads = 2, .headDim = 16, .units = 136}, .vocabulary = 131};
inline const Model tinyUngated = {
    .layers = 3,
    .shape = {.hidden = 64, .heads = 4, .kvHeads = 2, .headDim = 16, .units = 144, .unitRows = 1},
    .vocabulary = 131};
inline const PersistentDevice tinyDevice = {.groups = 3, .ranks = 2, .warps = 4, .sharedBytes = 232448};

/// The product of query, key and value, as `%q`, with what follows it before attention.
inline std::string queryKeyValue(const Model &model, const std::string &norm) {
  const LayerShape &s = model.shape;
  const std::string append = llvm::formatv("cache = @cache, kv_heads = {0}, head_dim = {1}>]", s.kvHeads, s.headDim);
  const int64_t queries = s.heads * s.headDim, keys = s.kvHeads * s.headDim;
  if (!model.headNorms)
    return llvm::formatv(R"(
        %q = step.project %x at %position matrices [@query, @key, @key] {0}
          epilogues [#step.kv_append<key = 1, value = 2, {1}
          : (tensor<1x{2}xf32>, tensor<1xi32>) -> tensor<1x{3}xf32>)",
                         norm, append, s.hidden, queries);
  return llvm::formatv(R"(
        %p, %k, %v = step.project %x matrices [@query, @key, @key] {0} epilogues []
          : (tensor<1x{2}xf32>) -> (tensor<1x{3}xf32>, tensor<1x{4}xf32>, tensor<1x{4}xf32>)
        %q = step.map %p epilogues [#step.rms_norm<segment = 0, weight = @query_norm, eps = 0.5, group_size = {3}>]
          : (tensor<1x{3}xf32>) -> tensor<1x{3}xf32>
        step.map %k, %v at %position
          epilogues [#step.rms_norm<segment = 0, weight = @key_norm, eps = 0.5, group_size = {4}>,
                     #step.kv_append<key = 0, value = 1, {1}
          : (tensor<1x{4}xf32>, tensor<1x{4}xf32>, tensor<1xi32>) -> ())",
                       norm, append, s.hidden, queries, keys);
}

/// A decoder as all fusions leave it.
inline std::string stepProgram(const Model &model) {
  const LayerShape &s = model.shape;
  const std::string norm = llvm::formatv(
      "prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = {0}, defer_scale = {1}>", s.hidden,
      model.sumsFirst ? "false" : "true");
  std::string text = llvm::formatv(R"(
    nn.weight @embedding : tensor<{0}x{1}xbf16> from "w"
    nn.weight @norm : tensor<{1}xbf16> from "w"
    nn.weight @query_norm : tensor<{2}xbf16> from "w"
    nn.weight @key_norm : tensor<{3}xbf16> from "w"
    nn.weight @query : tensor<{2}x{1}xbf16> from "w"
    nn.weight @key : tensor<{3}x{1}xbf16> from "w"
    nn.weight @output : tensor<{1}x{2}xbf16> from "w"
    nn.weight @gate : tensor<{4}x{1}xbf16> from "w"
    nn.weight @down : tensor<{1}x{4}xbf16> from "w"
    nn.cache @cache heads {5} head_dim {6} : bf16
    )",
                                   model.vocabulary, s.hidden, s.heads * s.headDim, s.kvHeads * s.headDim, s.units,
                                   s.kvHeads, s.headDim);
  // Braces are the formatter's: those of the program are doubled.
  text += llvm::formatv(
      R"(
    func.func @decode(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {{
      %e = step.embed %token, @embedding : tensor<1x{0}xf32>
      %l = step.layers count {1} (%x = %e) : tensor<1x{0}xf32> {{
        {8}
        %a = step.attend %q at %position, @cache heads {4} scale 0.5 : tensor<1x{3}xf32> -> tensor<1x{3}xbf16>
        %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
          : (tensor<1x{3}xbf16>, tensor<1x{0}xf32>) -> tensor<1x{0}xf32>
        %g = step.project %o matrices [@gate{6}] {2}
          epilogues [#step.silu<segment = 0>{7}
          : (tensor<1x{0}xf32>) -> tensor<1x{5}xbf16>
        %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
          : (tensor<1x{5}xbf16>, tensor<1x{0}xf32>) -> tensor<1x{0}xf32>
        step.yield %d : tensor<1x{0}xf32>
      }
      %h = step.project %l matrices [@embedding] {2} epilogues [#step.argmax<segment = 0>]
        : (tensor<1x{0}xf32>) -> tensor<1xi32>
      return %h : tensor<1xi32>
    })",
      s.hidden, model.layers, norm, s.heads * s.headDim, s.heads, s.units, s.unitRows == 2 ? ", @gate" : "",
      s.unitRows == 2 ? ", #step.mul<lhs = 0, rhs = 1>] {interleaved}" : "]", queryKeyValue(model, norm));
  return text;
}

/// A decoder with its persistent schedule, or the errors of the lowering.
class Lowered {
public:
  Lowered(const Model &model, const PersistentDevice &device) {
    context.loadDialect<mlir::func::FuncDialect, nn::NNDialect, step::StepDialect, sched::SchedDialect>();
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      errors += diagnostic.str() + "\n";
      return mlir::success();
    });
    module = mlir::parseSourceString<mlir::ModuleOp>(stepProgram(model), &context);
    if (!module)
      return;
    mlir::PassManager manager(&context);
    manager.addPass(createNamePhases());
    manager.addPass(createLowerToPersistent({device.groups,
                                             device.ranks,
                                             device.warps,
                                             device.sharedBytes,
                                             device.clusters,
                                             device.subgroups,
                                             device.shareFrom,
                                             device.groupsWithoutClusters,
                                             /*context=*/0,
                                             device.traced,
                                             {},
                                             false}));
    if (mlir::succeeded(manager.run(*module)))
      grid = *module->getOps<sched::GridOp>().begin();
  }

  /// The computation of a phase.
  sched::ComputeOp compute(llvm::StringRef phase) {
    sched::ComputeOp found;
    grid.walk([&](sched::ComputeOp op) {
      if (op.getPhase() == phase)
        found = op;
    });
    EXPECT_TRUE(found) << phase.str();
    return found;
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  sched::GridOp grid; // null if there are errors
  std::string errors;
};

} // namespace cadenza
