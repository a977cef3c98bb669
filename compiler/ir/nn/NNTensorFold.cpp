// What ops on tensors are replaced by without a change of any bit. Results keep their type, open extents included.
// Rules that hold for real numbers but not for floats (x + 0 is not x where x is -0; a product of casts) are not here.
#include "compiler/ir/nn/NN.h"
#include "compiler/ir/nn/TensorValues.h"
#include "runtime/reference/infer.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::nn;

Operation *NNDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto elements = dyn_cast<DenseElementsAttr>(value);
  return elements && elements.getType() == type ? ConstantOp::create(builder, loc, elements).getOperation() : nullptr;
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

namespace {

/// `value` if it has the type of the op's result, so that it can take its place.
OpFoldResult inPlaceOf(Operation *op, Value value) {
  return value.getType() == op->getResult(0).getType() ? value : Value();
}

/// The op of type OpT that makes `value`; null.
template <typename OpT> OpT definedBy(Value value) { return value.getDefiningOp<OpT>(); }

/// Whether all elements of an operand are `number` (and of -0, whether the sign is that).
bool isAll(Attribute operand, double number) {
  auto splat = dyn_cast_if_present<SplatElementsAttr>(operand);
  if (!splat)
    return false;
  if (isa<FloatType>(splat.getElementType())) {
    const double value = splat.getSplatValue<APFloat>().convertToDouble();
    return value == number && std::signbit(value) == std::signbit(number);
  }
  const TensorValue value = valueOf(splat.resizeSplat(RankedTensorType::get({}, splat.getElementType())));
  return reals(value).front() == number;
}

/// Whether every element of type `from` is one of type `to`.
bool holds(ElementType to, ElementType from) {
  // Of integers: sign and bits of magnitude. Of floats: bits of magnitude that are exact (every exponent of `from` has
  // to be one of `to`, which only bf16 to f16 and f64 to anything violate beyond the bits).
  const auto digits = [](ElementType type) -> int {
    switch (type) {
    case ElementType::f16:
      return 11;
    case ElementType::bf16:
      return 8;
    case ElementType::f32:
      return 24;
    case ElementType::f64:
      return 53;
    case ElementType::boolean:
      return 1;
    default:
      return static_cast<int>(elementBits(type)) - isSigned(type);
    }
  };
  if (to == from)
    return true;
  if (to == ElementType::boolean || (isFloat(from) && !isFloat(to)))
    return false;
  if (from == ElementType::bf16 && to == ElementType::f16)
    return false;
  if (!isFloat(to) && isSigned(from) && !isSigned(to))
    return false;
  // The smallest integer of n bits of magnitude is -2^n: one bit.
  return digits(to) >= digits(from);
}

/// What the right operand is where the result is the left one, bit by bit.
std::optional<double> neutralOf(BinaryFunction function, bool isReal) {
  switch (function) {
  case BinaryFunction::Add: // of floats -0: 0 + -0 is 0, but -0 + 0 is 0, too
    return isReal ? -0.0 : 0.0;
  case BinaryFunction::Sub:
  case BinaryFunction::Or:
  case BinaryFunction::Xor:
  case BinaryFunction::BitwiseOr:
  case BinaryFunction::BitwiseXor:
  case BinaryFunction::ShiftLeft:
  case BinaryFunction::ShiftRight:
    return 0;
  case BinaryFunction::Mul:
  case BinaryFunction::Div:
  case BinaryFunction::Pow:
  case BinaryFunction::And:
    return 1;
  default:
    return std::nullopt;
  }
}

bool commutes(BinaryFunction function) {
  switch (function) {
  case BinaryFunction::Add:
  case BinaryFunction::Mul:
  case BinaryFunction::Min:
  case BinaryFunction::Max:
  case BinaryFunction::And:
  case BinaryFunction::Or:
  case BinaryFunction::Xor:
  case BinaryFunction::BitwiseAnd:
  case BinaryFunction::BitwiseOr:
  case BinaryFunction::BitwiseXor:
  case BinaryFunction::Equal:
    return true;
  default:
    return false;
  }
}

} // namespace

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

