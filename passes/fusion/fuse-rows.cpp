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

bool isMap(FusionOp fusion) { return fusionKind(fusion) == FusionKind::Map; }

/// Fuses maps that compute what `rows` takes and nothing else.
FusionOp fuseProducers(FusionOp rows) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Value input : rows.getInputs()) {
      FusionOp producer = producerOf(input, rows);
      if (!producer || !isMap(producer) ||
          !llvm::all_of(producer.getResults(), [&](Value result) { return onlyUser(result) == rows; }))
        continue;
      if (FusionOp fused = fuse({producer, rows}, FusionKind::Rows, pass)) {
        rows = fused;
        changed = true;
        break;
      }
    }
  }
  return rows;
}

struct FuseRowsPass : cadenza::impl::FuseRowsBase<FuseRowsPass> {
  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (FusionOp fusion : rowsOf(function))
        fuseUsers(fuseProducers(fusion), FusionKind::Rows, pass, isMap);
  }

  static SmallVector<FusionOp> rowsOf(func::FuncOp function) {
    return llvm::filter_to_vector(fusionsOf(function),
                                  [](FusionOp fusion) { return fusionKind(fusion) == FusionKind::Rows; });
  }
};

} // namespace
