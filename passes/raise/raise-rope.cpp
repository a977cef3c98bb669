// Rotary embeddings become nn.rope. See Passes.td.
#include "passes/Passes.h"
#include "passes/raise/rope_frequencies.h"
#include "passes/raise/slices.h"

#include <cmath>
#include <map>

namespace cadenza {
#define GEN_PASS_DEF_RAISEROPE
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using namespace cadenza::raise;

namespace {

/// What nn.rope does with heads of `headDim` elements.
struct Rotation {
  Frequencies frequencies;
  double factor = 1;
  bool interleaved = false;
  Frequencies ofGraph;         // `frequencies` before they became a formula's
  double tolerance = 0;        // of what the graph computes, for elements up to 1
  int64_t positions = 1 << 17; // up to which that is to be checked

  int64_t rotaryDim() const { return 2 * static_cast<int64_t>(frequencies.size()); }

  /// The formula of nn.rope, in place, with the graph's frequencies.
  void apply(std::vector<double> &row, int64_t headDim, int64_t position) const {
    const size_t half = frequencies.size();
    for (size_t head = 0; head < row.size(); head += headDim) {
      for (size_t i = 0; i < half; ++i) {
        const double angle = static_cast<float>(position) * ofGraph[i];
        double &low = row[head + (interleaved ? 2 * i : i)], &high = row[head + (interleaved ? 2 * i + 1 : i + half)];
        const double a = low, b = high;
        low = factor * (a * std::cos(angle) - b * std::sin(angle));
        high = factor * (b * std::cos(angle) + a * std::sin(angle));
      }
    }
  }
};

/// The values that a result is a combination of, as far as ops are those that rotations consist of: movements, sums,
/// and products with numbers of the position.
struct Region {
  llvm::SetVector<Value> values;       // from the result backwards
  llvm::SmallPtrSet<Value, 4> leaves;  // those of them that other ops make
  llvm::SetVector<Value> coefficients; // what is multiplied with
};

class RopeRaiser {
public:
  RopeRaiser(ModuleOp module, func::FuncOp function, Value position, const WeightReader &reader)
      : module(module), function(function), position(position), dependences(position),
        runner(module, position, reader) {}

  LogicalResult run(int64_t &raised) {
    SmallVector<Operation *> anchors;
    for (Operation &op : llvm::reverse(function.getBody().front()))
      anchors.push_back(&op);
    // The last op of a rotation first: what it consists of may look like one.
    for (Operation *anchor : anchors) {
      if (done.contains(anchor) || !isAnchor(anchor))
        continue;
      FailureOr<bool> matched = raise(anchor->getResult(0));
      if (failed(matched))
        return failure();
      raised += *matched;
    }
    eraseDead(function);
    return success();
  }

private:
  static bool isAnchor(Operation *op);
  SmallVector<Value> passed(Operation *op);
  Region regionOf(Value result);
  bool passesThrough(Value result, Value candidate, const Region &region);
  Value madeBy(Value value, llvm::function_ref<bool(Operation *)> what);

  std::optional<Rotation> computedRotation(const Region &region, Value cos);
  FailureOr<std::optional<Rotation>> gatheredRotation(const Region &region);
  std::optional<AngleTable> tablesOf(const Region &region);
  bool holds(Value result, Value input, const Region &region, int64_t headDim, const Rotation &rotation);

  std::optional<nn::TensorValue> coefficientAt(Value coefficient, int64_t at);
  FailureOr<std::optional<Rotation>> rotationOf(const Region &region);
  FailureOr<bool> raise(Value result);
  FlatSymbolRefAttr weightFor(const Rotation &rotation);

