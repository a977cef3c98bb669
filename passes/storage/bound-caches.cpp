// A cache that is read through a window keeps no more than the window. See Passes.td.
#include "passes/Passes.h"
#include "passes/fusion/absorb.h"

namespace cadenza {
#define GEN_PASS_DEF_BOUNDCACHES
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// What `reference` names: one op, or those of the iterations.
template <typename OpT> SmallVector<OpT> entriesOf(FlatSymbolRefAttr reference, const SymbolTable &symbols) {
  Operation *op = symbols.lookup(reference.getValue());
  SmallVector<OpT> entries;
  if (auto table = dyn_cast<step::TableOp>(op))
    for (auto entry : table.getEntries().getAsRange<FlatSymbolRefAttr>())
      entries.push_back(symbols.lookup<OpT>(entry.getValue()));
  else
    entries.push_back(cast<OpT>(op));
  return entries;
}

struct BoundCachesPass : cadenza::impl::BoundCachesBase<BoundCachesPass> {
  void runOnOperation() final {
    const SymbolTable symbols(getOperation());
    // The most positions that anything needs of a cache; 0: something reads all of it.
    llvm::MapVector<nn::CacheOp, uint64_t> needed;
    getOperation().walk([&](step::AttendOp attend) {
      const auto caches = entriesOf<nn::CacheOp>(attend.getCacheAttr(), symbols);
      SmallVector<nn::ScalarOp> windows;
      if (FlatSymbolRefAttr window = attend.getWindowAttr())
        windows = entriesOf<nn::ScalarOp>(window, symbols);
      // What is no table is the same in all iterations.
      for (size_t i = 0; i < std::max(caches.size(), windows.size()); ++i) {
        const nn::CacheOp cache = caches[caches.size() == 1 ? 0 : i];
        const uint64_t window = windows.empty() ? 0 : windows[windows.size() == 1 ? 0 : i].getValue();
        const uint64_t positions =
            window == 0 ? 0 : window + static_cast<uint64_t>(nn::rowCount(attend.getQuery())) - 1;
        auto [entry, isNew] = needed.insert({cache, positions});
        if (!isNew)
          entry->second = entry->second == 0 || positions == 0 ? 0 : std::max(entry->second, positions);
      }
    });
    Builder builder(&getContext());
    for (auto &[key, positions] : needed) {
      nn::CacheOp cache = key;
      if (positions != 0)
        cache->setAttr(step::StepDialect::positionsName, builder.getI64IntegerAttr(static_cast<int64_t>(positions)));
    }
    getOperation().walk([&](step::AttendOp attend) {
      const auto caches = entriesOf<nn::CacheOp>(attend.getCacheAttr(), symbols);
      if (llvm::any_of(caches, [](nn::CacheOp cache) { return step::positionsOf(cache) != 0; }))
        recordPass(attend, "bound-caches");
    });
  }
};

} // namespace
