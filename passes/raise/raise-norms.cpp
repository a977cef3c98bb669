// Norms, whole or taken apart, become nn.rms_norm and nn.layer_norm. See Passes.td.
#include "passes/Passes.h"
#include "passes/raise/match.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace cadenza {
#define GEN_PASS_DEF_RAISENORMS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using nn::BinaryFunction;
using nn::UnaryFunction;

namespace {

FlatSymbolRefAttr referenceTo(nn::WeightOp weight) { return FlatSymbolRefAttr::get(weight); }

/// What `mean` is the mean of along the last axis, with that axis kept; null.
Value meanOf(Value mean) {
  auto reduce = mean.getDefiningOp<nn::ReduceOp>();
  if (!reduce || reduce.getFunction() != nn::ReduceFunction::Mean || !reduce.getKeepDims() ||
      reduce.getAxes().size() != 1)
    return nullptr;
  const int64_t axis = reduce.getAxes().front(), rank = reduce.getInput().getType().getRank();
  return axis == -1 || axis == rank - 1 ? reduce.getInput() : Value();
}

/// What `square` is the square of: a power or a product; null.
Value squareOf(Value square) {
  if (const auto power = raise::withConstant(square, BinaryFunction::Pow))
    return power->constant == 2 ? power->operand : Value();
  nn::BinaryOp product = raise::binary(square, BinaryFunction::Mul);
  return product && product.getLhs() == product.getRhs() ? product.getLhs() : Value();
}

/// x / sqrt(mean of x^2 along the last axis + eps)
struct Normalized {
  Value input;
  double eps;
};

/// If `deviation` is sqrt(mean(x^2) + eps).
std::optional<Normalized> rootMeanSquare(Value deviation) {
  nn::UnaryOp root = raise::unary(deviation, UnaryFunction::Sqrt);
  const auto shifted = root ? raise::withConstant(root.getInput(), BinaryFunction::Add) : std::nullopt;
  const Value square = shifted ? meanOf(shifted->operand) : Value();
  const Value input = square ? squareOf(square) : Value();
  return input ? std::optional(Normalized{input, shifted->constant}) : std::nullopt;
}

/// If `factor` is 1 / sqrt(mean(x^2) + eps): a reciprocal, a quotient or a power.
std::optional<Normalized> reciprocalRootMeanSquare(Value factor) {
  if (nn::UnaryOp reciprocal = raise::unary(factor, UnaryFunction::Reciprocal))
    return rootMeanSquare(reciprocal.getInput());
  if (nn::BinaryOp quotient = raise::binary(factor, BinaryFunction::Div))
    return raise::constantOf(quotient.getLhs()) == 1.0 ? rootMeanSquare(quotient.getRhs()) : std::nullopt;
  const auto power = raise::withConstant(factor, BinaryFunction::Pow);
  const auto shifted =
      power && power->constant == -0.5 ? raise::withConstant(power->operand, BinaryFunction::Add) : std::nullopt;
  const Value square = shifted ? meanOf(shifted->operand) : Value();
  const Value input = square ? squareOf(square) : Value();
  return input ? std::optional(Normalized{input, shifted->constant}) : std::nullopt;
}

std::optional<Normalized> normalized(Value value) {
  for (auto [input, factor] : raise::bothOrders(value, BinaryFunction::Mul))
    if (const auto norm = reciprocalRootMeanSquare(factor); norm && norm->input == input)
      return norm;
  nn::BinaryOp quotient = raise::binary(value, BinaryFunction::Div);
  const auto norm = quotient ? rootMeanSquare(quotient.getRhs()) : std::nullopt;
  return norm && norm->input == quotient.getLhs() ? norm : std::nullopt;
}

/// What `difference` is the difference of from its own mean; null.
Value centredOf(Value difference) {
  nn::BinaryOp op = raise::binary(difference, BinaryFunction::Sub);
  return op && meanOf(op.getRhs()) == op.getLhs() ? op.getLhs() : Value();
}

FloatAttr epsOf(PatternRewriter &rewriter, double eps) { return rewriter.getF64FloatAttr(raise::shortestDecimal(eps)); }

/// normalized(x) * weight, in either order: nn.rms_norm, or nn.layer_norm without a bias if x is centred.
struct RaiseDecomposed : OpRewritePattern<nn::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::BinaryOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op);
    if (op.getFunction() != BinaryFunction::Mul || !type)
      return rewriter.notifyMatchFailure(op, "it is no product of activations");
    for (auto [left, right] : raise::bothOrders(op, BinaryFunction::Mul)) {
      const std::optional<Normalized> norm = normalized(left);
      if (!norm || norm->input.getType() != type)
        continue;
      nn::WeightOp weight = raise::vectorWeight(right, type.getShape().back(), rewriter);
      if (!weight)
        return rewriter.notifyMatchFailure(op, "what is normalised is not multiplied by a weight");
      if (Value centred = centredOf(norm->input))
        rewriter.replaceOpWithNewOp<nn::LayerNormOp>(op, type, centred, referenceTo(weight), FlatSymbolRefAttr(),
                                                     epsOf(rewriter, norm->eps), IntegerAttr());
      else
        rewriter.replaceOpWithNewOp<nn::RMSNormOp>(op, type, norm->input, referenceTo(weight),
                                                   epsOf(rewriter, norm->eps), IntegerAttr());
      return success();
    }
    return rewriter.notifyMatchFailure(op, "neither factor is normalised");
  }
};

