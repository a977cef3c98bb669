#include "passes/fusion/fusions.h"
#include "passes/fusion/absorb.h"

#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace cadenza;
using step::FusionKind;
using step::FusionOp;

namespace {

bool isIn(ArrayRef<FusionOp> group, Operation *op) {
  return llvm::any_of(group, [&](FusionOp member) { return member.getOperation() == op; });
}

/// Whether nothing before the last of `group`, but for the group, depends on it.
bool isConvex(ArrayRef<FusionOp> group) {
  FusionOp last = group.back();
  for (FusionOp member : group)
    for (Operation *user : member->getUsers())
      if (!isIn(group, user) && (user->getBlock() != last->getBlock() || user->isBeforeInBlock(last)))
        return false;
  return true;
}

/// The bodies of `group` one after the other, in a fusion before the last of them that takes what the group takes and
/// yields `results`.
FusionOp join(ArrayRef<FusionOp> group, ArrayRef<Value> results) {
  llvm::SetVector<Value> inputs;
  SmallVector<Location> places;
  for (FusionOp member : group) {
    places.push_back(member.getLoc());
    for (Value input : member.getInputs())
      if (!isIn(group, input.getDefiningOp()))
        inputs.insert(input);
  }
  OpBuilder builder(group.back());
  auto joined =
      FusionOp::create(builder, builder.getFusedLoc(places), TypeRange(ValueRange(results)), inputs.getArrayRef());
  const auto inputPlaces = llvm::map_to_vector(inputs, [](Value input) { return input.getLoc(); });
  builder.createBlock(&joined.getBody(), {}, TypeRange(ValueRange(inputs.getArrayRef())), inputPlaces);
  IRMapping values; // of values outside the bodies to those of the new one
  for (auto [input, argument] : llvm::zip_equal(inputs, joined.getBody().getArguments()))
    values.map(input, argument);
  for (FusionOp member : group) {
    IRMapping inside;
    for (auto [input, argument] : llvm::zip_equal(member.getInputs(), member.getBody().getArguments()))
      inside.map(argument, values.lookup(input));
    for (Operation &op : member.getOps())
      builder.clone(op, inside);
    for (auto [result, value] : llvm::zip_equal(member.getResults(), member.getYield().getValues()))
      values.map(result, inside.lookup(value));
  }
  step::YieldOp::create(builder, joined.getLoc(),
                        llvm::map_to_vector(results, [&](Value result) { return values.lookup(result); }));
  return joined;
}

/// How many ops a kernel computes at most for one element. What reads a value at another place computes it anew: a
/// chain of concatenations of what was cut from one value doubles with each.
constexpr int64_t mostOps = 256;

/// The ops behind an element of `value`, each as often as it is read.
int64_t opsBehind(Value value, llvm::DenseMap<Value, int64_t> &known) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return 0;
  if (const auto found = known.find(value); found != known.end())
    return found->second;
  int64_t count = 1;
  for (Value operand : op->getOperands())
    count = std::min(count + opsBehind(operand, known), mostOps + 1);
  return known[value] = count;
}

bool isTooLarge(FusionOp fusion) {
  llvm::DenseMap<Value, int64_t> known;
  return llvm::any_of(fusion.getYield().getValues(), [&](Value value) { return opsBehind(value, known) > mostOps; });
}

} // namespace

FusionOp cadenza::fuse(ArrayRef<FusionOp> group, FusionKind kind, StringRef pass) {
  if (group.size() < 2 || !isConvex(group))
    return nullptr;
  SmallVector<Value> results;
  for (FusionOp member : group)
    for (Value result : member.getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !isIn(group, user); }))
        results.push_back(result);
  if (results.empty())
    return nullptr; // dead
  FusionOp joined = join(group, results);
  if (fusionKind(joined) != kind || isTooLarge(joined)) {
    joined->erase();
    return nullptr;
  }
  for (FusionOp member : group)
    inheritPasses(joined, member);
  recordPass(joined, pass);
  for (auto [result, value] : llvm::zip_equal(results, joined.getResults()))
    result.replaceAllUsesWith(value);
  for (FusionOp member : llvm::reverse(group))
    member->erase();
  return joined;
}

FusionOp cadenza::producerOf(Value value, Operation *user) {
  auto producer = value.getDefiningOp<FusionOp>();
  return producer && producer->getBlock() == user->getBlock() ? producer : nullptr;
}

FusionOp cadenza::onlyUser(Value value) {
  Operation *user = nullptr;
  for (Operation *other : value.getUsers()) {
    if (user && user != other)
      return nullptr;
    user = other;
  }
  return dyn_cast_if_present<FusionOp>(user);
}

bool cadenza::onlyMoves(FusionOp fusion) {
  return fusion.getInputs().size() == 1 && fusion.getResults().size() == 1 &&
         llvm::all_of(fusion.getOps(), [](Operation &op) {
           return isa<nn::ReshapeOp, nn::TransposeOp, nn::SliceOp, nn::ExpandOp>(op) && op.getNumOperands() == 1;
         });
}

FusionOp cadenza::fuseViews(FusionOp fusion, FusionKind kind, StringRef pass) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Value input : fusion.getInputs()) {
      FusionOp view = producerOf(input, fusion);
      if (!view || !onlyMoves(view))
        continue;
      OpBuilder builder(fusion);
      auto copy = cast<FusionOp>(builder.clone(*view)); // of our own: others may use it, too
      fusion->replaceUsesOfWith(input, copy.getResult(0));
      if (FusionOp fused = fuse({copy, fusion}, kind, pass)) {
        if (view->use_empty())
          view->erase();
        fusion = fused;
        changed = true;
        break;
      }
      fusion->replaceUsesOfWith(copy.getResult(0), input);
      copy->erase();
    }
  }
  return fusion;
}

FusionOp cadenza::fuseProducers(FusionOp fusion, FusionKind kind, StringRef pass) {
  const auto isOurs = [&](Value result) { return onlyUser(result) == fusion; };
  for (bool changed = true; changed;) {
    changed = false;
    for (Value input : fusion.getInputs()) {
      FusionOp producer = producerOf(input, fusion);
      if (!producer || !isMap(producer) || !llvm::all_of(producer.getResults(), isOurs))
        continue;
      if (FusionOp fused = fuse({producer, fusion}, kind, pass)) {
        fusion = fused;
        changed = true;
        break;
      }
    }
  }
  return fusion;
}

FusionOp cadenza::fuseUsers(FusionOp fusion, FusionKind kind, StringRef pass,
                            llvm::function_ref<bool(FusionOp)> accepts) {
  while (fusion.getResults().size() == 1) {
    FusionOp user = onlyUser(fusion.getResult(0));
    if (!user || user->getBlock() != fusion->getBlock() || !accepts(user))
      break;
    FusionOp fused = fuse({fusion, user}, kind, pass);
    if (!fused)
      break;
    fusion = fused;
  }
  return fusion;
}

bool cadenza::isMap(FusionOp fusion) { return fusionKind(fusion) == FusionKind::Map; }

SmallVector<FusionOp> cadenza::fusionsOf(func::FuncOp function) {
  return function.isExternal() ? SmallVector<FusionOp>()
                               : llvm::to_vector(function.getBody().front().getOps<FusionOp>());
}

SmallVector<FusionOp> cadenza::fusionsOf(func::FuncOp function, FusionKind kind) {
  return llvm::filter_to_vector(fusionsOf(function), [&](FusionOp fusion) { return fusionKind(fusion) == kind; });
}
