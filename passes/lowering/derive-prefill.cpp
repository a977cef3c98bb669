// The step of a decoder on tiles of several tokens of a prompt. See Passes.td.
#include "compiler/schedule/token_geometry.h"
#include "passes/Passes.h"

namespace cadenza {
#define GEN_PASS_DEF_DERIVEPREFILL
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

bool isVector(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && isa<FloatType>(tensor.getElementType());
}

bool usesCache(Operation *op) {
  const WalkResult walked = op->walk([](step::PhaseOpInterface phase) {
    const bool uses = isa<step::AttendOp>(phase) ||
                      llvm::any_of(phase.getFunctions(), [](auto function) { return function.writesCache(); });
    return uses ? WalkResult::interrupt() : WalkResult::advance();
  });
  return walked.wasInterrupted();
}

bool selects(Operation *op) {
  auto phase = dyn_cast<step::PhaseOpInterface>(op);
  return phase && llvm::any_of(phase.getFunctions(), [](auto function) { return function.selectsToken(); });
}

/// Vectors that ops up to `last` make, or an argument is, and later ones of the function use.
SmallVector<Value> liveAfter(Operation *last) {
  SmallVector<Value> live;
  for (Operation &op : llvm::make_range(last->getBlock()->begin(), std::next(last->getIterator())))
    for (Value result : op.getResults())
      if (isVector(result.getType()) && llvm::any_of(result.getUsers(), [&](Operation *user) {
            return last->isBeforeInBlock(last->getBlock()->findAncestorOpInBlock(*user));
          }))
        live.push_back(result);
  return live;
}

/// Where the head of a step begins: after an op from the last use of a cache on after which one vector is all that the
/// rest needs. That vector; null if there is no such place.
Value findEnd(func::FuncOp decode, Operation *&last) {
  last = nullptr;
  for (Operation &op : decode.getBody().front())
    if (usesCache(&op))
      last = &op;
  for (; last && !last->hasTrait<OpTrait::IsTerminator>() && !selects(last); last = last->getNextNode())
    if (SmallVector<Value> live = liveAfter(last); live.size() == 1)
      return live[0];
  return nullptr;
}

/// The order of sums of a tile: over K, and over positions, in ascending order.
void setOrderOfTile(Operation *op) {
  if (auto project = dyn_cast<step::ProjectOp>(op)) {
    project.setKGroups({0});
    project.setKWays(1);
  } else if (auto attend = dyn_cast<step::AttendOp>(op)) {
    attend.setSplits(1);
    attend.setWarps(1);
  }
}

/// `type`, of as many tokens.
Type ofTokens(Type type, int64_t tokens) {
  auto vector = cast<RankedTensorType>(type);
  return RankedTensorType::get({tokens, vector.getDimSize(1)}, vector.getElementType());
}

/// The copy of `decode` for a tile.
func::FuncOp derive(func::FuncOp decode, int64_t tokens, Operation *end, Value crossing) {
  IRMapping mapping;
  auto function = cast<func::FuncOp>(decode->clone(mapping));
  OpBuilder builder(function.getContext());
  function.setSymName(("prefill_" + Twine(tokens)).str());
  Value token = nn::argumentAt(function, PortKind::Token);
  token.setType(RankedTensorType::get({tokens}, builder.getI32Type()));
  function.setFunctionType(
      builder.getFunctionType(function.getBody().front().getArgumentTypes(), function.getResultTypes()));

  Operation *last = mapping.lookup(end);
  for (Operation &top : llvm::make_range(last->getBlock()->begin(), std::next(last->getIterator())))
    top.walk([&](Operation *op) {
      setOrderOfTile(op);
      for (Value result : op->getResults())
        if (isVector(result.getType()))
          result.setType(ofTokens(result.getType(), tokens));
      for (Region &region : op->getRegions())
        for (BlockArgument argument : region.getArguments())
          argument.setType(ofTokens(argument.getType(), tokens));
    });

  builder.setInsertionPointAfter(last);
  Value tile = mapping.lookup(crossing);
  auto lastToken = step::LastOp::create(builder, tile.getLoc(), crossing.getType(), tile,
                                        nn::argumentAt(function, PortKind::Position));
  tile.replaceUsesWithIf(lastToken.getResult(), [&](OpOperand &use) {
    return lastToken->isBeforeInBlock(lastToken->getBlock()->findAncestorOpInBlock(*use.getOwner()));
  });
  return function;
}

struct DerivePrefillPass : cadenza::impl::DerivePrefillBase<DerivePrefillPass> {
  using Base::Base;

  void runOnOperation() final {
    for (int64_t tile : tiles)
      if (tile < tokenMultiple() || tile > maximumTile || tile % tokenMultiple() != 0) {
        getOperation().emitError() << "derive-prefill: a tile has " << tile << " tokens; multiples of "
                                   << tokenMultiple() << " up to " << maximumTile << " are possible";
        return signalPassFailure();
      }
    func::FuncOp decode = nn::decodeEntryOf(getOperation());
    if (!decode)
      return;
    Operation *end = nullptr;
    Value crossing = findEnd(decode, end);
    if (!crossing) {
      emitRemark(decode.getLoc())
          << "no prefill: between the last use of a cache and the selection of the token there is "
             "no place where one vector is all that is needed";
      return;
    }
    Operation *after = decode;
    SmallVector<int64_t> ascending(tiles.begin(), tiles.end());
    llvm::sort(ascending);
    ascending.erase(llvm::unique(ascending), ascending.end());
    for (int64_t tile : ascending) {
      func::FuncOp function = derive(decode, tile, end, crossing);
      getOperation().getBody()->getOperations().insertAfter(after->getIterator(), function);
      if (failed(checkKernels(function, tile)))
        function.erase();
      else
        after = function;
    }
  }

private:
  /// A remark if there is a phase of a tile that kernels cannot do.
  LogicalResult checkKernels(func::FuncOp function, int64_t tile) {
    std::optional<std::pair<Location, std::string>> reason;
    {
      const ScopedDiagnosticHandler handler(&getContext(), [&](Diagnostic &diagnostic) {
        if (!reason)
          reason.emplace(diagnostic.getLocation(), diagnostic.str());
        return success();
      });
      function.walk([&](step::PhaseOpInterface phase) {
        const bool ofTile = llvm::any_of(llvm::concat<const Type>(phase->getOperandTypes(), phase->getResultTypes()),
                                         [&](Type type) { return isVector(type) && nn::rowCount(type) == tile; });
        return !ofTile || succeeded(tokenGeometryOf(phase)) ? WalkResult::advance() : WalkResult::interrupt();
      });
    }
    if (!reason)
      return success();
    emitRemark(reason->first) << "no prefill of " << tile << " tokens: " << reason->second;
    return failure();
  }
};

} // namespace