OpFoldResult UnaryOp::fold(FoldAdaptor) {
  auto inner = definedBy<UnaryOp>(getInput());
  if (!inner || inner.getFunction() != getFunction())
    return nullptr;
  switch (getFunction()) {
  case UnaryFunction::Neg:
  case UnaryFunction::Not:
  case UnaryFunction::BitwiseNot: // undo themselves
    return inPlaceOf(*this, inner.getInput());
  case UnaryFunction::Abs:
  case UnaryFunction::Sign:
  case UnaryFunction::Relu:
  case UnaryFunction::Floor:
  case UnaryFunction::Ceil:
  case UnaryFunction::Round: // change nothing the second time
    return inPlaceOf(*this, inner);
  default:
    return nullptr;
  }
}

OpFoldResult BinaryOp::fold(FoldAdaptor operands) {
  const std::optional<double> neutral = neutralOf(getFunction(), isa<FloatType>(getLhs().getType().getElementType()));
  if (!neutral)
    return nullptr;
  // The other operand must not repeat, not even along an open extent that turns out to be 1.
  const TensorSpec left = specOf(getLhs().getType()), right = specOf(getRhs().getType());
  const StatusOr<Shape> shape = infer::broadcast(left.shape, right.shape);
  if (isAll(operands.getRhs(), *neutral) && *shape == left.shape)
    return inPlaceOf(*this, getLhs());
  if (commutes(getFunction()) && isAll(operands.getLhs(), *neutral) && *shape == right.shape)
    return inPlaceOf(*this, getRhs());
  return nullptr;
}

OpFoldResult WhereOp::fold(FoldAdaptor operands) {
  const TensorSpec left = specOf(getOnTrue().getType()), right = specOf(getOnFalse().getType());
  const StatusOr<TensorSpec> spec = infer::where(specOf(getCondition().getType()), left, right);
  if ((getOnTrue() == getOnFalse() || isAll(operands.getCondition(), 1)) && spec->shape == left.shape)
    return inPlaceOf(*this, getOnTrue());
  if (isAll(operands.getCondition(), 0) && spec->shape == right.shape)
    return inPlaceOf(*this, getOnFalse());
  return nullptr;
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  // Of a cast that lost nothing, what it was of. Two exceptions: an integer that became a float is saturated by a cast
  // to a narrower integer, but wraps in a direct one.
  auto inner = definedBy<CastOp>(getInput());
  if (!inner)
    return nullptr;
  const ElementType first = specOf(inner.getInput().getType()).element, middle = specOf(getInput().getType()).element;
  const ElementType last = specOf(getResult().getType()).element;
  const bool saturates =
      !isFloat(first) && isFloat(middle) && !isFloat(last) && last != ElementType::boolean && !holds(last, first);
  if (!holds(middle, first) || saturates)
    return nullptr;
  getInputMutable().assign(inner.getInput());
  return getResult();
}

//===----------------------------------------------------------------------===//
// Data movement
//===----------------------------------------------------------------------===//

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  // Of one type, so of one shape: open extents follow from the number of elements, or are those of the operand.
  if (getInput().getType() == getResult().getType())
    return getInput();
  auto inner = definedBy<ReshapeOp>(getInput());
  if (!inner || !infer::reshape(specOf(inner.getInput().getType()), specOf(getResult().getType()).shape).isOk())
    return nullptr;
  getInputMutable().assign(inner.getInput());
  return getResult();
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  if (llvm::is_sorted(getPermutation()))
    return inPlaceOf(*this, getInput());
  auto inner = definedBy<TransposeOp>(getInput());
  if (!inner)
    return nullptr;
  SmallVector<int64_t> permutation;
  for (int64_t axis : getPermutation())
    permutation.push_back(inner.getPermutation()[axis]);
  setPermutation(permutation);
  getInputMutable().assign(inner.getInput());
  return getResult();
}