  ModuleOp module;
  func::FuncOp function;
  Value position;
  Dependences dependences;
  SliceRunner runner;
  llvm::SmallPtrSet<Operation *, 32> done; // ops of rotations that are nn.rope now
  // All layers multiply with the same numbers, once common subexpressions are one.
  llvm::DenseMap<std::pair<Value, int64_t>, std::optional<nn::TensorValue>> coefficients;
  std::map<std::vector<void *>, std::optional<Rotation>> rotations;
};

/// A rotation ends with the sum of two products, or with halves, pairs or what is rotated and the rest put together.
bool RopeRaiser::isAnchor(Operation *op) {
  auto add = dyn_cast<nn::BinaryOp>(op);
  if (!(add && add.getFunction() == nn::BinaryFunction::Add) && !isa<nn::ConcatOp>(op))
    return false;
  const auto type = cast<RankedTensorType>(op->getResult(0).getType());
  return type.hasStaticShape() && type.getElementType().isF32() && type.getRank() >= 2 &&
         type.getShape().back() % 2 == 0 && type.getShape().back() > 0;
}

/// Elements of a head of what ends with `type`: the last axis, or the last two if those are pairs.
int64_t headDimOf(RankedTensorType type) {
  const ArrayRef<int64_t> shape = type.getShape();
  return shape.back() == 2 ? 2 * shape[shape.size() - 2] : shape.back();
}

/// The operands of the sequence that `op` combines as a rotation might; none: it does something else.
SmallVector<Value> RopeRaiser::passed(Operation *op) {
  if (!op)
    return {};
  if (isa<nn::ReshapeOp, nn::TransposeOp, nn::SliceOp>(op))
    return {op->getOperand(0)};
  if (isa<nn::ConcatOp>(op))
    return llvm::all_of(op->getOperands(), [&](Value part) { return dependences.of(part) == Dependence::Sequence; })
               ? SmallVector<Value>(op->getOperands())
               : SmallVector<Value>();
  if (auto unary = dyn_cast<nn::UnaryOp>(op))
    return unary.getFunction() == nn::UnaryFunction::Neg ? SmallVector<Value>{unary.getInput()} : SmallVector<Value>();
  auto binary = dyn_cast<nn::BinaryOp>(op);
  if (!binary)
    return {};
  const Dependence left = dependences.of(binary.getLhs()), right = dependences.of(binary.getRhs());
  switch (binary.getFunction()) {
  case nn::BinaryFunction::Add:
  case nn::BinaryFunction::Sub:
    return left == Dependence::Sequence && right == Dependence::Sequence ? SmallVector<Value>(op->getOperands())
                                                                         : SmallVector<Value>();
  case nn::BinaryFunction::Mul:
    if (left == Dependence::Sequence && right == Dependence::Position)
      return {binary.getLhs()};
    if (right == Dependence::Sequence && left == Dependence::Position)
      return {binary.getRhs()};
    return {};
  default:
    return {};
  }
}

Region RopeRaiser::regionOf(Value result) {
  Region region;
  SmallVector<Value> open{result};
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    if (!region.values.insert(next))
      continue;
    Operation *op = next.getDefiningOp();
    const SmallVector<Value> inputs = passed(op);
    if (inputs.empty()) {
      region.leaves.insert(next);
      continue;
    }
    llvm::append_range(open, inputs);
    if (isa<nn::BinaryOp>(op) && inputs.size() == 1)
      region.coefficients.insert(op->getOperand(op->getOperand(0) == inputs[0] ? 1 : 0));
  }
  return region;
}

/// Whether all that `result` has of the sequence comes from `candidate`.
bool RopeRaiser::passesThrough(Value result, Value candidate, const Region &region) {
  SmallVector<Value> open{result};
  llvm::SmallPtrSet<Value, 16> seen;
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    if (next == candidate || !seen.insert(next).second)
      continue;
    if (region.leaves.contains(next))
      return false;
    llvm::append_range(open, passed(next.getDefiningOp()));
  }
  return true;
}

/// The result nearest to `value`, among those that it is made of, of an op that is `what`; null.
Value RopeRaiser::madeBy(Value value, llvm::function_ref<bool(Operation *)> what) {
  SmallVector<Value> open{value};
  llvm::SmallPtrSet<Value, 16> seen;
  for (size_t i = 0; i < open.size(); ++i) {
    Operation *op = open[i].getDefiningOp();
    if (!op || !seen.insert(open[i]).second)
      continue;
    if (what(op))
      return open[i];
    llvm::append_range(open, op->getOperands());
  }
  return nullptr;
}

