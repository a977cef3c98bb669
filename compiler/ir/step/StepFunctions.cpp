// What each function attribute says of itself. Formulas and numerics: runtime/plan/program.h.
#include "compiler/ir/step/Step.h"

#include "mlir/IR/DialectImplementation.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace cadenza::step;

#define GET_ATTRDEF_CLASSES
#include "compiler/ir/step/StepAttrs.cpp.inc"

void StepDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/ir/step/StepAttrs.cpp.inc"
      >();
}

namespace {

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

/// A dictionary of the given parameters, for getParameters.
DictionaryAttr parameters(MLIRContext *context, std::initializer_list<std::pair<StringRef, Attribute>> entries) {
  SmallVector<NamedAttribute> attributes;
  for (auto [name, value] : entries)
    attributes.emplace_back(StringAttr::get(context, name), value);
  return DictionaryAttr::get(context, attributes);
}

Attribute integer(MLIRContext *context, int64_t value) {
  return IntegerAttr::get(IntegerType::get(context, 64), value);
}

LogicalResult checkWeight(SymbolLookup lookup, FlatSymbolRefAttr reference, int64_t elements, EmitError emitError) {
  RankedTensorType type = lookup.weightType(reference);
  if (!type)
    return emitError() << "names " << reference << ", which is no weight";
  if (type.getRank() != 1 || type.getNumElements() != elements)
    return emitError() << "needs a vector of " << elements << " elements, but " << reference << " is " << type;
  return success();
}

Reduction reductionOver(int64_t group, int64_t elements) {
  return group == elements ? Reduction::Vector : Reduction::Group;
}

LogicalResult checkGroups(int64_t elements, int64_t group, StringRef what, EmitError emitError) {
  if (group <= 0 || elements % group != 0)
    return emitError() << "works on runs of " << group << " elements (" << what << "), but the segment has "
                       << elements;
  return success();
}

} // namespace

//===----------------------------------------------------------------------===//
// rms_norm
//===----------------------------------------------------------------------===//

StringRef RMSNormAttr::getFunctionName() const { return getMnemonic(); }
SmallVector<int64_t> RMSNormAttr::getSlots() const { return {getSegment()}; }
FunctionAttrInterface RMSNormAttr::withSlots(ArrayRef<int64_t> slots) const {
  return get(getContext(), slots[0], getWeight(), getEps(), getGroupSize(), getDeferScale());
}
SmallVector<FlatSymbolRefAttr> RMSNormAttr::getSymbols() const { return {getWeight()}; }
FunctionAttrInterface RMSNormAttr::withSymbols(ArrayRef<FlatSymbolRefAttr> symbols) const {
  return get(getContext(), getSegment(), symbols[0], getEps(), getGroupSize(), getDeferScale());
}
int64_t RMSNormAttr::getRowGroup() const { return getGroupSize(); }
Reduction RMSNormAttr::getReduction(int64_t elements) const { return reductionOver(getGroupSize(), elements); }
bool RMSNormAttr::canDeferScale() const { return true; }
bool RMSNormAttr::defersScale() const { return getDeferScale(); }
FunctionAttrInterface RMSNormAttr::withDeferredScale() const {
  return get(getContext(), getSegment(), getWeight(), getEps(), getGroupSize(), /*defer_scale=*/true);
}
StringRef RMSNormAttr::getFusion() const { return "fuse-query-key-value"; }
DictionaryAttr RMSNormAttr::getParameters() const {
  return parameters(getContext(), {{"eps", getEps()}, {"group_size", integer(getContext(), getGroupSize())}});
}
DictionaryAttr RMSNormAttr::getPrologueParameters() const {
  return parameters(getContext(), {{"defer_scale", BoolAttr::get(getContext(), getDeferScale())},
                                   {"eps", getEps()},
                                   {"group_size", integer(getContext(), getGroupSize())}});
}
LogicalResult RMSNormAttr::verifyUse(MutableArrayRef<int64_t> sizes, ValueRange, SymbolLookup lookup,
                                     EmitError emitError) const {
  if (failed(checkGroups(sizes[getSegment()], getGroupSize(), "group_size", emitError)))
    return failure();
  return checkWeight(lookup, getWeight(), getGroupSize(), emitError);
}

//===----------------------------------------------------------------------===//
// layer_norm
//===----------------------------------------------------------------------===//