namespace {

/// A transpose that leaves axes of other extents than 1 in their order moves nothing: a reshape, of which fewer ops
/// are.
struct TransposeOfOnes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    const RankedTensorType type = op.getInput().getType();
    SmallVector<int64_t> moved;
    for (int64_t axis : op.getPermutation())
      if (type.getDimSize(axis) != 1)
        moved.push_back(axis);
    if (!llvm::is_sorted(moved))
      return rewriter.notifyMatchFailure(op, "axes of more than one element change places");
    // Open extents of both types are one another's only if the declared type knows neither more nor less.
    const StatusOr<TensorSpec> spec = infer::transpose(specOf(type), op.getPermutation());
    if (!spec.isOk() || typeOf(op.getContext(), *spec) != op.getResult().getType())
      return rewriter.notifyMatchFailure(op, "the result declares other extents than those of the operand");
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getResult().getType(), op.getInput());
    return success();
  }
};

/// Of a slice of a concatenation, within one of its parts: the slice of that part.
struct SliceOfConcat : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    auto concat = definedBy<ConcatOp>(op.getInput());
    if (!concat)
      return rewriter.notifyMatchFailure(op, "it is no slice of a concatenation");
    const int64_t rank = op.getInput().getType().getRank();
    int64_t axis = static_cast<int64_t>(concat.getAxis());
    axis += axis < 0 ? rank : 0;
    const int64_t start = op.getStaticStarts()[axis], size = op.getStaticSizes()[axis];
    if (ShapedType::isDynamic(start) || ShapedType::isDynamic(size) || size <= 0)
      return rewriter.notifyMatchFailure(op, "the slice is open on the axis of the concatenation, or empty");
    const int64_t last = start + (size - 1) * op.getStepsOrOnes()[axis];
    const int64_t lowest = std::min(start, last), highest = std::max(start, last);
    int64_t begin = 0; // of the part
    for (Value part : concat.getParts()) {
      const int64_t extent = cast<RankedTensorType>(part.getType()).getDimSize(axis);
      if (ShapedType::isDynamic(extent))
        return rewriter.notifyMatchFailure(op, "a part before or at the slice has an open extent");
      if (lowest >= begin && highest < begin + extent) {
        SmallVector<int64_t> starts(op.getStaticStarts());
        starts[axis] -= begin;
        rewriter.modifyOpInPlace(op, [&] {
          op.getInputMutable().assign(part);
          op.setStaticStarts(starts);
        });
        return success();
      }
      begin += extent;
    }
    return rewriter.notifyMatchFailure(op, "the slice takes from several parts");
  }
};

/// A constant operand of a function that commutes stands on the right, where those who match look for it.
struct ConstantToTheRight : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (!commutes(op.getFunction()))
      return rewriter.notifyMatchFailure(op, "the function does not commute");
    if (!matchPattern(op.getLhs(), m_Constant()) || matchPattern(op.getRhs(), m_Constant()))
      return rewriter.notifyMatchFailure(op, "no constant stands on the left alone");
    const Value left = op.getLhs(), right = op.getRhs();
    rewriter.modifyOpInPlace(op, [&] {
      op.getLhsMutable().assign(right);
      op.getRhsMutable().assign(left);
    });
    return success();
  }
};

} // namespace

void BinaryOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ConstantToTheRight>(context);
}
void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<TransposeOfOnes>(context);
}
void SliceOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SliceOfConcat>(context);
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  const ArrayRef<int64_t> shape = getInput().getType().getShape();
  const bool isWhole = !ShapedType::isDynamicShape(shape) && getStaticSizes() == shape &&
                       llvm::all_of(getStaticStarts(), [](int64_t start) { return start == 0; }) &&
                       llvm::all_of(getStepsOrOnes(), [](int64_t step) { return step == 1; });
  return isWhole ? inPlaceOf(*this, getInput()) : OpFoldResult();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getParts().size() == 1 ? inPlaceOf(*this, getParts().front()) : OpFoldResult();
}

OpFoldResult ExpandOp::fold(FoldAdaptor) {
  return getExtents().empty() ? inPlaceOf(*this, getInput()) : OpFoldResult();
}

OpFoldResult PadOp::fold(FoldAdaptor) {
  const auto isZero = [](int64_t count) { return count == 0; };
  return llvm::all_of(getBegins(), isZero) && llvm::all_of(getEnds(), isZero) ? inPlaceOf(*this, getInput())
                                                                              : OpFoldResult();
}