/// `values` of one row, without what is there twice: the second half, or every second element.
std::vector<double> once(std::vector<double> values) {
  const size_t half = values.size() / 2;
  if (values.size() % 2 != 0 || half == 0)
    return values;
  if (std::equal(values.begin(), values.begin() + half, values.begin() + half))
    values.resize(half);
  else if (llvm::all_of(llvm::seq<size_t>(half), [&](size_t i) { return values[2 * i] == values[2 * i + 1]; }))
    for (size_t i = half; i-- > 0;)
      values.erase(values.begin() + static_cast<ptrdiff_t>(2 * i + 1));
  return values;
}

/// Where cosines and sines are computed: angles at position 1 are the frequencies, cosines at position 0 the factor.
std::optional<Rotation> RopeRaiser::computedRotation(const Region &region, Value cos) {
  const std::optional<nn::TensorValue> angles = runner.run(cos.getDefiningOp()->getOperand(0), 1);
  if (!angles || angles->element != ElementType::f32)
    return std::nullopt;
  const std::vector<double> frequencies = once(reals(*angles));
  Rotation rotation;
  rotation.factor = 0;
  for (Value coefficient : region.coefficients)
    if (const std::optional<nn::TensorValue> values = coefficientAt(coefficient, 0))
      for (double value : reals(*values))
        rotation.factor = std::max(rotation.factor, value);
  if (rotation.factor <= 0)
    return std::nullopt;
  rotation.factor = exactFactor(static_cast<float>(rotation.factor));
  rotation.ofGraph.assign(frequencies.begin(), frequencies.end());
  rotation.frequencies = withoutRoundings(rotation.ofGraph);
  rotation.tolerance = 2e-5;
  return rotation;
}

/// How far apart numbers are, at 1, of the narrowest type that holds `values`: a table of 16 bits may have been
/// widened.
double unitOf(const std::vector<double> &values) {
  const nn::Shape shape{static_cast<int64_t>(values.size())};
  const auto isHeldBy = [&](ElementType type) { return reals(nn::tensorOf(type, shape, std::span(values))) == values; };
  return isHeldBy(ElementType::bf16) ? 0x1p-8 : isHeldBy(ElementType::f16) ? 0x1p-11 : 0x1p-23;
}

bool isGather(Operation *op) { return isa<nn::GatherOp>(op); }

/// The table of cosines and the one of sines that rows are gathered from.
std::optional<AngleTable> RopeRaiser::tablesOf(const Region &region) {
  AngleTable table;
  for (Value coefficient : region.coefficients) {
    auto gather = madeBy(coefficient, isGather).getDefiningOp<nn::GatherOp>();
    std::optional<nn::TensorValue> value = runner.run(gather.getInput(), 0);
    if (!value || value->rank() != 2 || value->shape[0] < 2 || value->shape[1] < 1)
      return std::nullopt;
    std::vector<double> all = reals(*value);
    const int64_t columns = value->shape[1];
    const int64_t pairs = static_cast<int64_t>(
        once(std::vector<double>(all.begin() + columns, all.begin() + 2 * columns)).size()); // of position 1
    if (table.pairs != 0 && (table.pairs != pairs || table.rows != value->shape[0]))
      return std::nullopt;
    table.pairs = pairs;
    table.rows = value->shape[0];
    const bool isHalved = pairs != columns && all[columns] == all[columns + pairs];
    std::vector<double> values;
    for (int64_t row = 0; row < table.rows; ++row)
      for (int64_t pair = 0; pair < pairs; ++pair)
        values.push_back(all[row * columns + (pairs == columns || isHalved ? pair : 2 * pair)]);
    (values[0] == 0 ? table.sin : table.cos) = std::move(values);
    table.unit = std::max(table.unit, unitOf(all));
  }
  if (table.cos.empty() || table.sin.empty())
    return std::nullopt;
  table.factor = table.cos[0];
  return table;
}

