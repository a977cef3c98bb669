// Result types and verifiers of ops on tensors. The rules stand in reference/infer.h.
#include "compiler/ir/nn/NN.h"
#include "compiler/ir/nn/TensorValues.h"
#include "runtime/reference/infer.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::nn;

namespace {

/// Makes an error of a rule one of the op that `OpT` names.
template <typename OpT> LogicalResult refused(std::optional<Location> location, const Status &status) {
  return emitOptionalError(location, "'", OpT::getOperationName(), "' op ", status.message());
}

template <typename OpT>
LogicalResult inferred(MLIRContext *context, std::optional<Location> location, const StatusOr<TensorSpec> &result,
                       SmallVectorImpl<Type> &types) {
  if (!result.isOk())
    return refused<OpT>(location, result.status());
  types.push_back(typeOf(context, *result));
  return success();
}

/// Of an operand that may be left out.
std::optional<TensorSpec> specIf(Value value) { return value ? std::optional(specOf(value.getType())) : std::nullopt; }
const TensorSpec *pointer(const std::optional<TensorSpec> &spec) { return spec ? &*spec : nullptr; }

/// Whether a type that is declared does not contradict the one that is inferred: either may leave extents open.
bool areCompatible(TypeRange inferred, TypeRange declared) {
  return inferred.size() == declared.size() && llvm::all_of(llvm::zip(inferred, declared), [](auto pair) {
           auto [a, b] = pair;
           return getElementTypeOrSelf(a) == getElementTypeOrSelf(b) && succeeded(verifyCompatibleShape(a, b));
         });
}

/// Steps of a slice, of which none is given if all are 1.
SmallVector<int64_t> stepsOrOnes(std::optional<ArrayRef<int64_t>> steps, size_t rank) {
  return steps ? llvm::to_vector(*steps) : SmallVector<int64_t>(rank, 1);
}

} // namespace

FailureOr<int64_t> cadenza::nn::parseSpelling(AsmParser &parser, ArrayRef<StringRef> spellings) {
  StringRef keyword;
  const SMLoc place = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  if (const StringRef *known = llvm::find(spellings, keyword); known != spellings.end())
    return known - spellings.begin();
  InFlightDiagnostic diagnostic = parser.emitError(place) << "there is no function " << keyword << "; expected one of ";
  llvm::interleaveComma(spellings, diagnostic);
  return diagnostic;
}

//===----------------------------------------------------------------------===//
// Ops whose result types are checked
//===----------------------------------------------------------------------===//

LogicalResult ConstantOp::verify() {
  if (isa<DenseElementsAttr>(getValue()))
    return success();
  return emitOpError() << "needs a dense constant";
}

LogicalResult GetWeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError() << "names " << getWeightAttr() << ", which is no " << WeightOp::getOperationName();
  if (weight.getFactor() || weight.getPlus() || weight.getLongTable() || weight.getGrowth())
    return emitOpError() << "yields what is stored of " << getWeightAttr()
                         << ", which has more (plus, factor, growth or long): only ops of a decoder apply it";
  if (weight.getType() == getResult().getType())
    return success();
  InFlightDiagnostic diagnostic = emitOpError() << "yields " << getResult().getType() << ", but " << getWeightAttr()
                                                << " is " << weight.getType();
  diagnostic.attachNote(weight.getLoc()) << "the weight is declared here";
  return diagnostic;
}

LogicalResult ReadCacheOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto cache = symbols.lookupNearestSymbolFrom<CacheOp>(*this, getCacheAttr());
  if (!cache)
    return emitOpError() << "names " << getCacheAttr() << ", which is no " << CacheOp::getOperationName();
  const RankedTensorType type = getResult().getType();
  const auto heads = static_cast<int64_t>(cache.getKvHeads()), headDim = static_cast<int64_t>(cache.getHeadDim());
  if (type.getRank() == 4 && type.getDimSize(0) == 1 && type.getDimSize(1) == heads && type.getDimSize(3) == headDim &&
      isa<FloatType>(type.getElementType()))
    return success();
  InFlightDiagnostic diagnostic = emitOpError()
                                  << "yields floats of shape [1, " << heads << ", ?, " << headDim << "], not " << type;
  diagnostic.attachNote(cache.getLoc()) << "the cache is declared here";
  return diagnostic;
}

