#include "compiler/schedule/work.h"

#include "runtime/shared/shares.h"

using namespace mlir;

namespace cadenza {

namespace {

constexpr int64_t tileRows = tile_rows, stepColumns = step_columns; // in 64 bits

/// A group's part of `total` things.
struct GroupShare {
  int64_t first = 0, count = 0;
};

GroupShare shareOf(ArrayRef<int64_t> starts, int64_t group, int64_t total) {
  const auto groups = static_cast<int64_t>(starts.size());
  if (group >= groups)
    return {};
  return {starts[group], (group + 1 < groups ? starts[group + 1] : total) - starts[group]};
}

} // namespace

sched::GridOp gridOf(Operation *op) { return op->getParentOfType<sched::GridOp>(); }

BlockWork workOf(sched::ComputeOp compute, int64_t group, int64_t rank, int64_t layer) {
  const sched::Split split = compute.getSplit();
  if (split == sched::Split::context)
    return {};
  sched::GridOp grid = gridOf(compute);
  const auto ranks = static_cast<int>(grid.getRanks());
  const auto rows = static_cast<int64_t>(*compute.getRows());
  const int64_t steps = llvm::divideCeil(*compute.getColumns(), stepColumns);
  const int64_t allTiles = llvm::divideCeil(rows, tileRows);
  const auto ofRank = [&](int64_t tiles) { return share(static_cast<int>(tiles), ranks, static_cast<int>(rank)); };
  const auto whole = [&](Range tiles) { return BlockWork{tiles.first, tiles.count, 0, steps}; };
  switch (split) {
  case sched::Split::query_groups: {
    const auto all = static_cast<int64_t>(*compute.getOf());
    const auto each = static_cast<int64_t>(compute.getEach().value_or(*compute.getRows() / *compute.getOf()));
    return whole(ofRank(shareOf(*compute.getStarts(), group, all).count * (each / tileRows)));
  }
  case sched::Split::units: {
    const auto units = static_cast<int64_t>(*compute.getOf());
    const GroupShare mine = shareOf(*compute.getStarts(), group, llvm::divideCeil(units, stepColumns));
    const int64_t stepTiles = rows / units * stepColumns / tileRows; // eight units a tile, or sixteen
    const int64_t tiles = std::min(stepTiles * mine.count, allTiles - stepTiles * mine.first);
    return whole(rotating_share(static_cast<int>(tiles), ranks, static_cast<int>(rank), static_cast<int>(layer)));
  }
  case sched::Split::columns: {
    const GroupShare mine = shareOf(*compute.getStarts(), group, steps);
    const Range tiles = ofRank(mine.count > 0 ? allTiles : 0);
    return {tiles.first, tiles.count, mine.first, mine.count};
  }
  case sched::Split::blocks:
    return whole(
        share(static_cast<int>(allTiles), static_cast<int>(grid.getBlocks()), static_cast<int>(group * ranks + rank)));
  case sched::Split::context:
    break;
  }
  return {};
}

} // namespace cadenza
