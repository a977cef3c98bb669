// The executable reference of each op on tensors: it runs the function of reference/reference.h of the same name.
#include "compiler/ir/nn/NN.h"
#include "compiler/ir/nn/TensorValues.h"
#include "runtime/reference/reference.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::nn;

FailureOr<TensorValue> EvaluationState::tensor(Operation *user, FlatSymbolRefAttr reference) {
  auto op = symbols.lookup<WeightOp>(reference.getValue());
  if (!op)
    return user->emitOpError() << "names " << reference << ", which is no " << WeightOp::getOperationName();
  if (auto value = op.getValue())
    return valueOf(cast<DenseElementsAttr>(*value));
  if (tensorReader)
    return tensorReader(op);
  const TensorSpec spec = specOf(op.getType());
  const bool isHeld =
      spec.element == ElementType::f32 || spec.element == ElementType::f16 || spec.element == ElementType::bf16;
  if (!reader || !isHeld)
    return user->emitOpError() << "needs the elements of " << reference << ", " << op.getType()
                               << ", which cannot be read here";
  const Vector &elements = weight(reference);
  return tensorOf(spec.element, spec.shape, std::vector<double>(elements.begin(), elements.end()));
}

namespace {

/// What a reference made is the op's result; its error becomes one at the op.
LogicalResult put(Operation *op, StatusOr<TensorValue> result, SmallVectorImpl<TensorValue> &results) {
  if (!result.isOk())
    return op->emitOpError() << result.status().message();
  results.push_back(std::move(*result));
  return success();
}

/// The numbers of a list of which some are values, in order.
SmallVector<int64_t> filled(ArrayRef<int64_t> known, ArrayRef<TensorValue> values) {
  SmallVector<int64_t> numbers(known);
  for (int64_t &number : numbers) {
    if (ShapedType::isDynamic(number)) {
      number = integers(values.front()).front();
      values = values.drop_front();
    }
  }
  return numbers;
}

/// The operand after the first `required` ones, null if it was left out.
const TensorView *optional(ArrayRef<TensorView> operands, size_t required) {
  return operands.size() > required ? &operands[required] : nullptr;
}

} // namespace

// `evaluate` of each op, but for its call. Operands are `x`, in the op's order.
#define CADENZA_EVALUATE(OpT, call)                                                                                    \
  LogicalResult OpT::evaluate(EvaluationState &, ArrayRef<TensorValue> values,                                         \
                              SmallVectorImpl<TensorValue> &results) {                                                 \
    const SmallVector<TensorView> x(values.begin(), values.end());                                                     \
    return put(*this, reference::call, results);                                                                       \
  }

CADENZA_EVALUATE(UnaryOp, unary(getFunction(), x[0]))
CADENZA_EVALUATE(BinaryOp, binary(getFunction(), x[0], x[1]))
CADENZA_EVALUATE(WhereOp, where(x[0], x[1], x[2]))
CADENZA_EVALUATE(CastOp, cast(x[0], specOf(getResult().getType()).element))
CADENZA_EVALUATE(TransposeOp, transpose(x[0], getPermutation()))
CADENZA_EVALUATE(ConcatOp, concat(x, getAxis()))
CADENZA_EVALUATE(PadOp, pad(x[0], getBegins(), getEnds(), getMode(), optional(x, 1)))
CADENZA_EVALUATE(TriluOp, trilu(x[0], getUpper(), integers(x[1]).front()))
CADENZA_EVALUATE(RangeOp, range(x[0], x[1], x[2]))
CADENZA_EVALUATE(GatherOp, gather(x[0], x[1], getAxis()))
CADENZA_EVALUATE(GatherElementsOp, gatherElements(x[0], x[1], getAxis()))
CADENZA_EVALUATE(GatherNDOp, gatherND(x[0], x[1], getBatchDims()))
CADENZA_EVALUATE(ScatterElementsOp, scatterElements(x[0], x[1], x[2], getAxis(), getFunction()))
CADENZA_EVALUATE(ScatterNDOp, scatterND(x[0], x[1], x[2], getFunction()))
CADENZA_EVALUATE(TensorScatterOp, tensorScatter(x[0], x[1], optional(x, 2), getAxis(), getCircular()))
CADENZA_EVALUATE(ReduceOp, reduce(getFunction(), x[0], getAxes(), getKeepDims()))
CADENZA_EVALUATE(ArgReduceOp, argReduce(getFunction(), x[0], getAxis(), getKeepDims(), getLast()))
CADENZA_EVALUATE(SoftmaxOp, softmax(x[0], getAxis()))
CADENZA_EVALUATE(LogSoftmaxOp, logSoftmax(x[0], getAxis()))
CADENZA_EVALUATE(CumSumOp, cumsum(x[0], getAxis(), getExclusive(), getReverse()))
CADENZA_EVALUATE(MatMulOp, matmul(x[0], x[1]))
CADENZA_EVALUATE(LayerNormalizationOp,
                 layerNormalization(x[0], x[1], optional(x, 2), getAxis(), getEps().convertToDouble()))
