// Reductions take what is done with elements before and after them. See Passes.td.
#include "passes/Passes.h"
#include "passes/fusion/fusions.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSEROWS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using step::FusionKind;
using step::FusionOp;

namespace {

constexpr llvm::StringLiteral pass = "fuse-rows";

struct FuseRowsPass : cadenza::impl::FuseRowsBase<FuseRowsPass> {
  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (FusionOp rows : fusionsOf(function, FusionKind::Rows))
        fuseUsers(fuseProducers(rows, FusionKind::Rows, pass), FusionKind::Rows, pass, isMap);
  }
};

} // namespace