LogicalResult CastOp::verify() {
  if (areCompatible(getInput().getType().clone(getResult().getType().getElementType()), getResult().getType()))
    return success();
  return emitOpError() << "changes the element type, not the shape: " << getInput().getType() << " cannot become "
                       << getResult().getType();
}

LogicalResult ReshapeOp::verify() {
  const TensorSpec declared = specOf(getResult().getType());
  const StatusOr<TensorSpec> result = infer::reshape(specOf(getInput().getType()), declared.shape);
  if (!result.isOk())
    return refused<ReshapeOp>(getLoc(), result.status());
  if (result->element != declared.element)
    return emitOpError() << "changes the shape, not the element type";
  return success();
}

SmallVector<int64_t> SliceOp::getStepsOrOnes() { return stepsOrOnes(getSteps(), getStaticStarts().size()); }

LogicalResult SliceOp::verify() {
  if (llvm::count_if(getStaticStarts(), ShapedType::isDynamic) == static_cast<int64_t>(getStarts().size()) &&
      llvm::count_if(getStaticSizes(), ShapedType::isDynamic) == static_cast<int64_t>(getSizes().size()))
    return success();
  return emitOpError() << "needs a value for each start and size that is open, and no others";
}

void SliceOp::build(OpBuilder &builder, OperationState &state, Value input, ArrayRef<OpFoldResult> starts,
                    ArrayRef<OpFoldResult> sizes, ArrayRef<int64_t> steps) {
  SmallVector<Value> openStarts, openSizes;
  SmallVector<int64_t> knownStarts, knownSizes;
  dispatchIndexOpFoldResults(starts, openStarts, knownStarts);
  dispatchIndexOpFoldResults(sizes, openSizes, knownSizes);
  const bool allOnes = llvm::all_of(steps, [](int64_t step) { return step == 1; });
  build(builder, state, input, openStarts, openSizes, knownStarts, knownSizes,
        allOnes ? DenseI64ArrayAttr() : builder.getDenseI64ArrayAttr(steps));
}

LogicalResult ExpandOp::verify() {
  const TensorSpec input = specOf(getInput().getType()), declared = specOf(getResult().getType());
  const StatusOr<TensorSpec> result = infer::expand(input, declared.shape);
  if (!result.isOk())
    return refused<ExpandOp>(getLoc(), result.status());
  if (result->element != declared.element)
    return emitOpError() << "changes the shape, not the element type";
  // Extents that are open in the result and are not those of the operand.
  int64_t needed = 0;
  for (int64_t axis = 0, added = declared.rank() - input.rank(); axis < declared.rank(); ++axis)
    needed += ShapedType::isDynamic(declared.shape[axis]) &&
              (axis < added || !ShapedType::isDynamic(input.shape[axis - added]));
  if (needed == static_cast<int64_t>(getExtents().size()))
    return success();
  return emitOpError() << "makes " << getResult().getType() << " of " << getInput().getType() << ", which needs "
                       << needed << " extents, not " << getExtents().size();
}

//===----------------------------------------------------------------------===//
// Ops whose result types are inferred
//===----------------------------------------------------------------------===//

// What each op has of InferTypeOpInterface, but for the rule.
#define CADENZA_INFERRED(OpT, rule)                                                                                    \
  LogicalResult OpT::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor op,              \
                                      SmallVectorImpl<Type> &types) {                                                  \
    return inferred<OpT>(context, location, rule, types);                                                              \
  }                                                                                                                    \
  bool OpT::isCompatibleReturnTypes(TypeRange inferred, TypeRange declared) {                                          \
    return areCompatible(inferred, declared);                                                                          \
  }

