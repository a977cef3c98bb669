// The residual addition moves into the projection's epilogues. See Passes.td.
#include "passes/fusion/absorb.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSERESIDUAL
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

struct FuseResidualPass : cadenza::impl::FuseResidualBase<FuseResidualPass> {
  void runOnOperation() final {
    if (failed(runAbsorb(getOperation(), getArgument())))
      signalPassFailure();
  }
};

} // namespace
