// Products with one vector become one phase. See Passes.td.
#include "passes/fusion/absorb.h"

namespace cadenza {
#define GEN_PASS_DEF_MERGEPROJECTIONS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

struct MergeProjectionsPattern : OpRewritePattern<step::ProjectOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(step::ProjectOp first, PatternRewriter &rewriter) const final {
    step::ProjectOp second;
    for (Operation *user : first.getInput().getUsers()) {
      auto candidate = dyn_cast<step::ProjectOp>(user);
      if (candidate && candidate != first && candidate.getInput() == first.getInput() &&
          candidate->getBlock() == first->getBlock() && first->isBeforeInBlock(candidate) &&
          (!second || candidate->isBeforeInBlock(second)))
        second = candidate;
    }
    if (!second)
      return rewriter.notifyMatchFailure(first, "no later projection of the same vector");
    if (first.getPrologueAttr() != second.getPrologueAttr())
      return rewriter.notifyMatchFailure(first, "the projections have different prologues");
    if (first.getInterleaved() || second.getInterleaved())
      return rewriter.notifyMatchFailure(first, "interleaved matrices stay as they are");
    if (first.getKGroups() != second.getKGroups() || first.getKWays() != second.getKWays())
      return rewriter.notifyMatchFailure(first, "the projections sum in different orders");
    if (llvm::any_of(llvm::concat<Value>(first.getResults(), second.getResults()), [](Value result) {
          return cast<RankedTensorType>(result.getType()).getElementType().isInteger();
        }))
      return rewriter.notifyMatchFailure(first, "a projection selects the token");
    if (!second.getSideInputs().empty() || second.getPosition())
      return rewriter.notifyMatchFailure(second, "its epilogues need values that may be computed later");

    SymbolTableCollection symbols;
    step::SymbolLookup lookup(first, symbols);
    SmallVector<Attribute> matrices = llvm::to_vector(first.getMatrices().getValue());
    llvm::append_range(matrices, second.getMatrices());
    Type elementType = lookup.weightType(first.getMatrixSymbols()[0]).getElementType();
    step::WeightEncodingAttrInterface encoding = lookup.encoding(first.getMatrixSymbols()[0]);
    for (Attribute matrix : matrices) {
      RankedTensorType type = lookup.weightType(cast<FlatSymbolRefAttr>(matrix));
      if (type.getElementType() != elementType)
        return rewriter.notifyMatchFailure(first, "the matrices have different element types");
      if (lookup.encoding(cast<FlatSymbolRefAttr>(matrix)) != encoding)
        return rewriter.notifyMatchFailure(first, "the matrices have different encodings");
      // A block's rows belong to one matrix: packed matrices start at whole tiles.
      if (type.getDimSize(0) % encoding.getTile().first != 0)
        return rewriter.notifyMatchFailure(first, "a matrix is not made of whole tiles");
    }

    // The second's slots follow the first's.
    int64_t shift = static_cast<int64_t>(first.getMatrices().size());
    SmallVector<Attribute> epilogues = llvm::to_vector(first.getEpilogues().getValue());
    for (auto function : second.getEpilogues().getAsRange<step::FunctionAttrInterface>())
      epilogues.push_back(
          function.withSlots(llvm::map_to_vector(function.getSlots(), [&](int64_t slot) { return slot + shift; })));

    SmallVector<Type> types = llvm::to_vector(first.getResultTypes());
    llvm::append_range(types, second.getResultTypes());
    rewriter.setInsertionPoint(first);
    auto merged = step::ProjectOp::create(rewriter, rewriter.getFusedLoc({first.getLoc(), second.getLoc()}), types,
                                          first.getInput(), first.getSideInputs(), first.getPosition(),
                                          rewriter.getArrayAttr(matrices), first.getPrologueAttr(),
                                          rewriter.getArrayAttr(epilogues),
                                          /*interleaved=*/false, first.getKGroups(), first.getKWays());
    inheritPasses(merged, first);
    inheritPasses(merged, second);
    recordPass(merged, "merge-projections");
    rewriter.replaceOp(first, merged.getResults().take_front(first.getNumResults()));
    rewriter.replaceOp(second, merged.getResults().take_back(second.getNumResults()));
    return success();
  }
};

struct MergeProjectionsPass : cadenza::impl::MergeProjectionsBase<MergeProjectionsPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<MergeProjectionsPattern>(&getContext());
    if (failed(applyInProgramOrder(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