CADENZA_EVALUATE(RMSNormalizationOp, rmsNormalization(x[0], x[1], getAxis(), getEps().convertToDouble()))

LogicalResult ConstantOp::evaluate(EvaluationState &, ArrayRef<TensorValue>, SmallVectorImpl<TensorValue> &results) {
  results.push_back(valueOf(cast<DenseElementsAttr>(getValue())));
  return success();
}

LogicalResult GetWeightOp::evaluate(EvaluationState &state, ArrayRef<TensorValue>,
                                    SmallVectorImpl<TensorValue> &results) {
  FailureOr<TensorValue> value = state.tensor(*this, getWeightAttr());
  if (failed(value))
    return failure();
  results.push_back(std::move(*value));
  return success();
}

LogicalResult PastLengthOp::evaluate(EvaluationState &, ArrayRef<TensorValue> x,
                                     SmallVectorImpl<TensorValue> &results) {
  results.push_back(scalar(integers(x[0]).front()));
  return success();
}

LogicalResult ReadCacheOp::evaluate(EvaluationState &state, ArrayRef<TensorValue> x,
                                    SmallVectorImpl<TensorValue> &results) {
  const EvaluationState::Cache &cache = state.cache(getCacheAttr());
  const std::vector<Vector> &tokens = getOfValues() ? cache.values : cache.keys;
  const auto past = static_cast<size_t>(integers(x[0]).front());
  TensorSpec spec = specOf(getResult().getType());
  if (ShapedType::isDynamic(spec.shape[2]))
    spec.shape[2] = static_cast<int64_t>(past);
  const size_t heads = spec.shape[1], positions = spec.shape[2], headDim = spec.shape[3];
  if (past > positions)
    return emitOpError() << past << " tokens are before this one, more than the " << positions << " positions";
  std::vector<double> elements(heads * positions * headDim);
  for (size_t p = 0; p < past; ++p) {
    if (p >= tokens.size() || tokens[p].size() != heads * headDim)
      return emitOpError() << "position " << p << " is not in the cache";
    for (size_t h = 0; h < heads; ++h)
      for (size_t d = 0; d < headDim; ++d)
        elements[(h * positions + p) * headDim + d] = tokens[p][h * headDim + d];
  }
  results.push_back(tensorOf(spec.element, spec.shape, elements));
  return success();
}

LogicalResult ReshapeOp::evaluate(EvaluationState &, ArrayRef<TensorValue> x, SmallVectorImpl<TensorValue> &results) {
  Shape shape(getResult().getType().getShape().begin(), getResult().getType().getShape().end());
  if (llvm::count_if(shape, ShapedType::isDynamic) > 1) {
    // Those of the operand, in their order.
    SmallVector<int64_t> open;
    for (auto [declared, extent] : llvm::zip_equal(getInput().getType().getShape(), x[0].shape))
      if (ShapedType::isDynamic(declared))
        open.push_back(extent);
    const int64_t *next = open.begin();
    for (int64_t &extent : shape)
      extent = ShapedType::isDynamic(extent) ? *next++ : extent;
  }
  return put(*this, reference::reshape(x[0], std::move(shape)), results);
}

LogicalResult SliceOp::evaluate(EvaluationState &, ArrayRef<TensorValue> x, SmallVectorImpl<TensorValue> &results) {
  const size_t starts = getStarts().size();
  return put(*this,
             reference::slice(x[0], filled(getStaticStarts(), x.slice(1, starts)),
                              filled(getStaticSizes(), x.drop_front(1 + starts)), getStepsOrOnes()),
             results);
}

LogicalResult ExpandOp::evaluate(EvaluationState &, ArrayRef<TensorValue> x, SmallVectorImpl<TensorValue> &results) {
  const ArrayRef<int64_t> declared = getResult().getType().getShape(), input = getInput().getType().getShape();
  const size_t added = declared.size() - input.size();
  Shape shape(declared.begin(), declared.end());
  ArrayRef<TensorValue> extents = x.drop_front();
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (!ShapedType::isDynamic(shape[axis]))
      continue;
    if (axis >= added && ShapedType::isDynamic(input[axis - added])) {
      shape[axis] = x[0].shape[axis - added];
      continue;
    }
    shape[axis] = integers(extents.front()).front();
    extents = extents.drop_front();
  }
  return put(*this, reference::expand(x[0], shape), results);
}

LogicalResult TopKOp::evaluate(EvaluationState &, ArrayRef<TensorValue> x, SmallVectorImpl<TensorValue> &results) {
  StatusOr<std::pair<TensorValue, TensorValue>> result = reference::topk(x[0], getK(), getAxis(), !getSmallest());
  if (!result.isOk())
    return emitOpError() << result.status().message();
  results.push_back(std::move(result->first));
  results.push_back(std::move(result->second));
  return success();
}
