// The logits of a decoder's step become the next token, and what the step does not need is dropped. See Passes.td.
#include "passes/Passes.h"
#include "passes/raise/match.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace cadenza {
#define GEN_PASS_DEF_RAISEDECODER
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// The result at the port of logits, by its number; nothing if there is none.
std::optional<unsigned> logitsResult(func::FuncOp function) {
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (nn::resultPort(function, i).getKind() == PortKind::Logits)
      return i;
  return std::nullopt;
}

/// Returns the token that the logits choose instead of them.
LogicalResult select(func::FuncOp function, unsigned result) {
  auto returned = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  const Value logits = returned.getOperand(result);
  const RankedTensorType type = raise::activationType(logits);
  if (!type || nn::rowCount(type) != 1)
    return function.emitError() << "has logits of type " << logits.getType()
                                << "; the step of a decoder makes those of one token, in f32";
  OpBuilder builder(returned);
  const Value row =
      raise::reshaped(builder, logits.getLoc(), logits, type.clone(ArrayRef<int64_t>{1, type.getNumElements()}));
  auto next = nn::ArgmaxOp::create(builder, logits.getLoc(), RankedTensorType::get({1}, builder.getI32Type()), row);
  returned->setOperand(result, next);
  SmallVector<Type> results(returned->getOperandTypes());
  function.setType(builder.getFunctionType(function.getArgumentTypes(), results));
  function.setResultAttr(result, nn::portAttribute, nn::PortAttr::get(function.getContext(), PortKind::Next, "", {}));
  return success();
}

/// Reshapes that undo each other, and all else that nothing needs.
void simplify(func::FuncOp function) {
  Block &body = function.getBody().front();
  for (auto reshape : llvm::make_early_inc_range(body.getOps<nn::ReshapeOp>())) {
    const Value origin = raise::withoutReshapes(reshape);
    if (origin.getType() == reshape.getType())
      reshape.replaceAllUsesWith(origin);
  }
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

/// A norm of one head, which rotation shows to be a norm of heads: with `group_size`, as that of several heads has it.
void groupHeads(func::FuncOp function) {
  function.walk([](nn::RMSNormOp norm) {
    const auto isHead = [&](Operation *user) {
      auto rope = dyn_cast<nn::RopeOp>(user);
      return rope && static_cast<int64_t>(rope.getHeadDim()) == nn::rowElements(norm);
    };
    if (!norm.getGroupSize() && !norm->use_empty() && llvm::all_of(norm->getUsers(), isHead))
      norm.setGroupSize(nn::rowElements(norm));
  });
}

/// The name that the importer gave to `location`, of a node: "node_linear_3"; empty.
std::string nameOf(Location location) {
  std::string name;
  location->walk([&](Location part) {
    auto named = dyn_cast<NameLoc>(part);
    if (!named)
      return WalkResult::advance();
    name = named.getName().str();
    return WalkResult::interrupt();
  });
  return name;
}

/// Whether an op only brings what others compute with.
bool isSource(Operation *op) { return isa<nn::ConstantOp, nn::GetWeightOp, nn::PastLengthOp, nn::ReadCacheOp>(op); }

/// One error that names what is no op of a decoder: the nodes, once each, in their order.
LogicalResult verifyRaised(func::FuncOp function) {
  constexpr size_t shown = 8;
  int count = 0;
  SmallVector<std::string> nodes; // those that are shown, and one more
  function.walk([&](nn::EvaluateTensorsOpInterface op) {
    if (isSource(op))
      return;
    ++count;
    const std::string name = nameOf(op.getLoc()), kind = op->getName().getStringRef().str();
    const std::string node = name.empty() ? kind : kind + " (" + name + ")";
    if (nodes.size() <= shown && !llvm::is_contained(nodes, node))
      nodes.push_back(node);
  });
  if (count == 0)
    return success();
  InFlightDiagnostic diagnostic = function.emitError()
                                  << "is no step of a decoder that there are ops for: " << count
                                  << (count == 1 ? " op is" : " ops are") << " left of the graph's: ";
  llvm::interleaveComma(ArrayRef(nodes).take_front(shown), diagnostic);
  if (nodes.size() > shown)
    diagnostic << ", ...";
  return diagnostic;
}

/// Erases weights, caches and numbers that no function names.
void dropUnused(ModuleOp module) {
  llvm::DenseSet<StringAttr> used;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    function.walk([&](Operation *op) {
      for (NamedAttribute attribute : op->getAttrs())
        if (auto reference = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
          used.insert(reference.getAttr());
      if (auto properties = op->getPropertiesAsAttribute())
        properties.walk([&](FlatSymbolRefAttr reference) { used.insert(reference.getAttr()); });
    });
  for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
    if (isa<nn::WeightOp, nn::CacheOp, nn::ScalarOp>(op) && !used.contains(SymbolTable::getSymbolName(&op)))
      op.erase();
}

struct RaiseDecoderPass : cadenza::impl::RaiseDecoderBase<RaiseDecoderPass> {
  void runOnOperation() final {
    func::FuncOp function = nn::decodeEntryOf(getOperation());
    if (!function)
      return;
    if (const std::optional<unsigned> result = logitsResult(function))
      if (failed(select(function, *result)))
        return signalPassFailure();
    simplify(function);
    groupHeads(function);
    if (failed(verifyRaised(function)))
      return signalPassFailure();
    dropUnused(getOperation());
  }
};

} // namespace
