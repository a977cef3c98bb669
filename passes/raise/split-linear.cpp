// A product that is used in parts becomes a product for each of them. See Passes.td.
#include "passes/Passes.h"
#include "passes/raise/match.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace cadenza {
#define GEN_PASS_DEF_SPLITLINEAR
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// A part of a product's result: a product with the rows of the weight that make it. The part may be cut out of a form
/// of the result in which the outputs are several axes: [query, key, value][head_dim] of every head.
struct SplitProduct : OpRewritePattern<nn::SliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::SliceOp op, PatternRewriter &rewriter) const final {
    auto linear = raise::withoutReshapes(op.getInput()).getDefiningOp<nn::LinearOp>();
    if (!linear || !raise::activationType(op.getInput()) || nn::rowCount(linear) != 1)
      return rewriter.notifyMatchFailure(op, "it is no part of one row that a product makes");
    if (!isSplit(linear))
      return rewriter.notifyMatchFailure(op, "the product is used as a whole, too");
    const std::optional<int64_t> axis = cutAxis(op);
    if (!axis)
      return rewriter.notifyMatchFailure(op, "it does not cut consecutive elements along one axis");
    const ArrayRef<int64_t> shape = op.getInput().getType().getShape();
    int64_t runs = 1, width = 1; // extents before the axis, and after it
    for (int64_t extent : shape.take_front(*axis))
      runs *= extent;
    for (int64_t extent : shape.drop_front(*axis + 1))
      width *= extent;
    const int64_t first = op.getStaticStarts()[*axis] * width, run = op.getStaticSizes()[*axis] * width;
    const int64_t stride = shape[*axis] * width, outputs = runs * run;

    const auto part = [&](FlatSymbolRefAttr name) -> nn::WeightOp {
      auto weight = SymbolTable::lookupNearestSymbolFrom<nn::WeightOp>(linear, name);
      return weight ? raise::weightRows(weight, outputs, first, run, stride, rewriter) : nn::WeightOp();
    };
    nn::WeightOp weight = part(linear.getWeightAttr());
    nn::WeightOp bias = weight && linear.getBias() ? part(linear.getBiasAttr()) : nn::WeightOp();
    if (!weight || (linear.getBias() && !bias))
      return rewriter.notifyMatchFailure(op, "there is no view of these rows of the weight");
    SmallVector<int64_t> result(linear.getType().getShape());
    result.back() = outputs;
    rewriter.setInsertionPointAfter(linear);
    auto product =
        nn::LinearOp::create(rewriter, linear.getLoc(), linear.getType().clone(result), linear.getInput(),
                             FlatSymbolRefAttr::get(weight), bias ? FlatSymbolRefAttr::get(bias) : FlatSymbolRefAttr());
    rewriter.replaceOp(op, raise::reshaped(rewriter, op.getLoc(), product, op.getType()));
    return success();
  }

private:
  /// The one axis along which less than all is taken; nothing if there are several, or an open or reversed one.
  static std::optional<int64_t> cutAxis(nn::SliceOp op) {
    std::optional<int64_t> cut;
    for (auto [axis, extent] : llvm::enumerate(op.getInput().getType().getShape())) {
      const int64_t start = op.getStaticStarts()[axis], size = op.getStaticSizes()[axis];
      if (ShapedType::isDynamic(start) || ShapedType::isDynamic(size) || op.getStepsOrOnes()[axis] != 1)
        return std::nullopt;
      if (start == 0 && size == extent)
        continue;
      if (cut || size == 0)
        return std::nullopt;
      cut = axis;
    }
    return cut;
  }

  /// Whether `value` is used by slices along one axis only, also under reshapes.
  static bool isSplit(Value value) {
    return llvm::all_of(value.getUsers(), [](Operation *user) {
      if (auto reshape = dyn_cast<nn::ReshapeOp>(user))
        return isSplit(reshape);
      auto slice = dyn_cast<nn::SliceOp>(user);
      return slice && cutAxis(slice);
    });
  }
};

struct SplitLinearPass : cadenza::impl::SplitLinearBase<SplitLinearPass> {
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<SplitProduct>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
