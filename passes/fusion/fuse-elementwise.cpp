// Elementwise ops and movement become one fusion with what reads them. See Passes.td.
#include "passes/Passes.h"
#include "passes/fusion/fusions.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using step::FusionKind;
using step::FusionOp;

namespace {

constexpr llvm::StringLiteral pass = "fuse-elementwise";

/// Fuses into `map` what is computed for it only, and what only moves.
FusionOp fuseProducers(FusionOp map) {
  map = fuseViews(map, FusionKind::Map, pass);
  for (bool changed = true; changed;) {
    changed = false;
    for (Value input : map.getInputs()) {
      FusionOp producer = producerOf(input, map);
      if (!producer || !llvm::all_of(producer.getResults(), [&](Value result) { return onlyUser(result) == map; }))
        continue;
      if (FusionOp fused = fuse({producer, map}, FusionKind::Map, pass)) {
        map = fuseViews(fused, FusionKind::Map, pass);
        changed = true;
        break;
      }
    }
  }
  return map;
}

struct FuseElementwisePass : cadenza::impl::FuseElementwiseBase<FuseElementwisePass> {
  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      // What is fused stands before the map, or in its place.
      for (Operation *op = &function.getBody().front().front(); op; op = op->getNextNode())
        if (auto fusion = dyn_cast<FusionOp>(op); fusion && fusionKind(fusion) == FusionKind::Map)
          op = fuseProducers(fusion);
    }
  }
};

} // namespace
