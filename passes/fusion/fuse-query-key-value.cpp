// Query and key norms, RoPE and the KV append move into the projection's epilogues. See Passes.td.
#include "passes/fusion/absorb.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSEQUERYKEYVALUE
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// A block holds whole tiles, at most this many rows together.
constexpr int64_t maxBlockRows = 256;

/// Whether a map that reads what `map` computes works on groups of rows of another size than `function`: a norm of all
/// heads together before their rotation.
bool isFollowedByOtherGroups(step::MapOp map, step::FunctionAttrInterface function) {
  const auto isOther = [&](step::FunctionAttrInterface next) {
    return next.getRowGroup() != 1 && next.getRowGroup() != function.getRowGroup();
  };
  return function.getRowGroup() != 1 && llvm::any_of(map->getUsers(), [&](Operation *user) {
           auto next = dyn_cast<step::MapOp>(user);
           return next && llvm::any_of(next.getFunctions(), isOther);
         });
}

LogicalResult acceptHeads(step::MapOp map, step::ProjectOp project, PatternRewriter &rewriter) {
  for (step::FunctionAttrInterface function : map.getFunctions()) {
    if (function.getRowGroup() % tile_rows != 0 || function.getRowGroup() > maxBlockRows)
      return rewriter.notifyMatchFailure(map,
                                         "it works on more rows together than a block can hold, or not on whole tiles");
    if (isFollowedByOtherGroups(map, function))
      return rewriter.notifyMatchFailure(map, "what follows works on groups of another size: it could not follow");
  }
  SymbolTableCollection symbols;
  step::SymbolLookup lookup(project, symbols);
  int64_t rows = 0;
  for (FlatSymbolRefAttr matrix : project.getMatrixSymbols())
    rows += lookup.weightType(matrix).getDimSize(0);
  for (step::FunctionAttrInterface function : map.getFunctions()) {
    if (function.getReduction(rows) == step::Reduction::Vector)
      return rewriter.notifyMatchFailure(map,
                                         "it reduces the whole product, all of which one block would have to compute");
  }
  if (project.getInterleaved())
    return rewriter.notifyMatchFailure(map, "the rows of a head are not together in interleaved matrices");
  // A block's rows must not straddle heads, of one kind or of two: matrices consist of whole groups, and all functions
  // of the project agree on the group.
  for (step::FunctionAttrInterface function : map.getFunctions()) {
    for (FlatSymbolRefAttr matrix : project.getMatrixSymbols()) {
      if (lookup.weightType(matrix).getDimSize(0) % function.getRowGroup() != 0)
        return rewriter.notifyMatchFailure(map, "a matrix of the projection does not consist of whole heads");
    }
    for (auto other : project.getEpilogues().getAsRange<step::FunctionAttrInterface>()) {
      if (other.getRowGroup() != 1 && other.getRowGroup() != function.getRowGroup())
        return rewriter.notifyMatchFailure(map, "the projection already works on groups of another size");
    }
  }
  return success();
}

struct FuseQueryKeyValuePass : cadenza::impl::FuseQueryKeyValueBase<FuseQueryKeyValuePass> {
  void runOnOperation() final {
    if (failed(runAbsorb(getOperation(), getArgument(), acceptHeads)))
      signalPassFailure();
  }
};

} // namespace
