// nn -> step, one op to one phase. See Passes.td.
#include "passes/Passes.h"

#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/DialectConversion.h"

namespace cadenza {
#define GEN_PASS_DEF_CONVERTNNTOSTEP
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// Replaces an op by a step.map with one function.
void replaceByMap(ConversionPatternRewriter &rewriter, Operation *op, ValueRange inputs, ValueRange sideInputs,
                  Value position, Attribute function) {
  auto map = step::MapOp::create(rewriter, op->getLoc(), op->getResultTypes(), inputs, sideInputs, position,
                                 rewriter.getArrayAttr(function));
  rewriter.replaceOp(op, map);
}

struct ConvertEmbedding : OpConversionPattern<nn::EmbeddingOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::EmbeddingOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const final {
    rewriter.replaceOpWithNewOp<step::EmbedOp>(op, op.getType(), adaptor.getToken(), adaptor.getPosition(),
                                               op.getWeightAttr(), op.getPositionsAttr(),
                                               op.getScale() ? op.getScaleAttr() : rewriter.getF64FloatAttr(1.0));
    return success();
  }
};

struct ConvertLinear : OpConversionPattern<nn::LinearOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::LinearOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    SmallVector<Attribute> epilogues;
    if (FlatSymbolRefAttr bias = op.getBiasAttr())
      epilogues.push_back(step::BiasAttr::get(getContext(), /*segment=*/0, bias));
    auto project = step::ProjectOp::create(
        rewriter, op.getLoc(), TypeRange(op.getType()), adaptor.getInput(), /*side_inputs=*/ValueRange(),
        /*position=*/Value(), rewriter.getArrayAttr(op.getWeightAttr()), /*prologue=*/step::FunctionAttrInterface(),
        rewriter.getArrayAttr(epilogues), /*interleaved=*/false, /*k_groups=*/ArrayRef<int64_t>{0}, /*k_ways=*/1);
    rewriter.replaceOp(op, project);
    return success();
  }
};

struct ConvertRMSNorm : OpConversionPattern<nn::RMSNormOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::RMSNormOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    replaceByMap(rewriter, op, adaptor.getInput(), {}, {},
                 step::RMSNormAttr::get(getContext(), 0, op.getWeightAttr(), op.getEpsAttr(), op.getGroup(), false));
    return success();
  }
};

struct ConvertLayerNorm : OpConversionPattern<nn::LayerNormOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::LayerNormOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const final {
    replaceByMap(rewriter, op, adaptor.getInput(), {}, {},
                 step::LayerNormAttr::get(getContext(), 0, op.getWeightAttr(), op.getBiasAttr(), op.getEpsAttr(),
                                          op.getGroup()));
    return success();
  }
};

struct ConvertRope : OpConversionPattern<nn::RopeOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::RopeOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    replaceByMap(rewriter, op, adaptor.getInput(), {}, adaptor.getPosition(),
                 step::RopeAttr::get(getContext(), 0, op.getInverseFrequenciesAttr(), op.getHeadDim(), op.getRotated(),
                                     op.getInterleaved()));
    return success();
  }
};

struct ConvertKVAppend : OpConversionPattern<nn::KVAppendOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::KVAppendOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    auto cache = SymbolTable::lookupNearestSymbolFrom<nn::CacheOp>(op, op.getCacheAttr());
    replaceByMap(
        rewriter, op, {adaptor.getKey(), adaptor.getValue()}, {}, adaptor.getPosition(),
        step::KVAppendAttr::get(getContext(), 0, 1, op.getCacheAttr(), cache.getKvHeads(), cache.getHeadDim()));
    return success();
  }
};

struct ConvertAttention : OpConversionPattern<nn::AttentionOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::AttentionOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const final {
    rewriter.replaceOpWithNewOp<step::AttendOp>(op, op.getType(), adaptor.getQuery(), adaptor.getPosition(),
                                                op.getCacheAttr(), op.getHeadsAttr(), op.getScaleAttr(),
                                                op.getWindowAttr(), op.getCapAttr(), rewriter.getI64IntegerAttr(1));
    return success();
  }
};

/// An elementwise op of one input.
template <typename OpT, typename FunctionT> struct ConvertActivation : OpConversionPattern<OpT> {
  using OpConversionPattern<OpT>::OpConversionPattern;
  LogicalResult matchAndRewrite(OpT op, OpT::Adaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    replaceByMap(rewriter, op, adaptor.getInput(), {}, {}, FunctionT::get(op.getContext(), 0));
    return success();
  }
};

struct ConvertScale : OpConversionPattern<nn::ScaleOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::ScaleOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    replaceByMap(rewriter, op, adaptor.getInput(), {}, {}, step::ScaleAttr::get(getContext(), 0, op.getFactorAttr()));
    return success();
  }
};

