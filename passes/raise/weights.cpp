// Weights of graphs as the ops of a decoder name them (match.h).
#include "compiler/ir/nn/Blocks.h"
#include "passes/raise/match.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::nn;

namespace {

bool is16(Type type) { return type.isF16() || type.isBF16(); }

/// Whether every element of the cast's operand stays what it is: of a weight in 16 bits, in fp32.
bool losesNothing(CastOp cast) {
  return is16(cast.getInput().getType().getElementType()) && cast.getResult().getType().getElementType().isF32();
}

/// `name`, or with a number behind it what no symbol of `module` has.
std::string freeSymbol(ModuleOp module, const std::string &name) {
  std::string candidate = name;
  for (int i = 1; module.lookupSymbol(candidate); ++i)
    candidate = name + "_" + std::to_string(i);
  return candidate;
}

/// How the tensor holds the weight; null: as it is.
Attribute blocks(WeightOp weight) { return weight->getAttr(blocksAttribute); }

/// The weight that is `view` of the tensor of `base`: one that is there, or a new one after `base`.
WeightOp weightWithView(WeightOp base, RankedTensorType type, ViewAttr view, const std::string &suffix,
                        OpBuilder &builder) {
  auto module = base->getParentOfType<ModuleOp>();
  for (WeightOp other : module.getOps<WeightOp>())
    if (other.getSourceAttr() == base.getSourceAttr() && other.getType() == type && other.getViewAttr() == view &&
        other.getPlusAttr() == base.getPlusAttr() && blocks(other) == blocks(base))
      return other;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfter(base);
  auto weight = WeightOp::create(builder, base.getLoc(), freeSymbol(module, base.getSymName().str() + suffix), type,
                                 base.getSourceAttr(), /*value=*/ElementsAttr());
  weight.setViewAttr(view);
  if (blocks(base))
    weight->setAttr(blocksAttribute, blocks(base));
  weight.setPlusAttr(base.getPlusAttr());
  return weight;
}

RankedTensorType typeOf(WeightOp weight) { return cast<RankedTensorType>(weight.getType()); }

} // namespace

std::optional<raise::MatchedWeight> raise::matchWeight(Value value) {
  bool transposed = false;
  for (Operation *op = value.getDefiningOp(); op; op = op->getOperand(0).getDefiningOp()) {
    if (auto get = dyn_cast<GetWeightOp>(op)) {
      auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(get, get.getWeightAttr());
      const Type element = get.getResult().getType().getElementType();
      if (!weight || !(element.isF32() || is16(element)))
        return std::nullopt;
      return MatchedWeight{weight, transposed};
    }
    if (auto cast = dyn_cast<CastOp>(op); cast && losesNothing(cast))
      continue;
    if (auto transpose = dyn_cast<TransposeOp>(op);
        transpose && transpose.getPermutation() == ArrayRef<int64_t>{1, 0}) {
      transposed = !transposed;
      continue;
    }
    // Of a matrix of one row or column a transpose is a reshape, too; such matrices are left alone.
    auto reshape = dyn_cast<ReshapeOp>(op);
    if (!reshape)
      return std::nullopt;
    const RankedTensorType from = reshape.getInput().getType(), to = reshape.getResult().getType();
    if (from.getRank() != 1 || !to.hasStaticShape() || to.getRank() == 0 || to.getShape().back() != to.getNumElements())
      return std::nullopt;
  }
  return std::nullopt;
}

WeightOp raise::vectorWeight(Value value, int64_t elements, OpBuilder &builder) {
  if (const std::optional<MatchedWeight> matched = matchWeight(value)) {
    const RankedTensorType type = typeOf(matched->weight);
    return type.getShape() == ArrayRef<int64_t>{elements} ? matched->weight : WeightOp();
  }
  auto constant = withoutReshapes(value).getDefiningOp<ConstantOp>();
  auto type = cast<RankedTensorType>(value.getType());
  auto numbers = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue()) : DenseFPElementsAttr();
  if (!numbers || !numbers.getElementType().isF32() || numbers.getNumElements() != elements ||
      type.getShape().back() != elements)
    return nullptr;
  auto module = constant->getParentOfType<ModuleOp>();
  const auto vector = RankedTensorType::get({elements}, numbers.getElementType());
  const DenseElementsAttr data =
      numbers.isSplat() ? DenseElementsAttr(numbers.resizeSplat(vector)) : DenseElementsAttr(numbers.reshape(vector));
  for (WeightOp other : module.getOps<WeightOp>())
    if (other.getValueAttr() == data && !other.getFactor() && !other.getLongTable() && !other.getGrowth())
      return other;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(constant->getParentOfType<func::FuncOp>());
  return WeightOp::create(builder, constant.getLoc(), freeSymbol(module, "constant"), vector, /*source=*/StringAttr(),
                          data);
}

WeightOp raise::transposedWeight(WeightOp matrix, OpBuilder &builder) {
  const RankedTensorType type = typeOf(matrix);
  if (type.getRank() != 2 || !matrix.getSource() || blocks(matrix))
    return nullptr;
  const int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  const auto exchanged = RankedTensorType::get({columns, rows}, type.getElementType());
  MLIRContext *context = matrix.getContext();
  ViewAttr view = matrix.getViewAttr();
  if (!view)
    return weightWithView(matrix, exchanged, ViewAttr::get(context, columns, /*transposed=*/true, 0, 0, 0),
                          ".transposed", builder);
  const bool isWhole = view.getRows() == rows && view.getFirst() == 0 &&
                       (view.getRun() == 0 || view.getRun() == rows || view.getStride() == view.getRun());
  return isWhole && view.getTransposed() ? weightWithView(matrix, exchanged, ViewAttr(), ".stored", builder)
                                         : WeightOp();
}

WeightOp raise::weightRows(WeightOp weight, int64_t rows, int64_t first, int64_t run, int64_t stride,
                           OpBuilder &builder) {
  const RankedTensorType type = typeOf(weight);
  const int64_t all = type.getDimSize(0);
  if (rows == all && run == all)
    return weight;
  if (!weight.getSource())
    return nullptr;
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = rows;
  const ViewAttr view = weight.getViewAttr();
  if (view && view.getRun() != 0 && view.getRun() != all) // runs of runs
    return nullptr;
  const int64_t tensorRows = view ? view.getRows() : all, begin = (view ? view.getFirst() : 0) + first;
  const bool isOneRun = run == rows;
  return weightWithView(weight, RankedTensorType::get(shape, type.getElementType()),
                        ViewAttr::get(weight.getContext(), tensorRows, view && view.getTransposed(), begin,
                                      isOneRun ? 0 : run, isOneRun ? 0 : stride),
                        ".rows_" + std::to_string(first), builder);
}