/// Where they are gathered from tables. Tables that are rotations, but by no formula, are an error.
FailureOr<std::optional<Rotation>> RopeRaiser::gatheredRotation(const Region &region) {
  const std::optional<AngleTable> table = tablesOf(region);
  if (!table)
    return std::optional<Rotation>();
  const double squared = table->factor * table->factor;
  for (size_t i = 0; i < table->cos.size(); ++i)
    if (std::abs(table->cos[i] * table->cos[i] + table->sin[i] * table->sin[i] - squared) > 4 * table->unit * squared)
      return std::optional<Rotation>();
  std::optional<Frequencies> frequencies = frequenciesOf(*table);
  if (!frequencies)
    return madeBy(region.coefficients[0], isGather).getDefiningOp()->emitError()
           << "gathers from tables of " << table->rows << " x " << table->pairs
           << " cosines and sines that follow no formula known here (theta, theta and a factor, Llama 3)";
  Rotation rotation;
  rotation.ofGraph = rotation.frequencies = std::move(*frequencies);
  rotation.positions = std::min<int64_t>(table->rows, 12); // all rows are the formula's but for its roundings
  rotation.factor = exactFactor(static_cast<float>(table->factor));
  rotation.tolerance = 4 * table->unit * table->factor;
  return std::optional(rotation);
}

std::optional<nn::TensorValue> RopeRaiser::coefficientAt(Value coefficient, int64_t at) {
  const auto [known, isNew] = coefficients.try_emplace({coefficient, at});
  if (isNew)
    known->second = runner.run(coefficient, at);
  return known->second;
}

/// Whether `result` is `input` rotated: at several positions, of made-up elements. Late ones tell frequencies that
/// change in long texts.
bool RopeRaiser::holds(Value result, Value input, const Region &region, int64_t headDim, const Rotation &rotation) {
  for (const int64_t at : {0, 1, 2, 5, 11, 2048, 4096, 8192, 32768, 131071}) {
    if (at >= rotation.positions)
      break;
    std::vector<double> row = madeUp(elementsOf(input), at + 1);
    SmallVector<std::pair<Value, nn::TensorValue>> bindings{{input, valueLike(input, row)}};
    for (Value coefficient : region.coefficients)
      if (std::optional<nn::TensorValue> value = coefficientAt(coefficient, at))
        bindings.emplace_back(coefficient, std::move(*value));
    const std::optional<nn::TensorValue> value = runner.run(result, at, bindings);
    if (!value)
      return false;
    rotation.apply(row, headDim, at);
    for (auto [actual, expected] : llvm::zip_equal(reals(*value), row))
      if (!(std::abs(actual - expected) <= rotation.tolerance * std::max(1.0, rotation.factor)))
        return false;
  }
  return true;
}

FlatSymbolRefAttr RopeRaiser::weightFor(const Rotation &rotation) {
  OpBuilder builder(function);
  const auto type = RankedTensorType::get({static_cast<int64_t>(rotation.frequencies.size())}, builder.getF32Type());
  const auto value = DenseElementsAttr::get(type, ArrayRef(rotation.frequencies));
  const auto factor = rotation.factor == 1 ? FloatAttr() : builder.getF64FloatAttr(rotation.factor);
  std::string name = "rope.inverse_frequencies";
  SymbolTable symbols(module);
  for (int others = 1;; ++others) {
    Operation *there = symbols.lookup(name);
    if (!there)
      break;
    if (auto weight = dyn_cast<nn::WeightOp>(there); weight && weight.getValueAttr() == value &&
                                                     weight.getFactorAttr() == factor && !weight.getGrowthAttr() &&
                                                     !weight.getLongTableAttr())
      return FlatSymbolRefAttr::get(weight.getSymNameAttr());
    name = "rope.inverse_frequencies_" + std::to_string(others);
  }
  auto weight = nn::WeightOp::create(builder, function.getLoc(), name, type, StringAttr(), value);
  weight.setFactorAttr(factor);
  return FlatSymbolRefAttr::get(weight.getSymNameAttr());
}

