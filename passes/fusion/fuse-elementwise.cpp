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
FusionOp fuseBefore(FusionOp map) {
  const auto size = [](FusionOp fusion) { return llvm::range_size(fusion.getOps()); };
  for (size_t before = 0; before != size(map);) {
    before = size(map);
    map = fuseProducers(fuseViews(map, FusionKind::Map, pass), FusionKind::Map, pass);
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
        if (auto fusion = dyn_cast<FusionOp>(op); fusion && isMap(fusion))
          op = fuseBefore(fusion);
    }
  }
};

} // namespace
