// Activations, caps, scales, and elementwise sums and products of a decoder. See Passes.td.
#include "passes/Passes.h"
#include "passes/raise/match.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <cmath>
#include <numbers>

namespace cadenza {
#define GEN_PASS_DEF_RAISEACTIVATIONS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using nn::BinaryFunction;
using nn::UnaryFunction;
using raise::isRounded;
using raise::Product;
using raise::productOf;

namespace {

/// Whether `product` is x^power and nothing else, times a constant.
bool isPowerOf(const Product &product, Value x, int power) {
  return product.factors.size() == 1 && product.exponentOf(x) == power;
}

/// Whether `argument` is sqrt(2/pi) (x + 0.044715 x^3), or sqrt(2/pi) x (1 + 0.044715 x^2).
bool isTanhArgument(Value argument, Value x) {
  const Product product = productOf(argument, x);
  if (!isRounded(product.constant, std::sqrt(2 / std::numbers::pi)))
    return false;
  const bool factored = product.factors.size() == 2 && product.exponentOf(x) == 1;
  if (!factored && product.factors.size() != 1)
    return false;
  const auto isSum = [&](Value sum) {
    if (factored) {
      const auto shifted = raise::withConstant(sum, BinaryFunction::Add);
      const Product square = shifted && shifted->constant == 1 ? productOf(shifted->operand, x) : Product();
      return isPowerOf(square, x, 2) && isRounded(square.constant, 0.044715);
    }
    return llvm::any_of(raise::bothOrders(sum, BinaryFunction::Add), [&](auto addends) {
      const Product cube = addends.first == x ? productOf(addends.second, x) : Product();
      return isPowerOf(cube, x, 3) && isRounded(cube.constant, 0.044715);
    });
  };
  return llvm::any_of(product.factors,
                      [&](auto factor) { return factor.first != x && factor.second == 1 && isSum(factor.first); });
}

/// Whether `argument` is x / sqrt(2).
bool isErfArgument(Value argument, Value x) {
  const Product product = productOf(argument, x);
  return isPowerOf(product, x, 1) && isRounded(product.constant, 1 / std::sqrt(2.0));
}

enum class Gelu { Tanh, Erf };

/// Which GELU of x `product` is: 0.5 x (1 + tanh(...)) or 0.5 x (1 + erf(...)).
std::optional<Gelu> geluOf(const Product &product, Value x) {
  if (product.constant != 0.5 || product.factors.size() != 2 || product.exponentOf(x) != 1)
    return std::nullopt;
  const auto [other, exponent] = product.factors[product.factors[0].first == x];
  const auto shifted = raise::withConstant(other, BinaryFunction::Add);
  if (exponent != 1 || !shifted || shifted->constant != 1)
    return std::nullopt;
  if (nn::UnaryOp tanh = raise::unary(shifted->operand, UnaryFunction::Tanh))
    return isTanhArgument(tanh.getInput(), x) ? std::optional(Gelu::Tanh) : std::nullopt;
  nn::UnaryOp erf = raise::unary(shifted->operand, UnaryFunction::Erf);
  return erf && isErfArgument(erf.getInput(), x) ? std::optional(Gelu::Erf) : std::nullopt;
}

/// The factors of a product, however its parts are grouped, that it may be a function of; and what they are made of, as
/// x may be a product itself.
void collectCandidates(Value value, llvm::SetVector<Value> &candidates, int depth = 0) {
  auto op = value.getDefiningOp<nn::BinaryOp>();
  if (depth > 4 || !candidates.insert(value) || !op)
    return;
  if (op.getFunction() == BinaryFunction::Mul || op.getFunction() == BinaryFunction::Div)
    for (Value operand : op->getOperands())
      collectCandidates(operand, candidates, depth + 1);
}

struct RaiseGelu : OpRewritePattern<nn::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::BinaryOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op);
    if (op.getFunction() != BinaryFunction::Mul || !type)
      return rewriter.notifyMatchFailure(op, "it is no product of activations");
    llvm::SetVector<Value> candidates;
    collectCandidates(op, candidates);
    for (Value x : candidates) {
      if (x.getType() != type || x == op.getResult())
        continue;
      const std::optional<Gelu> gelu = geluOf(productOf(op, x), x);
      if (!gelu)
        continue;
      if (*gelu == Gelu::Tanh)
        rewriter.replaceOpWithNewOp<nn::GeluTanhOp>(op, type, x);
      else
        rewriter.replaceOpWithNewOp<nn::GeluOp>(op, type, x);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "it is no GELU");
  }
};

/// x * sigmoid(x), or x / (1 + exp(-x)).
struct RaiseSilu : OpRewritePattern<nn::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::BinaryOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "it makes no activation");
    for (auto [x, factor] : raise::bothOrders(op, BinaryFunction::Mul)) {
      nn::UnaryOp sigmoid = raise::unary(factor, UnaryFunction::Sigmoid);
      if (sigmoid && sigmoid.getInput() == x) {
        rewriter.replaceOpWithNewOp<nn::SiluOp>(op, type, x);
        return success();
      }
    }
    const auto shifted =
        op.getFunction() == BinaryFunction::Div ? raise::withConstant(op.getRhs(), BinaryFunction::Add) : std::nullopt;
    nn::UnaryOp exp =
        shifted && shifted->constant == 1 ? raise::unary(shifted->operand, UnaryFunction::Exp) : nn::UnaryOp();
    nn::UnaryOp negative = exp ? raise::unary(exp.getInput(), UnaryFunction::Neg) : nn::UnaryOp();
    if (!negative || negative.getInput() != op.getLhs())
      return rewriter.notifyMatchFailure(op, "it is no x * sigmoid(x)");
    rewriter.replaceOpWithNewOp<nn::SiluOp>(op, type, op.getLhs());
    return success();
  }
};

