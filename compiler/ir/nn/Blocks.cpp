#include "compiler/ir/nn/Blocks.h"
#include "compiler/support/block_quantization.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::nn;

namespace {

std::optional<Blocks> parse(DictionaryAttr dictionary) {
  if (!dictionary)
    return std::nullopt;
  auto bits = dictionary.getAs<IntegerAttr>("bits"), size = dictionary.getAs<IntegerAttr>("size");
  auto scales = dictionary.getAs<StringAttr>("scales"), zeros = dictionary.getAs<StringAttr>("zeros");
  const bool hasZeros = dictionary.contains("zeros");
  if (!bits || !size || !scales || (hasZeros && !zeros) || dictionary.size() != (hasZeros ? 4U : 3U))
    return std::nullopt;
  return Blocks{bits.getInt(), size.getInt(), scales.str(), zeros ? zeros.str() : ""};
}

} // namespace

std::optional<Blocks> nn::blocksOf(WeightOp weight) {
  return parse(weight->getAttrOfType<DictionaryAttr>(blocksAttribute));
}

void nn::setBlocks(WeightOp weight, const Blocks &blocks) {
  Builder builder(weight.getContext());
  SmallVector<NamedAttribute> entries = {builder.getNamedAttr("bits", builder.getI64IntegerAttr(blocks.bits)),
                                         builder.getNamedAttr("scales", builder.getStringAttr(blocks.scales)),
                                         builder.getNamedAttr("size", builder.getI64IntegerAttr(blocks.size))};
  if (!blocks.zeros.empty())
    entries.push_back(builder.getNamedAttr("zeros", builder.getStringAttr(blocks.zeros)));
  weight->setAttr(blocksAttribute, builder.getDictionaryAttr(entries));
}

LogicalResult nn::verifyBlocks(WeightOp weight) {
  const std::optional<Blocks> blocks = blocksOf(weight);
  if (!blocks)
    return weight.emitOpError()
           << "has " << blocksAttribute
           << ", which is {bits, size, scales, zeros}: two numbers and the names of two tensors, of "
              "which zeros may be absent";
  auto type = cast<RankedTensorType>(weight.getType());
  const ViewAttr view = weight.getViewAttr();
  if (!weight.getSource() || type.getRank() != 2 || (view && view.getTransposed()))
    return weight.emitOpError() << "has " << blocksAttribute
                                << ", which is for a matrix of the checkpoint, and not for its transpose";
  const BlockLayout layout{
      .rows = type.getDimSize(0), .columns = type.getDimSize(1), .bits = blocks->bits, .size = blocks->size};
  if (layout.isSound())
    return success();
  return weight.emitOpError() << "is " << type << ", which no integers of " << blocks->bits << " bits in blocks of "
                              << blocks->size << " hold";
}
