// The product of queries and keys, softmax and the product with values become one fusion. See Passes.td.
#include "passes/Passes.h"
#include "passes/fusion/fusions.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace cadenza {
#define GEN_PASS_DEF_FUSEATTENTION
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using step::FusionKind;
using step::FusionOp;

namespace {

template <typename OpT> bool has(FusionOp fusion) { return !fusion.getBody().getOps<OpT>().empty(); }

int64_t elements(Value value) { return cast<ShapedType>(value.getType()).getNumElements(); }

/// The fusions from a product of scores to the one that makes `value`, each for the next one only; none if there is no
/// such product.
bool scoresBefore(Value value, Operation *user, SmallVectorImpl<FusionOp> &chain) {
  FusionOp fusion = producerOf(value, user);
  if (!fusion || fusion.getResults().size() != 1 || !onlyUser(value))
    return false;
  bool found = has<nn::MatMulOp>(fusion);
  if (!found && fusionKind(fusion) == FusionKind::Map)
    found = llvm::any_of(fusion.getInputs(), [&](Value input) {
      return elements(input) == elements(value) && scoresBefore(input, fusion, chain);
    });
  if (found)
    chain.push_back(fusion);
  return found;
}

/// The fusions from `softmax` on, up to the product that sums values by its weights.
bool sumAfter(FusionOp softmax, llvm::SetVector<FusionOp> &chain) {
  SmallVector<FusionOp> open{softmax};
  FusionOp sum;
  while (!open.empty()) {
    FusionOp fusion = open.pop_back_val();
    for (Operation *op : fusion->getUsers()) {
      auto user = dyn_cast<FusionOp>(op);
      if (!user || user->getBlock() != softmax->getBlock())
        return false;
      if (!chain.insert(user))
        continue;
      if (!has<nn::MatMulOp>(user)) {
        open.push_back(user);
        continue;
      }
      if (sum)
        return false;
      sum = user;
    }
  }
  return sum != nullptr;
}

constexpr StringLiteral pass = "fuse-attention";

/// More than this many ops an element take longer than to read it.
constexpr int64_t mostMaskOps = 8;

/// The maps that compute `value`, in order, if they take nothing, no weights either: a mask that follows from indices
/// alone.
bool mapsOfIndices(Value value, FusionOp user, llvm::SetVector<FusionOp> &maps) {
  FusionOp map = producerOf(value, user);
  if (!map || !isMap(map) || has<nn::GetWeightOp>(map) ||
      !llvm::all_of(map.getInputs(), [&](Value input) { return mapsOfIndices(input, map, maps); }))
    return false;
  maps.insert(map);
  return true;
}

int64_t opsOf(ArrayRef<FusionOp> maps) {
  int64_t ops = 0;
  for (FusionOp map : maps)
    ops += llvm::count_if(map.getOps(), [](Operation &op) { return !isa<nn::ConstantOp>(op); });
  return ops;
}

/// Computes masks that follow from indices alone where they are used, instead of reading them. Yields what is left.
FusionOp fuseMasks(FusionOp attention) {
  for (unsigned i = 0; i < attention.getInputs().size();) {
    Value mask = attention.getInputs()[i++];
    llvm::SetVector<FusionOp> maps;
    if (!mapsOfIndices(mask, attention, maps) || opsOf(maps.getArrayRef()) > mostMaskOps)
      continue;
    OpBuilder builder(attention);
    IRMapping copies; // of our own: other layers have the same mask
    SmallVector<FusionOp> group;
    for (FusionOp map : maps)
      group.push_back(cast<FusionOp>(builder.clone(*map, copies)));
    Value copy = copies.lookup(mask);
    attention->replaceUsesOfWith(mask, copy);
    group.push_back(attention);
    if (FusionOp fused = fuse(group, FusionKind::Attention, pass)) {
      for (FusionOp map : llvm::reverse(maps.getArrayRef()))
        if (map->use_empty())
          map->erase();
      attention = fused;
      i = 0;
      continue;
    }
    attention->replaceUsesOfWith(copy, mask);
    for (FusionOp map : llvm::reverse(ArrayRef(group).drop_back()))
      map->erase();
  }
  return attention;
}

void fuseAround(FusionOp softmax) {
  SmallVector<FusionOp> before;
  llvm::SetVector<FusionOp> after;
  if (softmax.getInputs().size() != 1 || !scoresBefore(softmax.getInputs()[0], softmax, before) ||
      !sumAfter(softmax, after))
    return;
  SmallVector<FusionOp> group = before;
  group.push_back(softmax);
  llvm::append_range(group, after);
  llvm::sort(group, [](FusionOp a, FusionOp b) { return a->isBeforeInBlock(b); });
  // Keys may be turned by what is a view only together with the product.
  if (FusionOp fused = fuse(group, FusionKind::Attention, pass)) {
    fused = fuseMasks(fuseViews(fused, FusionKind::Attention, pass));
    fuseUsers(fused, FusionKind::Attention, pass, onlyMoves);
  }
}

struct FuseAttentionPass : cadenza::impl::FuseAttentionBase<FuseAttentionPass> {
  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (FusionOp softmax : llvm::filter_to_vector(fusionsOf(function), has<nn::SoftmaxOp>)) // no other takes it
        fuseAround(softmax);
  }
};

} // namespace
