// The order of a phase's sums: what a phase carries, and what follows from a division of the work.
#pragma once

#include "compiler/ir/sched/Sched.h"

namespace cadenza {

/// Of a product: groups and ways of its columns, chunks of its prologue's sums. Of attention: splits of the context and
/// warps that share a split of a query head. Of a map: chunks of
/// a norm over the whole vector. Other phases sum nothing in an order of their own.
struct SumOrder {
  llvm::SmallVector<int64_t> kGroups = {0};
  int64_t kWays = 1, normChunk = 128, splits = 1, warps = 1;

  bool operator==(const SumOrder &) const = default;
};

/// The one that `phase` carries.
SumOrder orderOf(mlir::Operation *phase);
/// The one that a persistent schedule gives `phase`, which it places.
SumOrder orderOf(mlir::Operation *phase, sched::GridOp grid);
void setOrder(mlir::Operation *phase, const SumOrder &order);

} // namespace cadenza