namespace {
TensorSpec spec(Value value) { return specOf(value.getType()); }

StatusOr<TensorSpec> inferPad(PadOp::Adaptor op) {
  return infer::pad(spec(op.getInput()), op.getBegins(), op.getEnds(), op.getMode(), pointer(specIf(op.getValue())));
}
StatusOr<TensorSpec> inferConcat(ConcatOp::Adaptor op) {
  return infer::concat(llvm::map_to_vector(op.getParts(), spec), static_cast<int64_t>(op.getAxis()));
}
StatusOr<TensorSpec> inferTensorScatter(TensorScatterOp::Adaptor op) {
  return infer::tensorScatter(spec(op.getCache()), spec(op.getUpdate()), pointer(specIf(op.getWriteIndices())),
                              static_cast<int64_t>(op.getAxis()));
}
} // namespace

CADENZA_INFERRED(UnaryOp, infer::unary(op.getFunction(), spec(op.getInput())))
CADENZA_INFERRED(BinaryOp, infer::binary(op.getFunction(), spec(op.getLhs()), spec(op.getRhs())))
CADENZA_INFERRED(WhereOp, infer::where(spec(op.getCondition()), spec(op.getOnTrue()), spec(op.getOnFalse())))
CADENZA_INFERRED(TransposeOp, infer::transpose(spec(op.getInput()), op.getPermutation()))
CADENZA_INFERRED(SliceOp, infer::slice(spec(op.getInput()), op.getStaticStarts(), op.getStaticSizes(),
                                       stepsOrOnes(op.getSteps(), op.getStaticStarts().size())))
CADENZA_INFERRED(ConcatOp, inferConcat(op))
CADENZA_INFERRED(PadOp, inferPad(op))
CADENZA_INFERRED(TriluOp, infer::trilu(spec(op.getInput())))
CADENZA_INFERRED(RangeOp, infer::range(spec(op.getStart()), spec(op.getLimit()), spec(op.getDelta())))
CADENZA_INFERRED(GatherOp, infer::gather(spec(op.getInput()), spec(op.getIndices()), op.getAxis()))
CADENZA_INFERRED(GatherElementsOp, infer::gatherElements(spec(op.getInput()), spec(op.getIndices()), op.getAxis()))
CADENZA_INFERRED(GatherNDOp, infer::gatherND(spec(op.getInput()), spec(op.getIndices()), op.getBatchDims()))
CADENZA_INFERRED(ScatterElementsOp, infer::scatterElements(spec(op.getInput()), spec(op.getIndices()),
                                                           spec(op.getUpdates()), op.getAxis(), op.getFunction()))
CADENZA_INFERRED(ScatterNDOp,
                 infer::scatterND(spec(op.getInput()), spec(op.getIndices()), spec(op.getUpdates()), op.getFunction()))
CADENZA_INFERRED(TensorScatterOp, inferTensorScatter(op))
CADENZA_INFERRED(ReduceOp, infer::reduce(op.getFunction(), spec(op.getInput()), op.getAxes(), op.getKeepDims()))
CADENZA_INFERRED(ArgReduceOp, infer::argReduce(spec(op.getInput()), op.getAxis(), op.getKeepDims()))
CADENZA_INFERRED(SoftmaxOp, infer::softmax(spec(op.getInput()), op.getAxis()))
CADENZA_INFERRED(LogSoftmaxOp, infer::softmax(spec(op.getInput()), op.getAxis()))
CADENZA_INFERRED(CumSumOp, infer::cumsum(spec(op.getInput()), op.getAxis()))
CADENZA_INFERRED(MatMulOp, infer::matmul(spec(op.getLhs()), spec(op.getRhs())))
CADENZA_INFERRED(LayerNormalizationOp, infer::normalization(spec(op.getInput()), spec(op.getScale()),
                                                            pointer(specIf(op.getBias())), op.getAxis()))
CADENZA_INFERRED(RMSNormalizationOp,
                 infer::normalization(spec(op.getInput()), spec(op.getScale()), nullptr, op.getAxis()))

LogicalResult TopKOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor op,
                                       SmallVectorImpl<Type> &types) {
  const StatusOr<TensorSpec> values = infer::topk(spec(op.getInput()), op.getK(), op.getAxis());
  if (failed(inferred<TopKOp>(context, location, values, types)))
    return failure();
  types.push_back(typeOf(context, {ElementType::i64, values->shape}));
  return success();
}
bool TopKOp::isCompatibleReturnTypes(TypeRange inferred, TypeRange declared) {
  return areCompatible(inferred, declared);
}