/// What is multiplied with, as a rotation; nothing if it is none.
FailureOr<std::optional<Rotation>> RopeRaiser::rotationOf(const Region &region) {
  std::vector<void *> key;
  for (Value coefficient : region.coefficients)
    key.push_back(coefficient.getAsOpaquePointer());
  if (const auto known = rotations.find(key); known != rotations.end())
    return known->second;
  const auto isCos = [](Operation *op) {
    auto unary = dyn_cast<nn::UnaryOp>(op);
    return unary && unary.getFunction() == nn::UnaryFunction::Cos;
  };
  Value cos;
  bool gathered = true;
  for (Value coefficient : region.coefficients) {
    cos = cos ? cos : madeBy(coefficient, isCos);
    gathered &= static_cast<bool>(madeBy(coefficient, isGather));
  }
  std::optional<Rotation> rotation;
  if (!llvm::all_of(region.coefficients, [&](Value value) { return changesSteadily(value, dependences); })) {
    // Angles that change their ways in the course of a text are no rotation by nn.rope.
  } else if (cos) {
    rotation = computedRotation(region, cos);
  } else if (gathered) {
    FailureOr<std::optional<Rotation>> found = gatheredRotation(region);
    if (failed(found))
      return failure();
    rotation = *found;
  }
  rotations[key] = rotation;
  return rotation;
}

FailureOr<bool> RopeRaiser::raise(Value result) {
  const Region region = regionOf(result);
  if (region.coefficients.empty())
    return false;
  const int64_t headDim = headDimOf(cast<RankedTensorType>(result.getType()));
  FailureOr<std::optional<Rotation>> found = rotationOf(region);
  if (failed(found))
    return failure();
  std::optional<Rotation> rotation = *found;
  if (!rotation || rotation->rotaryDim() > headDim)
    return false;
  // What is rotated: the value nearest to the result through which everything goes.
  SmallVector<Value> inputs;
  for (Value value : region.values)
    if (value != result && cast<RankedTensorType>(value.getType()).hasStaticShape() &&
        elementsOf(value) == elementsOf(result) && passesThrough(result, value, region))
      inputs.push_back(value);
  llvm::sort(inputs, [](Value a, Value b) {
    return a.getDefiningOp() && b.getDefiningOp() ? b.getDefiningOp()->isBeforeInBlock(a.getDefiningOp())
                                                  : a.getDefiningOp() && !b.getDefiningOp();
  });
  for (Value input : inputs) {
    for (const bool interleaved : {false, true}) {
      rotation->interleaved = interleaved;
      if (!holds(result, input, region, headDim, *rotation))
        continue;
      Operation *place = result.getDefiningOp();
      OpBuilder builder(place);
      const Value row = asRow(builder, place->getLoc(), input);
      const bool partly = rotation->rotaryDim() != headDim;
      const Value turned = nn::RopeOp::create(builder, place->getLoc(), row.getType(), row, position,
                                              weightFor(*rotation), builder.getI64IntegerAttr(headDim),
                                              partly ? builder.getI64IntegerAttr(rotation->rotaryDim()) : IntegerAttr(),
                                              interleaved ? builder.getUnitAttr() : UnitAttr());
      result.replaceAllUsesWith(nn::ReshapeOp::create(builder, place->getLoc(), result.getType(), turned));
      for (Value value : region.values)
        if (Operation *op = value.getDefiningOp())
          done.insert(op);
      return true;
    }
  }
  return false;
}

struct RaiseRopePass : cadenza::impl::RaiseRopeBase<RaiseRopePass> {
  RaiseRopePass() = default;
  explicit RaiseRopePass(WeightReader reader) : reader(std::move(reader)) {}

  void runOnOperation() final {
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      const Value position = function.isExternal() ? Value() : positionOf(function);
      int64_t count = 0;
      if (position && failed(RopeRaiser(getOperation(), function, position, reader).run(count)))
        return signalPassFailure();
      rotations += count;
    }
  }

private:
  WeightReader reader;
};

} // namespace

std::unique_ptr<Pass> cadenza::createRaiseRope(nn::EvaluationState::TensorReader reader) {
  return std::make_unique<RaiseRopePass>(std::move(reader));
}
