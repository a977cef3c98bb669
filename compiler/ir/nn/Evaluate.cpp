#include "compiler/ir/nn/Evaluate.h"

#include "compiler/ir/nn/TensorValues.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::nn;

namespace {

/// The values of a function on the way, each in the form of the op that made it (ops of a decoder take and make vectors
/// of fp32), and in the other form where an op of the other kind takes it.
class Evaluator {
public:
  explicit Evaluator(EvaluationState &state) : state(state) {}

  void bind(Value value, Vector vector) { vectors[value] = std::move(vector); }
  void bind(Value value, TensorValue tensor) { tensors[value] = std::move(tensor); }
  bool has(Value value) const { return vectors.contains(value) || tensors.contains(value); }

  /// Runs `op` on the values of its operands.
  LogicalResult run(Operation *op, ValueEditor onOperands = nullptr, ValueEditor onResults = nullptr) {
    if (auto evaluable = dyn_cast<EvaluateOpInterface>(op))
      return run(evaluable, onOperands, onResults);
    if (auto evaluable = dyn_cast<EvaluateTensorsOpInterface>(op))
      return run(evaluable);
    return op->emitOpError() << "has no executable reference";
  }

  FailureOr<Vector> vectorOf(Value value) const;
  FailureOr<TensorValue> tensorOf(Value value) const;

private:
  LogicalResult run(EvaluateOpInterface op, ValueEditor onOperands, ValueEditor onResults);
  LogicalResult run(EvaluateTensorsOpInterface op);

  EvaluationState &state;
  llvm::DenseMap<Value, Vector> vectors;
  llvm::DenseMap<Value, TensorValue> tensors;
};

/// What a diagnostic about a value is put on: the op that makes it, or whose argument it is.
Operation *placeOf(Value value) {
  return value.getDefiningOp() ? value.getDefiningOp() : value.getParentBlock()->getParentOp();
}

/// Checks that a tensor is one of that type: its elements, and its extents where the type knows them.
LogicalResult verifyValue(Value value, const TensorValue &tensor) {
  const TensorSpec declared = specOf(value.getType());
  if (tensor.element == declared.element && succeeded(verifyCompatibleShape(tensor.shape, declared.shape)))
    return success();
  return placeOf(value)->emitError() << "a value of type " << value.getType() << " cannot be " << text(tensor);
}

FailureOr<Vector> Evaluator::vectorOf(Value value) const {
  if (auto vector = vectors.find(value); vector != vectors.end())
    return vector->second;
  auto tensor = tensors.find(value);
  if (tensor == tensors.end())
    return placeOf(value)->emitError() << "a value that is needed is not known";
  const std::vector<double> elements = reals(tensor->second);
  return Vector(elements.begin(), elements.end());
}

FailureOr<TensorValue> Evaluator::tensorOf(Value value) const {
  if (auto tensor = tensors.find(value); tensor != tensors.end())
    return tensor->second;
  auto vector = vectors.find(value);
  if (vector == vectors.end())
    return placeOf(value)->emitError() << "a value that is needed is not known";
  const std::vector<double> elements(vector->second.begin(), vector->second.end());
  auto type = cast<RankedTensorType>(value.getType());
  if (!elementTypeOf(type.getElementType()) || !type.hasStaticShape() ||
      type.getNumElements() != static_cast<int64_t>(elements.size()))
    return placeOf(value)->emitError() << elements.size() << " elements are no value of type " << type;
  const TensorSpec spec = specOf(type);
  return nn::tensorOf(spec.element, spec.shape, elements);
}

LogicalResult Evaluator::run(EvaluateOpInterface op, ValueEditor onOperands, ValueEditor onResults) {
  SmallVector<Vector> operands, results;
  for (Value operand : op->getOperands()) {
    FailureOr<Vector> value = vectorOf(operand);
    if (failed(value))
      return failure();
    operands.push_back(std::move(*value));
  }
  if (onOperands)
    onOperands(op, operands);
  if (failed(op.evaluate(state, operands, results)))
    return failure();
  if (onResults)
    onResults(op, results);
  for (auto [value, result] : llvm::zip_equal(op->getResults(), results))
    bind(value, std::move(result));
  return success();
}

LogicalResult Evaluator::run(EvaluateTensorsOpInterface op) {
  SmallVector<TensorValue> operands, results;
  for (Value operand : op->getOperands()) {
    FailureOr<TensorValue> value = tensorOf(operand);
    if (failed(value))
      return failure();
    operands.push_back(std::move(*value));
  }
  if (failed(op.evaluate(state, operands, results)))
    return failure();
  for (auto [value, result] : llvm::zip_equal(op->getResults(), results)) {
    if (failed(verifyValue(value, result)))
      return failure();
    bind(value, std::move(result));
  }
  return success();
}

} // namespace