StringRef LayerNormAttr::getFunctionName() const { return getMnemonic(); }
SmallVector<int64_t> LayerNormAttr::getSlots() const { return {getSegment()}; }
FunctionAttrInterface LayerNormAttr::withSlots(ArrayRef<int64_t> slots) const {
  return get(getContext(), slots[0], getWeight(), getBias(), getEps(), getGroupSize());
}
SmallVector<FlatSymbolRefAttr> LayerNormAttr::getSymbols() const {
  return getBias() ? SmallVector<FlatSymbolRefAttr>{getWeight(), getBias()} : SmallVector{getWeight()};
}
FunctionAttrInterface LayerNormAttr::withSymbols(ArrayRef<FlatSymbolRefAttr> symbols) const {
  return get(getContext(), getSegment(), symbols[0], getBias() ? symbols[1] : FlatSymbolRefAttr(), getEps(),
             getGroupSize());
}
int64_t LayerNormAttr::getRowGroup() const { return getGroupSize(); }
Reduction LayerNormAttr::getReduction(int64_t elements) const { return reductionOver(getGroupSize(), elements); }
int64_t LayerNormAttr::getChunkSums() const { return 2; } // of elements, of squares
StringRef LayerNormAttr::getFusion() const { return "fuse-query-key-value"; }
DictionaryAttr LayerNormAttr::getParameters() const {
  return parameters(getContext(), {{"bias", BoolAttr::get(getContext(), static_cast<bool>(getBias()))},
                                   {"eps", getEps()},
                                   {"group_size", integer(getContext(), getGroupSize())}});
}
LogicalResult LayerNormAttr::verifyUse(MutableArrayRef<int64_t> sizes, ValueRange, SymbolLookup lookup,
                                       EmitError emitError) const {
  if (failed(checkGroups(sizes[getSegment()], getGroupSize(), "group_size", emitError)))
    return failure();
  for (FlatSymbolRefAttr vector : getSymbols())
    if (failed(checkWeight(lookup, vector, getGroupSize(), emitError)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// bias
//===----------------------------------------------------------------------===//

StringRef BiasAttr::getFunctionName() const { return getMnemonic(); }
SmallVector<int64_t> BiasAttr::getSlots() const { return {getSegment()}; }
FunctionAttrInterface BiasAttr::withSlots(ArrayRef<int64_t> slots) const {
  return get(getContext(), slots[0], getWeight());
}
SmallVector<FlatSymbolRefAttr> BiasAttr::getSymbols() const { return {getWeight()}; }
FunctionAttrInterface BiasAttr::withSymbols(ArrayRef<FlatSymbolRefAttr> symbols) const {
  return get(getContext(), getSegment(), symbols[0]);
}
bool BiasAttr::addsWeight() const { return true; }
bool BiasAttr::isElementwise() const { return true; }
DictionaryAttr BiasAttr::getParameters() const { return parameters(getContext(), {}); }
LogicalResult BiasAttr::verifyUse(MutableArrayRef<int64_t> sizes, ValueRange, SymbolLookup lookup,
                                  EmitError emitError) const {
  return checkWeight(lookup, getWeight(), sizes[getSegment()], emitError);
}

//===----------------------------------------------------------------------===//
// rope
//===----------------------------------------------------------------------===//

StringRef RopeAttr::getFunctionName() const { return getInterleaved() ? "rope_interleaved" : "rope"; }
SmallVector<int64_t> RopeAttr::getSlots() const { return {getSegment()}; }
FunctionAttrInterface RopeAttr::withSlots(ArrayRef<int64_t> slots) const {
  return get(getContext(), slots[0], getTable(), getHeadDim(), getRotaryDim(), getInterleaved());
}
SmallVector<FlatSymbolRefAttr> RopeAttr::getSymbols() const { return {getTable()}; }
FunctionAttrInterface RopeAttr::withSymbols(ArrayRef<FlatSymbolRefAttr> symbols) const {
  return get(getContext(), getSegment(), symbols[0], getHeadDim(), getRotaryDim(), getInterleaved());
}
bool RopeAttr::hasRopeTable() const { return true; }
int64_t RopeAttr::getRowGroup() const { return getHeadDim(); }
bool RopeAttr::usesPosition() const { return true; }
StringRef RopeAttr::getFusion() const { return "fuse-query-key-value"; }
DictionaryAttr RopeAttr::getParameters() const {
  return parameters(getContext(), {{"head_dim", integer(getContext(), getHeadDim())},
                                   {"rotary_dim", integer(getContext(), getRotaryDim())}});
}
LogicalResult RopeAttr::verifyUse(MutableArrayRef<int64_t> sizes, ValueRange, SymbolLookup lookup,
                                  EmitError emitError) const {
  if (failed(checkGroups(sizes[getSegment()], getHeadDim(), "head_dim", emitError)))
    return failure();
  if (getRotaryDim() <= 0 || getRotaryDim() > getHeadDim() || getRotaryDim() % 2 != 0)
    return emitError() << "needs an even rotary_dim of at most head_dim, not " << getRotaryDim();
  return checkWeight(lookup, getTable(), getRotaryDim() / 2, emitError);
}

//===----------------------------------------------------------------------===//
// kv_append
//===----------------------------------------------------------------------===//

StringRef KVAppendAttr::getFunctionName() const { return getMnemonic(); }
SmallVector<int64_t> KVAppendAttr::getSlots() const { return {getKey(), getValue()}; }
SmallVector<StringRef> KVAppendAttr::getSlotNames() const { return {"key", "value"}; }
SmallVector<int64_t> KVAppendAttr::getConsumedSlots() const { return getSlots(); }
FunctionAttrInterface KVAppendAttr::withSlots(ArrayRef<int64_t> slots) const {
  return get(getContext(), slots[0], slots[1], getCache(), getKvHeads(), getHeadDim());
}
SmallVector<FlatSymbolRefAttr> KVAppendAttr::getSymbols() const { return {getCache()}; }
FunctionAttrInterface KVAppendAttr::withSymbols(ArrayRef<FlatSymbolRefAttr> symbols) const {
  return get(getContext(), getKey(), getValue(), symbols[0], getKvHeads(), getHeadDim());
}
int64_t KVAppendAttr::getRowGroup() const { return getHeadDim(); }
bool KVAppendAttr::usesPosition() const { return true; }
bool KVAppendAttr::writesCache() const { return true; }
StringRef KVAppendAttr::getFusion() const { return "fuse-query-key-value"; }
DictionaryAttr KVAppendAttr::getParameters() const {
  return parameters(getContext(), {{"head_dim", integer(getContext(), getHeadDim())},
                                   {"kv_heads", integer(getContext(), getKvHeads())}});
}
LogicalResult KVAppendAttr::verifyUse(MutableArrayRef<int64_t> sizes, ValueRange, SymbolLookup lookup,
                                      EmitError emitError) const {
  nn::CacheOp cache = lookup.cache(getCache());
  if (!cache)
    return emitError() << "names " << getCache() << ", which is no cache";
  if (static_cast<int64_t>(cache.getKvHeads()) != getKvHeads() ||
      static_cast<int64_t>(cache.getHeadDim()) != getHeadDim())
    return emitError() << "stores " << getKvHeads() << " x " << getHeadDim() << ", but " << getCache() << " holds "
                       << cache.getKvHeads() << " x " << cache.getHeadDim();
  for (int64_t slot : getSlots()) {
    if (sizes[slot] != getKvHeads() * getHeadDim())
      return emitError() << "needs " << getKvHeads() << " x " << getHeadDim() << " elements, but segment " << slot
                         << " has " << sizes[slot];
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Elementwise functions; those without parameters are in StepAttrs.td
//===----------------------------------------------------------------------===//

StringRef ScaleAttr::getFunctionName() const { return getMnemonic(); }
SmallVector<int64_t> ScaleAttr::getSlots() const { return {getSegment()}; }
FunctionAttrInterface ScaleAttr::withSlots(ArrayRef<int64_t> slots) const {
  return get(getContext(), slots[0], getFactor());
}
bool ScaleAttr::isElementwise() const { return true; }
StringRef ScaleAttr::getFusion() const { return "fuse-activation-mul"; }
DictionaryAttr ScaleAttr::getParameters() const { return parameters(getContext(), {{"factor", getFactor()}}); }
LogicalResult ScaleAttr::verifyUse(MutableArrayRef<int64_t>, ValueRange, SymbolLookup, EmitError emitError) const {
  const auto factor = static_cast<float>(getFactor().getValueAsDouble()); // what executors have
  if (!std::isfinite(factor) || factor == 0)
    return emitError() << "needs a finite factor that is not zero, not " << getFactor().getValueAsDouble();
  return success();
}

StringRef SoftcapAttr::getFunctionName() const { return getMnemonic(); }
SmallVector<int64_t> SoftcapAttr::getSlots() const { return {getSegment()}; }
FunctionAttrInterface SoftcapAttr::withSlots(ArrayRef<int64_t> slots) const {
  return get(getContext(), slots[0], getCap());
}
bool SoftcapAttr::isElementwise() const { return true; }
StringRef SoftcapAttr::getFusion() const { return "fuse-activation-mul"; }
DictionaryAttr SoftcapAttr::getParameters() const { return parameters(getContext(), {{"cap", getCap()}}); }
LogicalResult SoftcapAttr::verifyUse(MutableArrayRef<int64_t>, ValueRange, SymbolLookup, EmitError emitError) const {
  const auto cap = static_cast<float>(getCap().getValueAsDouble()); // what executors have
  if (!std::isfinite(cap) || !(cap > 0))
    return emitError() << "needs a positive cap, not " << getCap().getValueAsDouble();
  return success();
}

StringRef MulAttr::getFunctionName() const { return getMnemonic(); }
SmallVector<int64_t> MulAttr::getSlots() const { return {getLhs(), getRhs()}; }
SmallVector<StringRef> MulAttr::getSlotNames() const { return {"lhs", "rhs"}; }
SmallVector<int64_t> MulAttr::getConsumedSlots() const { return {getRhs()}; }
FunctionAttrInterface MulAttr::withSlots(ArrayRef<int64_t> slots) const {
  return get(getContext(), slots[0], slots[1]);
}
bool MulAttr::isElementwise() const { return true; }
StringRef MulAttr::getFusion() const { return "fuse-activation-mul"; }
DictionaryAttr MulAttr::getParameters() const { return parameters(getContext(), {}); }
LogicalResult MulAttr::verifyUse(MutableArrayRef<int64_t> sizes, ValueRange, SymbolLookup, EmitError emitError) const {
  if (sizes[getLhs()] != sizes[getRhs()])
    return emitError() << "multiplies segments of " << sizes[getLhs()] << " and " << sizes[getRhs()] << " elements";
  return success();
}

StringRef AddAttr::getFunctionName() const { return getMnemonic(); }
SmallVector<int64_t> AddAttr::getSlots() const { return {getSegment()}; }
FunctionAttrInterface AddAttr::withSlots(ArrayRef<int64_t> slots) const { return get(getContext(), slots[0]); }
unsigned AddAttr::getNumOperands() const { return 1; }
bool AddAttr::addsOperand() const { return true; }
bool AddAttr::isElementwise() const { return true; }
StringRef AddAttr::getFusion() const { return "fuse-residual"; }
DictionaryAttr AddAttr::getParameters() const { return parameters(getContext(), {}); }
LogicalResult AddAttr::verifyUse(MutableArrayRef<int64_t> sizes, ValueRange operands, SymbolLookup,
                                 EmitError emitError) const {
  int64_t elements = nn::rowElements(operands[0]);
  if (elements != sizes[getSegment()])
    return emitError() << "adds an operand of " << elements << " elements to a segment of " << sizes[getSegment()];
  return success();
}

//===----------------------------------------------------------------------===//
// argmax
//===----------------------------------------------------------------------===//

StringRef ArgmaxAttr::getFunctionName() const { return getMnemonic(); }
SmallVector<int64_t> ArgmaxAttr::getSlots() const { return {getSegment()}; }
SmallVector<int64_t> ArgmaxAttr::getConsumedSlots() const { return {getSegment()}; }
FunctionAttrInterface ArgmaxAttr::withSlots(ArrayRef<int64_t> slots) const { return get(getContext(), slots[0]); }
bool ArgmaxAttr::usesPosition() const { return true; }
Reduction ArgmaxAttr::getReduction(int64_t) const { return Reduction::Vector; }
bool ArgmaxAttr::selectsToken() const { return true; }
StringRef ArgmaxAttr::getFusion() const { return "fuse-head-select"; }
DictionaryAttr ArgmaxAttr::getParameters() const { return parameters(getContext(), {}); }
LogicalResult ArgmaxAttr::verifyUse(MutableArrayRef<int64_t>, ValueRange, SymbolLookup, EmitError) const {
  return success();
}
