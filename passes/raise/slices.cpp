#include "passes/raise/slices.h"

#include "mlir/IR/Builders.h"

#include <random>

using namespace mlir;
using namespace cadenza;
using namespace cadenza::raise;

Dependence Dependences::of(Value value) {
  // Post-order, without recursion: a function has as many ops as a model's graph.
  SmallVector<Value> open{value};
  while (!open.empty()) {
    const Value next = open.back();
    if (known.contains(next)) {
      open.pop_back();
      continue;
    }
    Operation *op = next.getDefiningOp();
    if (!op || !isa<nn::EvaluateTensorsOpInterface>(op) || isa<nn::ReadCacheOp>(op)) {
      known[next] = next == position ? Dependence::Position : Dependence::Sequence;
      open.pop_back();
      continue;
    }
    auto most = Dependence::Constants;
    bool ready = true;
    for (Value operand : op->getOperands()) {
      if (auto found = known.find(operand); found != known.end()) {
        most = std::max(most, found->second);
      } else {
        open.push_back(operand);
        ready = false;
      }
    }
    if (!ready)
      continue;
    known[next] = most;
    open.pop_back();
  }
  return known[value];
}

bool Dependences::takesSequence(Operation *op) {
  return llvm::any_of(op->getOperands(), [&](Value operand) { return of(operand) == Dependence::Sequence; });
}

bool cadenza::raise::changesSteadily(Value value, Dependences &dependences) {
  SmallVector<Value> open{value};
  llvm::SmallPtrSet<Value, 16> seen;
  const auto isConstant = [&](Value operand) { return dependences.of(operand) == Dependence::Constants; };
  const auto isSteady = [&](Operation *op) {
    if (auto cast = dyn_cast<nn::CastOp>(op)) // of a float to an integer it is a floor
      return isa<FloatType>(cast.getResult().getType().getElementType()) ||
             !isa<FloatType>(cast.getInput().getType().getElementType());
    if (auto unary = dyn_cast<nn::UnaryOp>(op))
      return llvm::is_contained({nn::UnaryFunction::Neg, nn::UnaryFunction::Cos, nn::UnaryFunction::Sin},
                                unary.getFunction());
    if (auto binary = dyn_cast<nn::BinaryOp>(op)) {
      switch (binary.getFunction()) {
      case nn::BinaryFunction::Add:
      case nn::BinaryFunction::Sub:
        return true;
      case nn::BinaryFunction::Mul:
        return isConstant(binary.getLhs()) || isConstant(binary.getRhs());
      case nn::BinaryFunction::Div: // of integers it rounds
        return isConstant(binary.getRhs()) && isa<FloatType>(getElementTypeOrSelf(binary.getResult().getType()));
      default:
        return false;
      }
    }
    if (auto reduce = dyn_cast<nn::ReduceOp>(op)) // ones of a mask, say
      return reduce.getFunction() == nn::ReduceFunction::Sum;
    if (isa<nn::MatMulOp>(op))
      return isConstant(op->getOperand(0)) || isConstant(op->getOperand(1));
    if (isa<nn::SliceOp>(op))
      return llvm::all_of(llvm::drop_begin(op->getOperands()), isConstant);
    if (isa<nn::GatherOp>(op)) // a row a position: whoever asks looks at all rows
      return isConstant(op->getOperand(0)) || isConstant(op->getOperand(1));
    return isa<nn::PastLengthOp, nn::ReshapeOp, nn::TransposeOp, nn::ConcatOp, nn::ExpandOp, nn::RangeOp>(op);
  };
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    if (dependences.of(next) != Dependence::Position || !seen.insert(next).second)
      continue;
    Operation *op = next.getDefiningOp();
    if (!op)
      continue; // the position
    if (!isSteady(op))
      return false;
    llvm::append_range(open, op->getOperands());
  }
  return true;
}

Value cadenza::raise::positionOf(func::FuncOp function) {
  if (nn::isEntry(function))
    return nn::argumentAt(function, PortKind::Position);
  Value position;
  function.walk([&](nn::PastLengthOp op) { position = op.getPosition(); });
  return position;
}

SliceRunner::SliceRunner(ModuleOp module, Value position, const WeightReader &reader)
    : position(position), state(module, nullptr) {
  state.tensorReader = reader;
}

std::optional<nn::TensorValue> SliceRunner::run(Value value, int64_t at, nn::Bindings bindings) {
  SmallVector<std::pair<Value, nn::TensorValue>> all(bindings.begin(), bindings.end());
  if (position)
    all.emplace_back(position, nn::tensorOf(ElementType::i32, {1}, std::array<int64_t, 1>{at}));
  message.clear();
  ScopedDiagnosticHandler handler(value.getContext(), [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  return nn::evaluateSlice(value, state, all); // a failure is nothing
}

std::vector<double> cadenza::raise::madeUp(int64_t elements, uint64_t seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  std::vector<double> values(static_cast<size_t>(elements));
  for (double &value : values)
    value = static_cast<double>(random() % 256) / 128.0 - 1.0;
  return values;
}

int64_t cadenza::raise::elementsOf(Value value, int64_t extent) {
  int64_t elements = 1;
  for (int64_t each : cast<RankedTensorType>(value.getType()).getShape())
    elements *= ShapedType::isDynamic(each) ? extent : each;
  return elements;
}

nn::TensorValue cadenza::raise::valueLike(Value value, ArrayRef<double> elements, int64_t extent) {
  nn::TensorSpec spec = nn::specOf(value.getType());
  for (int64_t &each : spec.shape)
    each = ShapedType::isDynamic(each) ? extent : each;
  return nn::tensorOf(spec.element, spec.shape, std::span<const double>(elements.data(), elements.size()));
}

Value cadenza::raise::asRow(OpBuilder &builder, Location location, Value value) {
  const auto row = RankedTensorType::get({1, elementsOf(value)}, builder.getF32Type());
  for (Value source = value;;) {
    if (source.getType() == row)
      return source;
    auto reshape = source.getDefiningOp<nn::ReshapeOp>();
    if (!reshape)
      return nn::ReshapeOp::create(builder, location, row, value);
    source = reshape.getInput();
  }
}

void cadenza::raise::eraseDead(func::FuncOp function) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}