/// The bias of a layer norm that was an addition of its own.
struct AddBias : OpRewritePattern<nn::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::BinaryOp op, PatternRewriter &rewriter) const final {
    for (auto [left, right] : raise::bothOrders(op, BinaryFunction::Add)) {
      auto norm = left.getDefiningOp<nn::LayerNormOp>();
      if (!norm || norm.getBias() || !norm->hasOneUse() || op.getType() != norm.getType() || norm.getGroupSize())
        continue;
      nn::WeightOp bias = raise::vectorWeight(right, nn::rowElements(norm), rewriter);
      if (!bias)
        return rewriter.notifyMatchFailure(op, "what is added to a norm is no weight");
      rewriter.replaceOpWithNewOp<nn::LayerNormOp>(op, norm.getType(), norm.getInput(), norm.getWeightAttr(),
                                                   referenceTo(bias), norm.getEpsAttr(), IntegerAttr());
      return success();
    }
    return rewriter.notifyMatchFailure(op, "it adds nothing to a layer norm without a bias");
  }
};

/// Whether `axis` is the last one of `type`.
bool isLast(int64_t axis, RankedTensorType type) { return axis == -1 || axis == type.getRank() - 1; }

struct RaiseRMSNormalization : OpRewritePattern<nn::RMSNormalizationOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::RMSNormalizationOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op.getInput());
    if (!type || !isLast(op.getAxis(), type) || op.getType() != type)
      return rewriter.notifyMatchFailure(op, "it does not normalise rows of activations");
    nn::WeightOp weight = raise::vectorWeight(op.getScale(), type.getShape().back(), rewriter);
    if (!weight)
      return rewriter.notifyMatchFailure(op, "the scale is no weight");
    rewriter.replaceOpWithNewOp<nn::RMSNormOp>(op, type, op.getInput(), referenceTo(weight),
                                               epsOf(rewriter, op.getEps().convertToDouble()), IntegerAttr());
    return success();
  }
};

struct RaiseLayerNormalization : OpRewritePattern<nn::LayerNormalizationOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::LayerNormalizationOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op.getInput());
    if (!type || !isLast(op.getAxis(), type) || op.getType() != type)
      return rewriter.notifyMatchFailure(op, "it does not normalise rows of activations");
    const int64_t elements = type.getShape().back();
    nn::WeightOp weight = raise::vectorWeight(op.getScale(), elements, rewriter);
    nn::WeightOp bias = op.getBias() ? raise::vectorWeight(op.getBias(), elements, rewriter) : nn::WeightOp();
    if (!weight || (op.getBias() && !bias))
      return rewriter.notifyMatchFailure(op, "scale or bias is no weight");
    rewriter.replaceOpWithNewOp<nn::LayerNormOp>(op, type, op.getInput(), referenceTo(weight),
                                                 bias ? referenceTo(bias) : FlatSymbolRefAttr(),
                                                 epsOf(rewriter, op.getEps().convertToDouble()), IntegerAttr());
    return success();
  }
};

struct RaiseNormsPass : cadenza::impl::RaiseNormsBase<RaiseNormsPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseDecomposed, AddBias, RaiseRMSNormalization, RaiseLayerNormalization>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
