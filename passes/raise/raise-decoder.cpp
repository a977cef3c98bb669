// The logits of a decoder's step become the next token, and what the step does not need is dropped. See Passes.td.
#include "passes/Passes.h"
#include "passes/raise/match.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

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

/// What the importer says of the node that an op is of: "nn.where of node '/Where_3' (Where)"; without a name
/// "nn.where".
std::string nodeOf(Operation *op) {
  std::string text = op->getName().getStringRef().str();
  op->getLoc()->walk([&](Location part) {
    auto node = dyn_cast<NameLoc>(part);
    if (!node)
      return WalkResult::advance();
    text += " of node '" + node.getName().str() + "'";
    if (auto kind = dyn_cast<NameLoc>(node.getChildLoc()))
      text += " (" + kind.getName().str() + ")";
    return WalkResult::interrupt();
  });
  return text;
}

/// Where a decoder has an op of that kind.
StringRef supportedForm(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case([](nn::MatMulOp) {
        return "products are those of one row with a constant matrix, or those of attention over a cache";
      })
      .Case([](nn::SoftmaxOp) { return "a softmax is that of attention over keys and values of a cache"; })
      .Case([](nn::GatherOp) { return "a gather takes the row of a constant matrix by the token, or by its position"; })
      .Case([](nn::ReduceOp) { return "a reduction is the mean of an RMSNorm or LayerNorm over the last axis"; })
      .Case([](nn::UnaryOp) {
        return "functions are SiLU, GELU (erf or tanh), a softcap, and those of norms and rotations";
      })
      .Case<nn::WhereOp, nn::RangeOp, nn::TriluOp>(
          [](Operation *) { return "what depends on positions is a mask, causal or of a window, and a rotation"; })
      .Case<nn::ConcatOp, nn::SliceOp, nn::ExpandOp, nn::TransposeOp>([](Operation *) {
        return "what moves elements is part of a rotation, of heads of attention, or of a product that is split";
      })
      .Case<nn::RMSNormalizationOp, nn::LayerNormalizationOp>(
          [](Operation *) { return "a norm has constant weights and is over the last axis"; })
      .Case([](nn::BinaryOp) { return "sums and products are of two activations of one token, or with one number"; })
      .Default([](Operation *) { return ""; });
}

/// Whether an op only brings what others compute with.
bool isSource(Operation *op) { return isa<nn::ConstantOp, nn::GetWeightOp, nn::PastLengthOp, nn::ReadCacheOp>(op); }

/// One error that names what is no op of a decoder: the nodes, once each, in their order.
LogicalResult verifyRaised(func::FuncOp function) {
  constexpr size_t shown = 8;
  int count = 0;
  SmallVector<std::string> nodes; // those that are shown, and one more
  llvm::SetVector<StringRef> forms;
  function.walk([&](nn::EvaluateTensorsOpInterface op) {
    if (isSource(op))
      return;
    ++count;
    const std::string node = nodeOf(op);
    if (nodes.size() > shown || llvm::is_contained(nodes, node))
      return;
    nodes.push_back(node);
    if (const StringRef form = supportedForm(op); nodes.size() <= shown && !form.empty())
      forms.insert(form);
  });
  if (count == 0)
    return success();
  InFlightDiagnostic diagnostic = function.emitError()
                                  << "is no step of a decoder that there are ops for: " << count
                                  << (count == 1 ? " op is" : " ops are") << " left of the graph's: ";
  llvm::interleaveComma(ArrayRef(nodes).take_front(shown), diagnostic);
  if (nodes.size() > shown)
    diagnostic << ", ...";
  if (!forms.empty())
    diagnostic << "; in what is supported ";
  llvm::interleave(forms, diagnostic, "; ");
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
