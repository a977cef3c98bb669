// A map moves into the map that reads what it computes. See Passes.td.
#include "passes/fusion/absorb.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSEMAPS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// Elements, of all slots, that a block may have to hold together: 64 KiB in fp32, which every target's shared memory
/// has room for beside the scratch of a norm.
constexpr int64_t maxTogether = 16384;

/// A map, in the same block, all of whose results `map` takes as inputs, each once, and that nothing else reads; null
/// if there is none. Its functions happen later than before: they must not write a cache.
step::MapOp producingMap(step::MapOp map, PatternRewriter &rewriter) {
  for (Value input : map.getInputs()) {
    auto producer = input.getDefiningOp<step::MapOp>();
    if (!producer || producer->getBlock() != map->getBlock())
      continue;
    const bool onlyOurs = llvm::all_of(producer.getResults(), [&](Value result) {
      return result.hasOneUse() && llvm::is_contained(map.getInputs(), result);
    });
    const bool writes = llvm::any_of(producer.getFunctions(), [](auto function) { return function.writesCache(); });
    if (onlyOurs && !writes)
      return producer;
  }
  (void)rewriter.notifyMatchFailure(map, "no input is computed, for it alone, by a map that writes no cache");
  return nullptr;
}

/// Whether blocks of one kernel can hold what all the functions need together.
LogicalResult checkTogether(step::MapOp map, ValueRange inputs, ArrayRef<Attribute> functions,
                            PatternRewriter &rewriter) {
  for (Value input : inputs)
    if (nn::rowElements(input) != nn::rowElements(inputs[0]))
      return rewriter.notifyMatchFailure(map, "the inputs have different sizes");
  int64_t group = 1;
  for (Attribute function : functions)
    group = std::max(group, cast<step::FunctionAttrInterface>(function).getRowGroup());
  for (Attribute function : functions)
    if (group % cast<step::FunctionAttrInterface>(function).getRowGroup() != 0)
      return rewriter.notifyMatchFailure(map, "the functions work on groups of rows that do not contain each other");
  if (group * static_cast<int64_t>(inputs.size()) > maxTogether)
    return rewriter.notifyMatchFailure(map, "a block cannot hold as many rows of all inputs together");
  return success();
}

struct FuseMapsPattern : OpRewritePattern<step::MapOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(step::MapOp map, PatternRewriter &rewriter) const final {
    step::MapOp producer = producingMap(map, rewriter);
    if (!producer)
      return failure();
    if (producer.getPosition() && map.getPosition() && producer.getPosition() != map.getPosition())
      return rewriter.notifyMatchFailure(map, "the maps work at different positions");

    // The producer's slots come first; a slot of `map` is one of them, or an input of its own behind them.
    SmallVector<Value> inputs = llvm::to_vector(producer.getInputs());
    const SmallVector<int64_t> produced = remainingSlots(producer);
    SmallVector<int64_t> slots;
    for (Value input : map.getInputs()) {
      if (input.getDefiningOp() == producer) {
        slots.push_back(produced[cast<OpResult>(input).getResultNumber()]);
        continue;
      }
      slots.push_back(static_cast<int64_t>(inputs.size()));
      inputs.push_back(input);
    }
    SmallVector<Attribute> functions = llvm::to_vector(producer.getEpilogues().getValue());
    for (step::FunctionAttrInterface function : map.getFunctions())
      functions.push_back(
          function.withSlots(llvm::map_to_vector(function.getSlots(), [&](int64_t slot) { return slots[slot]; })));
    if (failed(checkTogether(map, inputs, functions, rewriter)))
      return failure();

    // Results are in the order of slots, which may be another one than before.
    SmallVector<std::pair<int64_t, Value>> results;
    for (auto [slot, result] : llvm::zip_equal(remainingSlots(map), map.getResults()))
      results.emplace_back(slots[slot], result);
    llvm::sort(results, llvm::less_first());
    SmallVector<Type> types = llvm::map_to_vector(results, [](auto &result) { return result.second.getType(); });
    SmallVector<Value> sideInputs = llvm::to_vector(producer.getSideInputs());
    llvm::append_range(sideInputs, map.getSideInputs());
    auto fused = step::MapOp::create(rewriter, rewriter.getFusedLoc({producer.getLoc(), map.getLoc()}), types, inputs,
                                     sideInputs, map.getPosition() ? map.getPosition() : producer.getPosition(),
                                     rewriter.getArrayAttr(functions));
    inheritPasses(fused, producer);
    inheritPasses(fused, map);
    recordPass(fused, "fuse-maps");
    for (auto [result, value] : llvm::zip_equal(results, fused.getResults()))
      rewriter.replaceAllUsesWith(result.second, value);
    rewriter.eraseOp(map);
    rewriter.eraseOp(producer);
    return success();
  }
};

/// The branch of a residual addition that a map computes becomes its input, which the map can move into.
struct SwapAddends : OpRewritePattern<step::MapOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(step::MapOp map, PatternRewriter &rewriter) const final {
    if (!isResidual(map))
      return rewriter.notifyMatchFailure(map, "it is not one addition");
    const auto isBranch = [&](Value value) {
      auto producer = value.getDefiningOp<step::MapOp>();
      return producer && producer->getBlock() == map->getBlock() && value.hasOneUse();
    };
    if (isBranch(map.getInputs()[0]) || !isBranch(map.getSideInputs()[0]))
      return rewriter.notifyMatchFailure(map, "the side input is not the result of a map for this sum only");
    swapAddends(map, rewriter);
    return success();
  }
};

struct FuseMapsPass : cadenza::impl::FuseMapsBase<FuseMapsPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<SwapAddends, FuseMapsPattern>(&getContext());
    if (failed(applyInProgramOrder(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
