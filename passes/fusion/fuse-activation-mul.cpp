// Functions of single elements, such as silu(gate) * up, move into the projection's epilogues. See Passes.td.
#include "passes/fusion/absorb.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSEACTIVATIONMUL
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// A product of two segments needs both in one block: two matrices of one height, in whole stripes, that no function on
/// groups of rows keeps apart. Interleaves them.
LogicalResult acceptAndInterleave(step::MapOp map, step::ProjectOp project, PatternRewriter &rewriter) {
  if (map.getInputs().size() < 2 || project.getInterleaved())
    return success();
  SymbolTableCollection symbols;
  step::SymbolLookup lookup(project, symbols);
  SmallVector<FlatSymbolRefAttr> matrices = project.getMatrixSymbols();
  int64_t rows = lookup.weightType(matrices[0]).getDimSize(0);
  if (matrices.size() != 2 || lookup.weightType(matrices[1]).getDimSize(0) != rows || rows % stripe_rows != 0)
    return rewriter.notifyMatchFailure(project,
                                       "only two matrices of one height, in whole stripes, can be interleaved");
  for (auto function : project.getEpilogues().getAsRange<step::FunctionAttrInterface>()) {
    if (function.getRowGroup() != 1)
      return rewriter.notifyMatchFailure(project, "an epilogue works on groups of rows");
  }
  rewriter.modifyOpInPlace(project, [&] { project.setInterleaved(true); });
  return success();
}

struct FuseActivationMulPass : cadenza::impl::FuseActivationMulBase<FuseActivationMulPass> {
  void runOnOperation() final {
    if (failed(runAbsorb(getOperation(), getArgument(), acceptAndInterleave)))
      signalPassFailure();
  }
};

} // namespace
