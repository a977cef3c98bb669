// Ways of products; splits and warps of attention: the order of sums. See Passes.td.
#include "compiler/schedule/token_geometry.h"
#include "passes/Passes.h"

#include "runtime/shared/shares.h"

namespace cadenza {
#define GEN_PASS_DEF_ORDERSUMS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

constexpr int64_t maxWarps = 32;      // of a block: tiles x ways
constexpr int64_t minWaySteps = 4;    // fewer would not cover the latency of their loads
constexpr int64_t attendBlocks = 128; // about the blocks that a GPU runs at once: KV heads x splits
constexpr int64_t maxSplits = 32;     // more would spend longer on merging than on reading
constexpr int64_t attendWarps = 8;    // of a block: sets of query heads x slices of them x chunks at once

/// The largest power of two of ways that K divides into, of at least minWaySteps steps each, with which the rows that a
/// block must hold together still fit one block.
int64_t chooseWays(step::ProjectOp project) {
  int64_t columns = nn::rowElements(project.getInput());
  int64_t steps = steps_of(columns);
  int64_t group = tile_rows; // a tile is the work of one warp for one way
  for (auto function : project.getEpilogues().getAsRange<step::FunctionAttrInterface>())
    group = std::max(group, function.getRowGroup());
  int64_t tiles = tiles_of(group);
  int64_t ways = 1;
  while (2 * ways <= 16 && 2 * ways * tiles <= maxWarps && steps % (2 * ways) == 0 && steps / (2 * ways) >= minWaySteps)
    ways *= 2;
  return ways;
}

/// Splits so that all KV heads together occupy the GPU.
void partition(step::AttendOp attend, SymbolTableCollection &symbols) {
  nn::CacheOp cache = step::SymbolLookup(attend, symbols).cache(attend.getCacheAttr());
  const auto kvHeads = static_cast<int64_t>(cache.getKvHeads()),
             sharing = static_cast<int64_t>(attend.getHeads()) / kvHeads;
  const int warps = attend_sets(static_cast<int>(sharing)) * attend_slices(static_cast<int>(cache.getHeadDim()));
  attend.setSplits(std::clamp<int64_t>(attendBlocks / kvHeads, 1, maxSplits));
  attend.setWarps(std::max<int64_t>(1, attendWarps / warps));
}

struct OrderSumsPass : cadenza::impl::OrderSumsBase<OrderSumsPass> {
  void runOnOperation() final {
    SymbolTableCollection symbols;
    getOperation().walk([&](Operation *op) {
      if (auto project = dyn_cast<step::ProjectOp>(op)) {
        project.setKGroups({0});
        project.setKWays(isTileOfGraph(project) ? 1 : chooseWays(project)); // a tile sums over K in ascending order
      }
      if (auto attend = dyn_cast<step::AttendOp>(op))
        partition(attend, symbols);
    });
  }
};

} // namespace
