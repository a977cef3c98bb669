// Rows of a weight by the token and by the position become nn.embedding. See Passes.td.
#include "compiler/ir/nn/Evaluate.h"
#include "passes/Passes.h"
#include "passes/raise/match.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace cadenza {
#define GEN_PASS_DEF_RAISEEMBEDDING
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using nn::BinaryFunction;

namespace {

func::FuncOp functionOf(Operation *op) { return op->getParentOfType<func::FuncOp>(); }

/// Whether `index` is the token, reshaped or as another type of integers.
bool isToken(Value index, func::FuncOp function) {
  for (Operation *op = index.getDefiningOp(); isa_and_nonnull<nn::ReshapeOp, nn::CastOp>(op);
       op = index.getDefiningOp()) {
    index = op->getOperand(0);
    if (!cast<RankedTensorType>(index.getType()).getElementType().isInteger())
      return false;
  }
  return nn::isDecodeEntry(function) && index == nn::argumentAt(function, PortKind::Token);
}

/// Whether `value` is a function of the position alone.
bool dependsOnPositionOnly(Value value, Value position) {
  SmallVector<Value> open{value};
  llvm::SmallPtrSet<Value, 16> seen;
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    if (next == position || !seen.insert(next).second)
      continue;
    Operation *op = next.getDefiningOp();
    if (!op || !isPure(op) || isa<nn::GetWeightOp>(op) || seen.size() > 64)
      return false;
    llvm::append_range(open, op->getOperands());
  }
  return true;
}

/// Some positions of a table: the first ones, powers of 2, the last one.
SmallVector<int64_t> somePositions(int64_t positions) {
  SmallVector<int64_t> some;
  for (int64_t at = 0; at < positions; at = at < 8 ? at + 1 : 2 * at)
    some.push_back(at);
  some.push_back(positions - 1);
  return some;
}

/// Whether `index` is the position: found out by running what makes it.
bool isPosition(Value index, func::FuncOp function, int64_t positions) {
  const Value position = nn::isDecodeEntry(function) ? nn::argumentAt(function, PortKind::Position) : Value();
  auto type = cast<RankedTensorType>(index.getType());
  if (!position || !type.hasStaticShape() || type.getNumElements() != 1 || !dependsOnPositionOnly(index, position))
    return false;
  nn::EvaluationState state(function->getParentOfType<ModuleOp>(), nullptr);
  ScopedDiagnosticHandler quiet(function.getContext(), [](Diagnostic &) { return success(); });
  return llvm::all_of(somePositions(positions), [&](int64_t at) {
    const auto number = static_cast<double>(at);
    const FailureOr<nn::TensorValue> value =
        nn::evaluateSlice(index, state, {{position, nn::tensorOf(ElementType::i32, {1}, std::span(&number, 1))}});
    return succeeded(value) && nn::integers(*value).front() == at;
  });
}

/// The matrix of which a gather takes one row; null.
nn::WeightOp matrixOf(nn::GatherOp gather, PatternRewriter &rewriter) {
  const RankedTensorType type = raise::activationType(gather);
  if (!type || gather.getAxis() != 0 || gather.getInput().getType().getRank() != 2 ||
      type.getNumElements() != type.getShape().back())
    return nullptr;
  const std::optional<raise::MatchedWeight> matched = raise::matchWeight(gather.getInput());
  if (!matched)
    return nullptr;
  return matched->transposed ? raise::transposedWeight(matched->weight, rewriter) : matched->weight;
}

struct RaiseGather : OpRewritePattern<nn::GatherOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::GatherOp op, PatternRewriter &rewriter) const final {
    if (!isToken(op.getIndices(), functionOf(op)))
      return rewriter.notifyMatchFailure(op, "the index is not the token");
    nn::WeightOp matrix = matrixOf(op, rewriter);
    if (!matrix)
      return rewriter.notifyMatchFailure(op, "it takes no row of a weight");
    const auto row = RankedTensorType::get({1, op.getType().getShape().back()}, rewriter.getF32Type());
    auto embedding = nn::EmbeddingOp::create(
        rewriter, op.getLoc(), row, nn::argumentAt(functionOf(op), PortKind::Token), FlatSymbolRefAttr::get(matrix));
    rewriter.replaceOp(op, raise::reshaped(rewriter, op.getLoc(), embedding, op.getType()));
    return success();
  }
};

/// The embedding that `value` is a reshape of, if it is used for that alone.
nn::EmbeddingOp onlyUse(Value value) {
  while (auto reshape = value.getDefiningOp<nn::ReshapeOp>()) {
    if (!value.hasOneUse())
      return nullptr;
    value = reshape.getInput();
  }
  auto embedding = value.getDefiningOp<nn::EmbeddingOp>();
  return embedding && value.hasOneUse() ? embedding : nn::EmbeddingOp();
}

/// The scale of an embedding that is used for nothing else.
struct ScaleEmbedding : OpRewritePattern<nn::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::BinaryOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op);
    const auto scaled = raise::withConstant(op, BinaryFunction::Mul);
    nn::EmbeddingOp embedding = scaled ? onlyUse(scaled->operand) : nn::EmbeddingOp();
    if (!type || !embedding || embedding.getScale() || embedding.getPositions() || !(scaled->constant > 0) ||
        scaled->operand.getType() != type)
      return rewriter.notifyMatchFailure(op, "it is no multiple of an embedding alone");
    auto result = nn::EmbeddingOp::create(rewriter, op.getLoc(), embedding.getType(), embedding.getToken(), Value(),
                                          embedding.getWeightAttr(), FlatSymbolRefAttr(),
                                          rewriter.getF64FloatAttr(raise::shortestDecimal(scaled->constant)));
    rewriter.replaceOp(op, raise::reshaped(rewriter, op.getLoc(), result, type));
    return success();
  }
};

/// Learned positions: a row of another matrix by the position, added to an embedding that is used for nothing else.
struct AddPositions : OpRewritePattern<nn::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::BinaryOp op, PatternRewriter &rewriter) const final {
    const RankedTensorType type = raise::activationType(op);
    for (auto [left, right] : raise::bothOrders(op, BinaryFunction::Add)) {
      nn::EmbeddingOp embedding = onlyUse(left);
      auto gather = raise::withoutReshapes(right).getDefiningOp<nn::GatherOp>();
      if (!type || !embedding || embedding.getPositions() || !gather)
        continue;
      nn::WeightOp matrix = matrixOf(gather, rewriter);
      if (!matrix || type.getNumElements() != nn::rowElements(embedding) ||
          gather.getType().getShape().back() != nn::rowElements(embedding))
        return rewriter.notifyMatchFailure(op, "what is added is no row of a weight");
      if (!isPosition(gather.getIndices(), functionOf(op), cast<ShapedType>(matrix.getType()).getDimSize(0)))
        return rewriter.notifyMatchFailure(op, "the row that is added is not that of the position");
      auto result =
          nn::EmbeddingOp::create(rewriter, op.getLoc(), embedding.getType(), embedding.getToken(),
                                  nn::argumentAt(functionOf(op), PortKind::Position), embedding.getWeightAttr(),
                                  FlatSymbolRefAttr::get(matrix), embedding.getScaleAttr());
      rewriter.replaceOp(op, raise::reshaped(rewriter, op.getLoc(), result, type));
      return success();
    }
    return rewriter.notifyMatchFailure(op, "it adds no row by index to an embedding");
  }
};

struct RaiseEmbeddingPass : cadenza::impl::RaiseEmbeddingBase<RaiseEmbeddingPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseGather, ScaleEmbedding, AddPositions>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