struct ConvertSoftcap : OpConversionPattern<nn::SoftcapOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::SoftcapOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    replaceByMap(rewriter, op, adaptor.getInput(), {}, {}, step::SoftcapAttr::get(getContext(), 0, op.getCapAttr()));
    return success();
  }
};

struct ConvertMul : OpConversionPattern<nn::MulOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::MulOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    replaceByMap(rewriter, op, adaptor.getOperands(), {}, {}, step::MulAttr::get(getContext(), 0, 1));
    return success();
  }
};

/// The residual stream (lhs) becomes the side input, so that the branch's result is what an add is fused into.
struct ConvertAdd : OpConversionPattern<nn::AddOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::AddOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    replaceByMap(rewriter, op, adaptor.getRhs(), adaptor.getLhs(), {}, step::AddAttr::get(getContext(), 0));
    return success();
  }
};

struct ConvertArgmax : OpConversionPattern<nn::ArgmaxOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(nn::ArgmaxOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const final {
    rewriter.replaceOpWithNewOp<step::SelectOp>(op, op.getType(), adaptor.getInput());
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Ops on tensors
//===----------------------------------------------------------------------===//

bool isSource(Operation *op) { return isa_and_present<nn::GetWeightOp, nn::ConstantOp>(op); }

/// Whether `function` is one of ops on tensors. One that hands on its arguments has no ops at all.
bool isOnTensors(func::FuncOp function) {
  Block &body = function.getBody().front();
  return !body.getOps<nn::EvaluateTensorsOpInterface>().empty() ||
         (body.without_terminator().empty() && nn::isEntry(function) && !nn::isDecodeEntry(function));
}

/// Begins a fusion of `inputs` before the builder's place; the builder then stands in its body.
step::FusionOp beginFusion(OpBuilder &builder, Location location, TypeRange results, ValueRange inputs) {
  auto fusion = step::FusionOp::create(builder, location, results, inputs);
  builder.createBlock(&fusion.getBody(), {}, inputs.getTypes(), SmallVector<Location>(inputs.size(), location));
  return fusion;
}

/// Makes `op` a fusion: weights and constants become ops of it, other operands its inputs; its results are those of the
/// op's that are used.
void fuseAlone(Operation *op) {
  OpBuilder builder(op);
  llvm::SmallSetVector<Value, 4> inputs;
  for (Value operand : op->getOperands())
    if (!isSource(operand.getDefiningOp()))
      inputs.insert(operand);
  SmallVector<Value> used;
  llvm::copy_if(op->getResults(), std::back_inserter(used), [](Value result) { return !result.use_empty(); });
  step::FusionOp fusion = beginFusion(builder, op->getLoc(), ValueRange(used).getTypes(), inputs.getArrayRef());
  IRMapping mapping;
  mapping.map(inputs.getArrayRef(), fusion.getBody().getArguments());
  for (Value operand : op->getOperands())
    if (!mapping.contains(operand))
      mapping.map(operand, builder.clone(*operand.getDefiningOp())->getResult(0));
  builder.clone(*op, mapping);
  step::YieldOp::create(builder, op->getLoc(),
                        llvm::map_to_vector(used, [&](Value value) { return mapping.lookup(value); }));
  for (auto [from, to] : llvm::zip_equal(used, fusion.getResults()))
    from.replaceAllUsesWith(to);
  op->erase();
}

/// A copy of a value that no phase makes: of an argument, a weight or a constant.
Value copyBefore(Operation *place, Value value) {
  OpBuilder builder(place);
  const bool isOwn = isSource(value.getDefiningOp());
  step::FusionOp fusion =
      beginFusion(builder, value.getLoc(), value.getType(), isOwn ? ValueRange() : ValueRange(value));
  step::YieldOp::create(builder, value.getLoc(),
                        isOwn ? builder.clone(*value.getDefiningOp())->getResults()
                              : ValueRange(fusion.getBody().getArguments()));
  return fusion.getResult(0);
}

/// What a plan can say of a tensor, and a kernel count.
constexpr int64_t mostElements = (int64_t{1} << 31) - 1;
bool isTooLarge(RankedTensorType type) {
  int64_t left = mostElements;
  for (int64_t extent : type.getShape())
    left /= std::max<int64_t>(extent, 1);
  return left == 0;
}

/// Errors about an op that is in a function with ops on tensors.
LogicalResult checkTensorOp(Operation &op, func::FuncOp function) {
  if (!isa<nn::EvaluateTensorsOpInterface>(op))
    return op.emitOpError() << "is on vectors, other ops of @" << function.getSymName()
                            << " are on tensors: a function has either";
  if (isa<nn::PastLengthOp, nn::ReadCacheOp>(op))
    return op.emitOpError() << "is of a decoder's step, and has no phase";
  for (Type result : op.getResultTypes()) {
    auto type = cast<RankedTensorType>(result);
    if (!type.hasStaticShape())
      return op.emitOpError() << "makes " << type << ", whose extents follow from values; phases have tensors of one "
                              << "shape";
    if (llvm::is_contained(type.getShape(), 0))
      return op.emitOpError() << "makes " << type << ", which is empty; phases have no empty tensors";
    if (isTooLarge(type))
      return op.emitOpError() << "makes " << type << ", which has more than " << mostElements << " elements";
  }
  return success();
}

/// Every op on tensors becomes a fusion of its own. All results of the function are those of phases.
LogicalResult convertTensors(func::FuncOp function) {
  Block &body = function.getBody().front();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op))
      op.erase();
  bool sound = true;
  for (BlockArgument argument : body.getArguments())
    if (isTooLarge(cast<RankedTensorType>(argument.getType()))) {
      function.emitOpError() << "takes " << argument.getType() << ", which has more than " << mostElements
                             << " elements";
      sound = false;
    }
  for (Operation &op : body.without_terminator())
    sound &= succeeded(checkTensorOp(op, function));
  if (!sound)
    return failure();
  for (Operation &op : llvm::make_early_inc_range(body.without_terminator()))
    if (!isSource(&op))
      fuseAlone(&op);
  for (OpOperand &operand : body.getTerminator()->getOpOperands())
    if (!operand.get().getDefiningOp<step::FusionOp>())
      operand.set(copyBefore(body.getTerminator(), operand.get()));
  for (Operation &op : llvm::make_early_inc_range(body.without_terminator()))
    if (isSource(&op))
      op.erase();
  return success();
}