/// What a graph names.
struct RaiseNamed : OpRewritePattern<nn::UnaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::UnaryOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op);
    if (type && op.getFunction() == UnaryFunction::Gelu)
      rewriter.replaceOpWithNewOp<nn::GeluOp>(op, type, op.getInput());
    else if (type && op.getFunction() == UnaryFunction::GeluTanh)
      rewriter.replaceOpWithNewOp<nn::GeluTanhOp>(op, type, op.getInput());
    else
      return rewriter.notifyMatchFailure(op, "a decoder has no op of that function");
    return success();
  }
};

/// cap * tanh(x / cap)
struct RaiseSoftcap : OpRewritePattern<nn::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::BinaryOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op);
    const auto product = raise::withConstant(op, BinaryFunction::Mul);
    nn::UnaryOp tanh = product ? raise::unary(product->operand, UnaryFunction::Tanh) : nn::UnaryOp();
    if (!type || !tanh || !(product->constant > 0))
      return rewriter.notifyMatchFailure(op, "it is no positive multiple of tanh");
    const double cap = product->constant;
    Value x;
    if (const auto quotient = raise::withConstant(tanh.getInput(), BinaryFunction::Div))
      x = quotient->constant == cap ? quotient->operand : Value();
    else if (const auto multiple = raise::withConstant(tanh.getInput(), BinaryFunction::Mul))
      x = isRounded(multiple->constant, 1 / cap) ? multiple->operand : Value();
    if (!x || x.getType() != type)
      return rewriter.notifyMatchFailure(op, "what tanh is of is not divided by the same number");
    rewriter.replaceOpWithNewOp<nn::SoftcapOp>(op, type, x, rewriter.getF64FloatAttr(raise::shortestDecimal(cap)));
    return success();
  }
};

/// x times a constant, or divided by one.
struct RaiseScale : OpRewritePattern<nn::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::BinaryOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op);
    auto scaled = raise::withConstant(op, BinaryFunction::Mul);
    const bool isProduct = scaled.has_value();
    if (!isProduct)
      scaled = raise::withConstant(op, BinaryFunction::Div);
    if (scaled) {
      const double constant = raise::shortestDecimal(scaled->constant);
      scaled->constant = isProduct ? constant : 1 / constant;
    }
    if (!type || !scaled || scaled->operand.getType() != type)
      return rewriter.notifyMatchFailure(op, "it is no multiple of an activation");
    const auto factor = static_cast<float>(scaled->constant);
    if (!std::isfinite(factor) || factor == 0)
      return rewriter.notifyMatchFailure(op, "nn.scale takes a finite factor other than 0");
    rewriter.replaceOpWithNewOp<nn::ScaleOp>(op, type, scaled->operand, rewriter.getF64FloatAttr(scaled->constant));
    return success();
  }
};

/// Whether `a` is there before `b` in a block that has both.
bool isBefore(Value a, Value b) {
  Operation *first = a.getDefiningOp(), *second = b.getDefiningOp();
  return !first || (second && first->isBeforeInBlock(second));
}

bool isActivationFunction(Value value) {
  return isa_and_nonnull<nn::SiluOp, nn::GeluOp, nn::GeluTanhOp>(raise::withoutReshapes(value).getDefiningOp());
}

/// Sums and products of two activations. A branch of the residual stream begins at the stream, so of two addends the
/// stream is the one that is there first: the left one. Of two factors the activation function is.
struct RaiseElementwise : OpRewritePattern<nn::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::BinaryOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op);
    Value left = op.getLhs(), right = op.getRhs();
    if (!type || left.getType() != type || right.getType() != type)
      return rewriter.notifyMatchFailure(op, "its operands are no two activations of one shape");
    if (op.getFunction() == BinaryFunction::Add) {
      if (isBefore(right, left))
        std::swap(left, right);
      rewriter.replaceOpWithNewOp<nn::AddOp>(op, type, left, right);
      return success();
    }
    if (op.getFunction() != BinaryFunction::Mul)
      return rewriter.notifyMatchFailure(op, "it is neither sum nor product");
    if (isActivationFunction(right) && !isActivationFunction(left))
      std::swap(left, right);
    rewriter.replaceOpWithNewOp<nn::MulOp>(op, type, left, right);
    return success();
  }
};

struct RaiseActivationsPass : cadenza::impl::RaiseActivationsBase<RaiseActivationsPass> {
  void runOnOperation() final {
    // What consists of several ops, before single ops are taken for themselves.
    RewritePatternSet functions(&getContext()), rest(&getContext());
    functions.add<RaiseGelu, RaiseSilu, RaiseNamed, RaiseSoftcap>(&getContext());
    rest.add<RaiseScale, RaiseElementwise>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(functions))) ||
        failed(applyPatternsGreedily(getOperation(), std::move(rest))))
      signalPassFailure();
  }
};

} // namespace
