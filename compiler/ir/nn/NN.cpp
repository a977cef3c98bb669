// Verifiers of the `nn` dialect.
#include "compiler/ir/nn/NN.h"

#include "mlir/IR/Builders.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace cadenza;
using namespace cadenza::nn;

#include "compiler/ir/nn/NNDialect.cpp.inc"
#include "compiler/ir/nn/NNInterfaces.cpp.inc"
#define GET_OP_CLASSES
#include "compiler/ir/nn/NNOps.cpp.inc"

void NNDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/nn/NNOps.cpp.inc"
      >();
}

namespace {

/// A token, or a position, is one; what belongs to it is one row.
LogicalResult verifyOneRow(Operation *user, Value value) {
  if (nn::rowCount(value) == 1)
    return success();
  return user->emitOpError() << "works on one row, one token's, not on " << nn::rowCount(value);
}

/// The symbol op of type OpT that `reference` names, or a diagnostic on `user`.
template <typename OpT>
FailureOr<OpT> lookup(Operation *user, SymbolTableCollection &symbols, FlatSymbolRefAttr reference) {
  auto op = symbols.lookupNearestSymbolFrom<OpT>(user, reference);
  if (!op)
    return user->emitOpError() << "names " << reference << ", which is no " << OpT::getOperationName();
  return op;
}

/// Executors have numbers in fp32: one that is positive, or not zero, must be so there.
bool isFinite32(const APFloat &number) { return std::isfinite(static_cast<float>(number.convertToDouble())); }
bool isPositive32(const APFloat &number) {
  return isFinite32(number) && static_cast<float>(number.convertToDouble()) > 0;
}

LogicalResult verifyPositive(Operation *op, StringRef what, const APFloat &number) {
  if (isPositive32(number))
    return success();
  return op->emitOpError() << "needs a positive " << what << ", not " << number.convertToDouble();
}

/// Checks that the weight that `reference` names has exactly `shape`, and what only RoPE has if the user is that.
LogicalResult verifyWeight(Operation *user, SymbolTableCollection &symbols, FlatSymbolRefAttr reference,
                           ArrayRef<int64_t> shape, bool isRope = false) {
  auto weight = lookup<WeightOp>(user, symbols, reference);
  if (failed(weight))
    return failure();
  if (weight->getFactor() && !isRope)
    return user->emitOpError() << "reads " << reference << ", which has a factor: only nn.rope applies it";
  if (weight->getLongTable() && !isRope)
    return user->emitOpError() << "reads " << reference
                               << ", which is another one in a long sequence: only nn.rope "
                                  "knows of that";
  if (weight->getGrowth() && !isRope)
    return user->emitOpError() << "reads " << reference << ", which has a growth: only nn.rope applies it";
  auto type = cast<ShapedType>(weight->getType());
  if (type.getShape() == shape)
    return success();
  InFlightDiagnostic diagnostic = user->emitOpError() << "needs a weight of shape [";
  llvm::interleaveComma(shape, diagnostic);
  diagnostic << "], but " << reference << " is " << type;
  diagnostic.attachNote(weight->getLoc()) << "the weight is declared here";
  return diagnostic;
}

/// Checks that a vector of `elements` consists of whole groups that are normalised together.
LogicalResult verifyGroups(Operation *user, int64_t elements, int64_t group) {
  if (group > 0 && elements % group == 0)
    return success();
  return user->emitOpError() << "has " << elements << " elements, no multiple of group_size " << group;
}

/// Checks that a vector of `elements` consists of whole heads of the cache that `reference` names.
LogicalResult verifyCache(Operation *user, SymbolTableCollection &symbols, FlatSymbolRefAttr reference, int64_t heads,
                          int64_t elements, StringRef what) {
  auto cache = lookup<CacheOp>(user, symbols, reference);
  if (failed(cache))
    return failure();
  int64_t headDim = cache->getHeadDim();
  if (heads == 0)
    heads = cache->getKvHeads();
  if (heads % static_cast<int64_t>(cache->getKvHeads()) != 0)
    return user->emitOpError() << "has " << heads << " heads, no multiple of the " << cache->getKvHeads()
                               << " KV heads of " << reference;
  if (elements % headDim != 0 || elements / headDim != heads) {
    InFlightDiagnostic diagnostic = user->emitOpError() << "needs a " << what << " of " << heads << " x " << headDim
                                                        << " elements, but it has " << elements;
    diagnostic.attachNote(cache->getLoc()) << "the cache is declared here";
    return diagnostic;
  }
  return success();
}

/// Checks that the rows that a view chooses are rows of the tensor, and each of them once.
LogicalResult verifyView(WeightOp weight, ViewAttr view) {
  auto type = cast<ShapedType>(weight.getType());
  if (!weight.getSource())
    return weight.emitOpError() << "is a constant, which has no view";
  if (type.getRank() > 2 || type.getRank() < 1 || (view.getTransposed() && type.getRank() != 2))
    return weight.emitOpError() << "is " << type << ", of which there is no such view: "
                                << (view.getTransposed() ? "a matrix can be transposed"
                                                         : "vectors and matrices have rows");
  const int64_t rows = type.getDimSize(0), run = view.getRun() != 0 ? view.getRun() : rows;
  if (view.getRows() <= 0 || view.getFirst() < 0 || run <= 0 || rows % run != 0)
    return weight.emitOpError() << "has " << rows << " rows, which are no runs of " << run << " from row "
                                << view.getFirst() << " on";
  const int64_t runs = rows / run;
  if (runs > 1 && view.getStride() < run)
    return weight.emitOpError() << "is runs of " << run << " rows, each " << view.getStride()
                                << " after the one before: they overlap";
  // Where the last run ends; without overflow.
  const int64_t room = view.getRows() - run - view.getFirst();
  if (run > view.getRows() || room < 0 || (runs > 1 && view.getStride() > room / (runs - 1)))
    return weight.emitOpError() << "has " << runs << " runs of " << run << " rows, from row " << view.getFirst()
                                << " on, " << view.getStride() << " rows apart, but the tensor has " << view.getRows()
                                << " rows";
  return success();
}

} // namespace

