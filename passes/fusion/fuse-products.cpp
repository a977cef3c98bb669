// Products take their operands from where they were moved from, and what is done with their elements. See Passes.td.
#include "passes/Passes.h"
#include "passes/fusion/fusions.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSEPRODUCTS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using step::FusionKind;
using step::FusionOp;

namespace {

constexpr llvm::StringLiteral pass = "fuse-products";

/// How many values of `group` others use.
size_t resultsOf(ArrayRef<FusionOp> group) {
  size_t results = 0;
  for (FusionOp member : group)
    results += llvm::count_if(member.getResults(), [&](Value result) {
      return llvm::any_of(result.getUsers(), [&](Operation *user) {
        return llvm::none_of(group, [&](FusionOp other) { return other.getOperation() == user; });
      });
    });
  return results;
}

/// Fuses as much as there is of what is done with the elements of `product` next, and of which one value is left: an
/// activation in pieces reads the same value more than once.
void fuseFunctions(FusionOp product) {
  constexpr size_t maximum = 32; // ops of one epilogue
  SmallVector<FusionOp> group{product};
  for (size_t i = 0; i < group.size() && group.size() < maximum; ++i)
    for (Operation *op : group[i]->getUsers()) {
      auto user = dyn_cast<FusionOp>(op);
      if (user && user->getBlock() == product->getBlock() && isMap(user) && !llvm::is_contained(group, user))
        group.push_back(user);
    }
  llvm::sort(group, [](FusionOp a, FusionOp b) { return a->isBeforeInBlock(b); });
  for (; group.size() > 1; group.pop_back())
    if (resultsOf(group) == 1 && fuse(group, FusionKind::Product, pass))
      return;
}

struct FuseProductsPass : cadenza::impl::FuseProductsBase<FuseProductsPass> {
  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      // First all that read: a product that stores in another order stores slower.
      for (FusionOp product : fusionsOf(function, FusionKind::Product))
        fuseViews(product, FusionKind::Product, pass);
      for (FusionOp product : fusionsOf(function, FusionKind::Product))
        fuseFunctions(product);
    }
  }
};

} // namespace
