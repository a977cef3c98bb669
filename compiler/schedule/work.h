// What a block does of a computation in a schedule: the meaning of `sched.compute`'s splits, by the formulas that the
// device code uses (runtime/shared/shares.h).
#pragma once

#include "compiler/ir/sched/Sched.h"

namespace cadenza {

/// Tiles x steps of a packed matrix.
struct BlockWork {
  int64_t firstTile = 0, tiles = 0, firstStep = 0, steps = 0;
  int64_t bytes(const EncodingFormat &format) const { return tiles * tile_bytes(format, steps); }
};

/// What `rank` of `group` does of a product in a layer. Tiles that query groups or units divide count from the
/// group's first; nothing if the group takes no part.
BlockWork workOf(sched::ComputeOp compute, int64_t group, int64_t rank, int64_t layer);

/// The grid that an op of its body belongs to.
sched::GridOp gridOf(mlir::Operation *op);

} // namespace cadenza