//===----------------------------------------------------------------------===//
// Ops of a decoder
//===----------------------------------------------------------------------===//

/// Activations become rows x elements, whatever their rank: an op treats all rows alike. The ports of a function keep
/// the shape that its users see.
void flattenActivations(func::FuncOp function) {
  const auto flatten = [](Type type) -> Type {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.getElementType().isF32() || tensor.getRank() == 2)
      return type;
    return RankedTensorType::get({nn::rowCount(tensor), nn::rowElements(tensor)}, tensor.getElementType());
  };
  const auto keepShape = [&](nn::PortAttr port, Type type) -> nn::PortAttr {
    if (!port || port.getKind() != PortKind::Tensor || !port.getShape().empty() || flatten(type) == type)
      return port;
    return nn::PortAttr::get(port.getContext(), port.getKind(), port.getName(),
                             cast<RankedTensorType>(type).getShape());
  };
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
    if (nn::PortAttr port = nn::argumentPort(function, index))
      function.setArgAttr(index, nn::portAttribute, keepShape(port, type));
  for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
    if (nn::PortAttr port = nn::resultPort(function, index))
      function.setResultAttr(index, nn::portAttribute, keepShape(port, type));
  function.setFunctionType(FunctionType::get(function.getContext(),
                                             llvm::map_to_vector(function.getArgumentTypes(), flatten),
                                             llvm::map_to_vector(function.getResultTypes(), flatten)));
  for (BlockArgument argument : function.getArguments())
    argument.setType(flatten(argument.getType()));
  function.walk([&](Operation *op) {
    for (Value result : op->getResults())
      result.setType(flatten(result.getType()));
  });
}

struct ConvertNNToStepPass : cadenza::impl::ConvertNNToStepBase<ConvertNNToStepPass> {
  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      if (!isOnTensors(function))
        flattenActivations(function);
      else if (failed(convertTensors(function)))
        return signalPassFailure();
    }
    RewritePatternSet patterns(&getContext());
    patterns.add<ConvertEmbedding, ConvertLinear, ConvertRMSNorm, ConvertLayerNorm, ConvertRope, ConvertKVAppend,
                 ConvertAttention, ConvertActivation<nn::SiluOp, step::SiluAttr>,
                 ConvertActivation<nn::GeluOp, step::GeluAttr>, ConvertActivation<nn::GeluTanhOp, step::GeluTanhAttr>,
                 ConvertScale, ConvertSoftcap, ConvertMul, ConvertAdd, ConvertArgmax>(&getContext());
    ConversionTarget target(getContext());
    target.addLegalDialect<step::StepDialect, func::FuncDialect, BuiltinDialect>();
    target.addLegalOp<nn::WeightOp, nn::CacheOp, nn::ScalarOp, step::FusionOp>();
    target.markOpRecursivelyLegal<step::FusionOp>();
    if (failed(applyFullConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