LogicalResult WeightOp::verify() {
  if (getSource().has_value() == getValue().has_value())
    return emitOpError() << "needs either a checkpoint tensor ('from') or a constant ('=')";
  if (getValue() && getValue()->getShapedType() != getType())
    return emitOpError() << "is declared as " << getType() << ", but its constant is " << getValue()->getShapedType();
  if (getValue() && !isa<DenseFPElementsAttr>(*getValue()))
    return emitOpError() << "needs a dense constant of floats";
  if (getFactor() && failed(verifyPositive(*this, "factor", *getFactor())))
    return failure();
  if (LongAttr other = getLongTableAttr()) {
    if (!getValue() || other.getValues().getShapedType() != getType() || !isa<DenseFPElementsAttr>(other.getValues()))
      return emitOpError() << "of a long sequence is " << other.getValues().getShapedType()
                           << "; it needs dense floats, as what it takes the place of: a constant of type "
                           << getType();
    if (other.getAfter() <= 0 || other.getAfter() > std::numeric_limits<int32_t>::max())
      return emitOpError() << "is of sequences that are long after 1 to 2^31 - 1 tokens, not after "
                           << other.getAfter();
  }
  if (GrowthAttr growth = getGrowthAttr()) {
    if (failed(verifyPositive(*this, "rate of growth", growth.getRate().getValue())))
      return failure();
    if (growth.getEvery() <= 0 || growth.getEvery() > std::numeric_limits<int32_t>::max())
      return emitOpError() << "grows every 1 to 2^31 - 1 positions, not every " << growth.getEvery();
  }
  if (getPlus() && (!getSource() || cast<ShapedType>(getType()).getRank() != 1 || !isFinite32(*getPlus())))
    return emitOpError() << "adds " << getPlus()->convertToDouble() << " ('plus'), which is for a vector of the "
                         << "checkpoint, and a finite number";
  if (ViewAttr view = getViewAttr())
    return verifyView(*this, view);
  return success();
}

LogicalResult CacheOp::verify() {
  if (static_cast<int64_t>(getKvHeads()) <= 0 || static_cast<int64_t>(getHeadDim()) <= 0)
    return emitOpError() << "needs at least one head of at least one element";
  if (!getType().isBF16() && !getType().isF16())
    return emitOpError() << "stores bf16 or f16, not " << getType();
  return success();
}

LogicalResult ScalarOp::verify() {
  if (static_cast<int64_t>(getValue()) < 0 || static_cast<int64_t>(getValue()) > std::numeric_limits<int32_t>::max())
    return emitOpError() << "is a number from 0 to 2^31 - 1, not " << static_cast<int64_t>(getValue());
  return success();
}

