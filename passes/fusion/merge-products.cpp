// Products that share their left operand become one fusion. See Passes.td.
#include "passes/Passes.h"
#include "passes/fusion/fusions.h"

namespace cadenza {
#define GEN_PASS_DEF_MERGEPRODUCTS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using step::FusionKind;
using step::FusionOp;

namespace {

struct MergeProductsPass : cadenza::impl::MergeProductsBase<MergeProductsPass> {
  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      SmallVector<FusionOp> products = fusionsOf(function, FusionKind::Product);
      while (!products.empty()) {
        FusionOp first = products.front();
        products.erase(products.begin());
        for (auto *next = products.begin(); next != products.end();) {
          FusionOp merged = llvm::is_contained(first->getOperands(), leftOperand(*next))
                                ? fuse({first, *next}, FusionKind::Product, "merge-products")
                                : FusionOp();
          if (merged) {
            first = merged;
            next = products.erase(next);
          } else {
            ++next;
          }
        }
      }
    }
  }

  /// The value outside of `fusion` that is on the left of its product; null if that is a weight or a constant.
  static Value leftOperand(FusionOp fusion) {
    nn::MatMulOp product = *fusion.getBody().getOps<nn::MatMulOp>().begin();
    auto argument = dyn_cast<BlockArgument>(step::stridedView(product.getLhs()).source);
    return argument ? fusion.getInputs()[argument.getArgNumber()] : Value();
  }
};

} // namespace