FailureOr<SmallVector<Vector>>
cadenza::nn::evaluateFunction(func::FuncOp function, EvaluationState &state, ArrayRef<Vector> arguments,
                              llvm::function_ref<void(Operation *, ArrayRef<Vector>)> onValue) {
  return evaluateAndEdit(function, state, arguments, nullptr, [&](Operation *op, ArrayRef<Vector> results) {
    if (onValue)
      onValue(op, results);
  });
}

FailureOr<SmallVector<Vector>> cadenza::nn::evaluateAndEdit(func::FuncOp function, EvaluationState &state,
                                                            ArrayRef<Vector> arguments, ValueEditor onOperands,
                                                            ValueEditor onResults) {
  Evaluator evaluator(state);
  for (auto [argument, value] : llvm::zip_equal(function.getArguments(), arguments))
    evaluator.bind(argument, value);
  Block &body = function.getBody().front();
  for (Operation &op : body.without_terminator())
    if (failed(evaluator.run(&op, onOperands, onResults)))
      return failure();
  SmallVector<Vector> results;
  for (Value returned : body.getTerminator()->getOperands()) {
    FailureOr<Vector> value = evaluator.vectorOf(returned);
    if (failed(value))
      return failure();
    results.push_back(std::move(*value));
  }
  return results;
}

FailureOr<SmallVector<TensorValue>> cadenza::nn::evaluateTensors(func::FuncOp function, EvaluationState &state,
                                                                 ArrayRef<TensorValue> arguments) {
  Evaluator evaluator(state);
  for (auto [argument, value] : llvm::zip_equal(function.getArguments(), arguments)) {
    if (failed(verifyValue(argument, value)))
      return failure();
    evaluator.bind(argument, value);
  }
  Block &body = function.getBody().front();
  for (Operation &op : body.without_terminator())
    if (failed(evaluator.run(&op)))
      return failure();
  SmallVector<TensorValue> results;
  for (Value returned : body.getTerminator()->getOperands()) {
    FailureOr<TensorValue> value = evaluator.tensorOf(returned);
    if (failed(value))
      return failure();
    results.push_back(std::move(*value));
  }
  return results;
}

FailureOr<TensorValue> cadenza::nn::evaluateSlice(Value value, EvaluationState &state, Bindings bindings) {
  Evaluator evaluator(state);
  for (const auto &[bound, tensor] : bindings) {
    if (failed(verifyValue(bound, tensor)))
      return failure();
    evaluator.bind(bound, tensor);
  }
  // What is needed, from `value` backwards; then in the block's order.
  SmallVector<Value> open{value};
  llvm::SetVector<Operation *> needed;
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    if (evaluator.has(next))
      continue;
    Operation *op = next.getDefiningOp();
    if (!op) {
      auto argument = cast<BlockArgument>(next);
      return placeOf(next)->emitError() << "argument " << argument.getArgNumber()
                                        << ", on which a value depends that is evaluated, is not known";
    }
    if (!isPure(op))
      return op->emitOpError() << "is not a function of its operands alone: its result cannot be evaluated on its own";
    if (needed.insert(op))
      llvm::append_range(open, op->getOperands());
  }
  SmallVector<Operation *> ordered = needed.takeVector();
  llvm::sort(ordered, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *op : ordered)
    if (failed(evaluator.run(op)))
      return failure();
  return evaluator.tensorOf(value);
}

SmallVector<Vector> cadenza::nn::decodeArguments(func::FuncOp function, int64_t token, int64_t position) {
  SmallVector<Vector> arguments(function.getNumArguments());
  if (auto argument = dyn_cast_or_null<BlockArgument>(argumentAt(function, PortKind::Token)))
    arguments[argument.getArgNumber()] = {static_cast<float>(token)};
  if (auto argument = dyn_cast_or_null<BlockArgument>(argumentAt(function, PortKind::Position)))
    arguments[argument.getArgNumber()] = {static_cast<float>(position)};
  return arguments;
}

std::optional<Appended> cadenza::nn::appendedBy(Operation *op) {
  Value cache, added;
  if (auto concat = dyn_cast<ConcatOp>(op); concat && concat.getParts().size() == 2) {
    cache = concat.getParts()[0];
    added = concat.getParts()[1];
  } else if (auto scatter = dyn_cast<TensorScatterOp>(op)) {
    cache = scatter.getCache();
    added = scatter.getUpdate();
    while (isa_and_present<ReshapeOp, TransposeOp>(cache.getDefiningOp()))
      cache = cache.getDefiningOp()->getOperand(0);
  }
  auto past = cache ? cache.getDefiningOp<ReadCacheOp>() : ReadCacheOp();
  return past ? std::optional(Appended{past, added}) : std::nullopt;
}