LogicalResult EmbeddingOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyOneRow(*this, getResult())))
    return failure();
  if (getScale() && failed(verifyPositive(*this, "scale", *getScale())))
    return failure();
  if ((getPosition() != nullptr) != (getPositionsAttr() != nullptr))
    return emitOpError() << "needs both a matrix of positions and a position, or neither";
  const auto verifyRows = [&](FlatSymbolRefAttr matrix) -> LogicalResult {
    auto weight = lookup<WeightOp>(*this, symbols, matrix);
    if (failed(weight))
      return failure();
    auto type = cast<ShapedType>(weight->getType());
    if (type.getRank() != 2)
      return emitOpError() << "needs a matrix, but " << matrix << " is " << type;
    return verifyWeight(*this, symbols, matrix, {type.getDimSize(0), rowElements(getResult())});
  };
  if (getPositionsAttr() && failed(verifyRows(getPositionsAttr())))
    return failure();
  return verifyRows(getWeightAttr());
}

LogicalResult RMSNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyGroups(*this, rowElements(getInput()), getGroup())))
    return failure();
  return verifyWeight(*this, symbols, getWeightAttr(), {getGroup()});
}

LogicalResult LayerNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyGroups(*this, rowElements(getInput()), getGroup())))
    return failure();
  if (getBias() && failed(verifyWeight(*this, symbols, getBiasAttr(), {getGroup()})))
    return failure();
  return verifyWeight(*this, symbols, getWeightAttr(), {getGroup()});
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getInput().getType().getShape().drop_back() != getResult().getType().getShape().drop_back())
    return emitOpError() << "makes a row of each row, so " << getInput().getType() << " cannot become "
                         << getResult().getType();
  if (getBias() && failed(verifyWeight(*this, symbols, getBiasAttr(), {rowElements(getResult())})))
    return failure();
  return verifyWeight(*this, symbols, getWeightAttr(), {rowElements(getResult()), rowElements(getInput())});
}

LogicalResult RopeOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyOneRow(*this, getInput())))
    return failure();
  int64_t headDim = getHeadDim();
  if (headDim <= 0 || headDim % 2 != 0 || rowElements(getInput()) % headDim != 0)
    return emitOpError() << "needs whole heads of an even head_dim, not " << rowElements(getInput())
                         << " elements in heads of " << headDim;
  const int64_t rotated = getRotated();
  if (rotated <= 0 || rotated % 2 != 0 || rotated > headDim)
    return emitOpError() << "needs an even rotary_dim of at most head_dim, " << headDim << ", not " << rotated;
  if (failed(verifyWeight(*this, symbols, getInverseFrequenciesAttr(), {rotated / 2}, /*isRope=*/true)))
    return failure();
  if (rotated != headDim && lookup<WeightOp>(*this, symbols, getInverseFrequenciesAttr())->getGrowth())
    return emitOpError() << "rotates " << rotated << " of the " << headDim << " elements of a head by "
                         << getInverseFrequenciesAttr() << ", which has a growth: the others would not grow";
  return success();
}

LogicalResult KVAppendOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyOneRow(*this, getKey())))
    return failure();
  if (failed(verifyCache(*this, symbols, getCacheAttr(), 0, rowElements(getKey()), "key")))
    return failure();
  return verifyCache(*this, symbols, getCacheAttr(), 0, rowElements(getValue()), "value");
}

LogicalResult ScaleOp::verify() {
  if (isFinite32(getFactor()) && static_cast<float>(getFactor().convertToDouble()) != 0)
    return success();
  return emitOpError() << "needs a finite factor that is not zero, not " << getFactor().convertToDouble();
}

LogicalResult SoftcapOp::verify() { return verifyPositive(*this, "cap", getCap()); }

LogicalResult ArgmaxOp::verify() { return verifyOneRow(*this, getInput()); }

LogicalResult AttentionOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyOneRow(*this, getQuery())))
    return failure();
  if (static_cast<int64_t>(getHeads()) <= 0)
    return emitOpError() << "needs at least one head";
  if (getWindow() && failed(lookup<ScalarOp>(*this, symbols, getWindowAttr())))
    return failure();
  if (getCap() && failed(verifyPositive(*this, "cap", *getCap())))
    return failure();
  return verifyCache(*this, symbols, getCacheAttr(), getHeads(), rowElements(getQuery()), "query");
}
