// Structure and verifiers of the `step` dialect.
#include "compiler/ir/step/Step.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::step;

#include "compiler/ir/step/StepAttrInterfaces.cpp.inc"
#include "compiler/ir/step/StepDialect.cpp.inc"
#include "compiler/ir/step/StepOpInterfaces.cpp.inc"

// Of a plan: see runtime/plan/program.h.
static constexpr uint64_t maxWays = 32;
static constexpr uint64_t maxWarps = 32;
static constexpr uint64_t minNormChunk = 16, maxNormChunk = 128;

//===----------------------------------------------------------------------===//
// Syntax of step.project: `matrices` [symbols] (`prologue` function)? (`epilogues` [functions])?
// After a prologue the list is always there, if empty: MLIR would take the op's types, were they next, for the
// prologue's.
//===----------------------------------------------------------------------===//

static ParseResult parseProducts(OpAsmParser &parser, ArrayAttr &matrices, FunctionAttrInterface &prologue,
                                 ArrayAttr &epilogues) {
  if (parser.parseKeyword("matrices") || parser.parseAttribute(matrices))
    return failure();
  epilogues = parser.getBuilder().getArrayAttr({});
  if (succeeded(parser.parseOptionalKeyword("prologue"))) {
    if (parser.parseAttribute(prologue) || parser.parseKeyword("epilogues", " ([] for none) after a prologue"))
      return failure();
    return parser.parseAttribute(epilogues);
  }
  return succeeded(parser.parseOptionalKeyword("epilogues")) ? parser.parseAttribute(epilogues) : success();
}

static void printProducts(OpAsmPrinter &printer, Operation *, ArrayAttr matrices, FunctionAttrInterface prologue,
                          ArrayAttr epilogues) {
  printer << "matrices " << matrices;
  if (prologue)
    printer << " prologue " << prologue;
  if (prologue || !epilogues.empty())
    printer << " epilogues " << epilogues;
}

#define GET_OP_CLASSES
#include "compiler/ir/step/StepOps.cpp.inc"

void StepDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/step/StepOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Encodings
//===----------------------------------------------------------------------===//

std::optional<Encoding> cadenza::step::findEncoding(StringRef name) {
  const std::optional<Encoding> encoding = encodingNamed(std::string_view(name));
  return encoding && format_of(*encoding).matrix() ? encoding : std::nullopt;
}

WeightEncodingAttrInterface cadenza::step::encodingAttr(MLIRContext *context, const Encoding &encoding) {
  Builder builder(context);
  const Type scale = encoding.scale == Encoding::usual_scale(encoding.kind, encoding.group) ? Type()
                     : encoding.scale == Encoding::f32                                      ? builder.getF32Type()
                     : encoding.scale == Encoding::f16                                      ? builder.getF16Type()
                                                                                            : builder.getBF16Type();
  switch (encoding.kind) {
  case Encoding::int8:
    return Int8Attr::get(context, encoding.group, scale);
  case Encoding::int4:
    return Int4Attr::get(context, encoding.group, encoding.zeros, scale);
  case Encoding::fp8:
    return Fp8Attr::get(context, encoding.group, scale);
  case Encoding::q4_k:
    return Q4KAttr::get(context);
  case Encoding::q5_k:
    return Q5KAttr::get(context);
  case Encoding::q6_k:
    return Q6KAttr::get(context, encoding.zeros);
  case Encoding::tiles16:
  case Encoding::vector:
  case Encoding::rope_table:
  case Encoding::tensor:
    break;
  }
  return Tiles16Attr::get(context);
}

Encoding cadenza::step::encodingWith(Encoding::Kind kind, int64_t group, bool zeros, Type scale) {
  const int columns = group < 0 || group > 255 ? 1 : static_cast<int>(group); // none of 1 is valid
  return {kind, columns, zeros,
          !scale           ? Encoding::usual_scale(kind, columns)
          : scale.isF16()  ? Encoding::f16
          : scale.isBF16() ? Encoding::bf16
                           : Encoding::f32};
}

LogicalResult cadenza::step::verifyEncoding(function_ref<InFlightDiagnostic()> emitError, Encoding::Kind kind,
                                            int64_t group, bool zeros, Type scale) {
  if (scale && !scale.isF16() && !scale.isBF16() && !scale.isF32())
    return emitError() << "has scales of f16, bf16 or f32, not " << scale;
  if (!is_valid(encodingWith(kind, group, zeros, scale)))
    return emitError() << "is no encoding: groups are of 32, 64 or 128 columns"
                       << (kind == Encoding::int4 ? "" : ", or 0, a row, with scales of f32");
  return success();
}

std::string cadenza::step::deviceTypeOf(const Encoding &encoding, StringRef operand) {
  constexpr StringLiteral functors[] = {"", "", "Tiles16", "Int8", "Int4", "Fp8", "", "Q4K", "Q5K", "Q6K"};
  constexpr StringLiteral scales[] = {"float", "f16", "bf16"};
  const StringRef minima = has_super_blocks(encoding) && encoding.zeros ? ", true" : "";
  const std::string functor = (functors[encoding.kind] + "<" + operand + minima + ">").str();
  if (encoding.group == 0 || has_super_blocks(encoding))
    return functor;
  return ("Grouped<" + functor + ", " + Twine(static_cast<int>(encoding.group)) + ", " + scales[encoding.scale] +
          (encoding.zeros ? ", true>" : ">"))
      .str();
}

WeightEncodingAttrInterface cadenza::step::encodingOf(nn::WeightOp weight) {
  if (auto encoding = weight->getAttrOfType<WeightEncodingAttrInterface>(StepDialect::encodingName))
    return encoding;
  return Tiles16Attr::get(weight.getContext());
}

LogicalResult StepDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  auto weight = dyn_cast<nn::WeightOp>(op);
  if (attribute.getName() == encodingName) {
    auto encoding = dyn_cast<WeightEncodingAttrInterface>(attribute.getValue());
    if (!weight)
      return op->emitOpError() << "has an encoding (" << encodingName << "), which only a weight has";
    if (!encoding)
      return op->emitOpError() << "has " << attribute.getValue() << " as " << encodingName
                               << ", which is no encoding of weights";
    auto emitError = [&] { return op->emitOpError() << "encoding " << encoding.getName() << " "; };
    return encoding.verifyWeight(cast<ShapedType>(weight.getType()), emitError);
  }
  if (attribute.getName() == copyOfName) {
    if (!weight || !isa<FlatSymbolRefAttr>(attribute.getValue()))
      return op->emitOpError() << "has " << copyOfName << ", which names the weight that a weight is a copy of";
    return success();
  }
  if (attribute.getName() == positionsName) {
    auto positions = dyn_cast<IntegerAttr>(attribute.getValue());
    if (!isa<nn::CacheOp>(op) || !positions || positions.getInt() < 1)
      return op->emitOpError() << "has " << positionsName
                               << ", which is how many positions, at least one, a cache keeps";
    return success();
  }
  return op->emitOpError() << "has an attribute " << attribute.getName() << ", which the step dialect does not know";
}

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

Operation *SymbolLookup::resolve(FlatSymbolRefAttr reference) const {
  Operation *op = symbols->lookupNearestSymbolFrom(user, reference);
  if (auto table = dyn_cast_or_null<TableOp>(op)) {
    if (table.getEntries().empty())
      return nullptr;
    op = symbols->lookupNearestSymbolFrom(user, cast<FlatSymbolRefAttr>(table.getEntries()[0]));
  }
  return op;
}

RankedTensorType SymbolLookup::weightType(FlatSymbolRefAttr reference) const {
  auto weight = dyn_cast_or_null<nn::WeightOp>(resolve(reference));
  return weight ? cast<RankedTensorType>(weight.getType()) : RankedTensorType();
}

WeightEncodingAttrInterface SymbolLookup::encoding(FlatSymbolRefAttr reference) const {
  return encodingOf(cast<nn::WeightOp>(resolve(reference)));
}

int64_t cadenza::step::positionsOf(nn::CacheOp cache) {
  auto positions = cache->getAttrOfType<IntegerAttr>(StepDialect::positionsName);
  return positions ? positions.getInt() : 0;
}

bool SymbolLookup::isRing(FlatSymbolRefAttr reference) const {
  Operation *op = symbols->lookupNearestSymbolFrom(user, reference);
  const auto keepsSome = [&](Operation *entry) {
    return isa_and_nonnull<nn::CacheOp>(entry) && positionsOf(cast<nn::CacheOp>(entry)) != 0;
  };
  auto table = dyn_cast_or_null<TableOp>(op);
  if (!table)
    return keepsSome(op);
  return llvm::any_of(table.getEntries().getAsRange<FlatSymbolRefAttr>(), [&](FlatSymbolRefAttr entry) {
    return keepsSome(symbols->lookupNearestSymbolFrom(user, entry));
  });
}

nn::CacheOp SymbolLookup::cache(FlatSymbolRefAttr reference) const {
  return dyn_cast_or_null<nn::CacheOp>(resolve(reference));
}

nn::ScalarOp SymbolLookup::scalar(FlatSymbolRefAttr reference) const {
  return dyn_cast_or_null<nn::ScalarOp>(resolve(reference));
}

LogicalResult TableOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getEntries().empty())
    return emitOpError() << "needs at least one entry";
  auto lookup = [&](Attribute entry) { return symbols.lookupNearestSymbolFrom(*this, cast<FlatSymbolRefAttr>(entry)); };
  Operation *first = lookup(getEntries()[0]);
  for (Attribute entry : getEntries()) {
    Operation *op = lookup(entry);
    if (!isa_and_nonnull<nn::WeightOp, nn::CacheOp, nn::ScalarOp>(op))
      return emitOpError() << "names " << entry << ", which is neither a weight nor a cache nor a scalar";
    bool same = first->getName() == op->getName();
    if (same && isa<nn::WeightOp>(op))
      same = cast<nn::WeightOp>(op).getType() == cast<nn::WeightOp>(first).getType() &&
             encodingOf(cast<nn::WeightOp>(op)) == encodingOf(cast<nn::WeightOp>(first));
    if (auto cache = dyn_cast<nn::CacheOp>(op); same && cache) {
      auto firstCache = cast<nn::CacheOp>(first);
      same = cache.getType() == firstCache.getType() && cache.getKvHeads() == firstCache.getKvHeads() &&
             cache.getHeadDim() == firstCache.getHeadDim();
    }
    if (!same) {
      InFlightDiagnostic diagnostic = emitOpError() << "has entries of different types";
      diagnostic.attachNote(first->getLoc()) << "the first entry";
      diagnostic.attachNote(op->getLoc()) << "another entry";
      return diagnostic;
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// step.layers
//===----------------------------------------------------------------------===//

ParseResult LayersOp::parse(OpAsmParser &parser, OperationState &result) {
  IntegerAttr count;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types;
  if (parser.parseKeyword("count") ||
      parser.parseAttribute(count, parser.getBuilder().getI64Type(), "count", result.attributes) ||
      parser.parseAssignmentList(arguments, operands) || parser.parseOptionalColonTypeList(types))
    return failure();
  if (arguments.size() != types.size())
    return parser.emitError(parser.getCurrentLocation(), "needs one type for each carried value");
  for (auto [argument, type] : llvm::zip_equal(arguments, types))
    argument.type = type;
  result.addTypes(types);
  if (parser.resolveOperands(operands, types, parser.getCurrentLocation(), result.operands) ||
      parser.parseRegion(*result.addRegion(), arguments) || parser.parseOptionalAttrDict(result.attributes))
    return failure();
  LayersOp::ensureTerminator(*result.regions.front(), parser.getBuilder(), result.location);
  return success();
}

void LayersOp::print(OpAsmPrinter &printer) {
  printer << " count " << getCount() << " (";
  llvm::interleaveComma(llvm::zip_equal(getBody().getArguments(), getInits()), printer,
                        [&](auto pair) { printer << std::get<0>(pair) << " = " << std::get<1>(pair); });
  printer << ")";
  if (!getInits().empty()) {
    printer << " : ";
    llvm::interleaveComma(getInits().getTypes(), printer);
  }
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  printer.printOptionalAttrDict((*this)->getAttrs(), {"count"});
}

LogicalResult LayersOp::verify() {
  if (static_cast<int64_t>(getCount()) <= 0)
    return emitOpError() << "needs a positive count";
  return success();
}

LogicalResult LayersOp::verifyRegions() {
  auto yield = cast<YieldOp>(getBody().front().getTerminator());
  if (!llvm::equal(getInits().getTypes(), getResultTypes()) ||
      !llvm::equal(getInits().getTypes(), getBody().getArgumentTypes()) ||
      !llvm::equal(getInits().getTypes(), yield.getValues().getTypes()))
    return emitOpError() << "carries values whose types differ between start, body, yield and results";
  return success();
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

namespace {

int64_t elements(Value value) { return nn::rowElements(value); }

/// All vectors of a phase are of the same tokens. What selects a token is one token's. What happens at a position may
/// be a tile's, whose first token is there.
LogicalResult verifyTokens(Operation *op, bool oneToken) {
  const auto isVector = [](Value value) {
    return isa<FloatType>(cast<RankedTensorType>(value.getType()).getElementType());
  };
  std::optional<int64_t> tokens = oneToken ? std::optional<int64_t>(1) : std::nullopt;
  for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(op->getResults()))) {
    if (!isVector(value))
      continue;
    if (tokens && nn::rowCount(value) != *tokens)
      return op->emitOpError() << "works on " << *tokens << (*tokens == 1 ? " token" : " tokens") << ", but "
                               << value.getType() << " has " << nn::rowCount(value);
    tokens = nn::rowCount(value);
  }
  return success();
}

/// Checks the functions of a phase in order, then that its results are what they leave of `sizes`.
LogicalResult verifyFunctions(Operation *op, SmallVector<int64_t> sizes, ArrayAttr epilogues, ValueRange operands,
                              bool hasPosition, SymbolLookup lookup) {
  bool usesPosition = false;
  unsigned tokens = 0;
  const bool selects = llvm::any_of(epilogues.getAsRange<FunctionAttrInterface>(),
                                    [](auto function) { return function.selectsToken(); });
  if (failed(verifyTokens(op, selects)))
    return failure();
  for (auto [index, attribute] : llvm::enumerate(epilogues)) {
    auto function = cast<FunctionAttrInterface>(attribute);
    auto emitError = [&] {
      return op->emitOpError() << "epilogue " << index << " (" << function.getFunctionName() << ") ";
    };
    SmallVector<int64_t> slots = function.getSlots();
    for (auto [at, slot] : llvm::enumerate(slots)) {
      if (slot < 0 || slot >= static_cast<int64_t>(sizes.size()))
        return emitError() << "names segment " << slot << " of " << sizes.size();
      if (sizes[slot] < 0)
        return emitError() << "names segment " << slot << ", which an earlier epilogue consumed";
      if (llvm::is_contained(ArrayRef(slots).take_front(at), slot))
        return emitError() << "names segment " << slot << " twice";
    }
    if (function.defersScale())
      return emitError() << "defers its scale, which only a prologue can";
    if (function.getNumOperands() > operands.size())
      return emitError() << "has no operand left";
    if (failed(function.verifyUse(sizes, operands.take_front(function.getNumOperands()), lookup, emitError)))
      return failure();
    operands = operands.drop_front(function.getNumOperands());
    for (int64_t slot : function.getConsumedSlots())
      sizes[slot] = -1;
    usesPosition |= function.usesPosition() && !function.selectsToken(); // which reads it from the decode state itself
    tokens += function.selectsToken();
  }
  if (!operands.empty())
    return op->emitOpError() << "has " << operands.size() << " more operands than its epilogues take";
  if (usesPosition && !hasPosition)
    return op->emitOpError() << "has an epilogue that reads the position, but no position ('at')";
  llvm::erase(sizes, -1);
  if (op->getNumResults() != sizes.size() + tokens)
    return op->emitOpError() << "has " << op->getNumResults() << " results, but its functions leave " << sizes.size()
                             << " vectors and " << tokens << " tokens";
  for (auto [result, size] : llvm::zip_first(op->getResults().take_front(sizes.size()), sizes)) {
    if (elements(result) != size)
      return op->emitOpError() << "result " << result.getResultNumber() << " has " << elements(result)
                               << " elements, but its functions leave " << size;
  }
  return success();
}

} // namespace

SmallVector<FlatSymbolRefAttr> EmbedOp::getMatrixSymbols() { return {getMatrixAttr()}; }

LogicalResult EmbedOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if ((getPosition() != nullptr) != (getPositionsAttr() != nullptr))
    return emitOpError() << "needs both a matrix of positions and a position, or neither";
  const auto verifyRows = [&](FlatSymbolRefAttr matrix) -> LogicalResult {
    RankedTensorType type = SymbolLookup(*this, symbols).weightType(matrix);
    if (!type || type.getRank() != 2)
      return emitOpError() << "names " << matrix << ", which is no matrix";
    if (type.getDimSize(1) != elements(getResult()))
      return emitOpError() << "has " << elements(getResult()) << " elements, but " << matrix << " is " << type;
    if (auto encoding = SymbolLookup(*this, symbols).encoding(matrix); !isa<Tiles16Attr>(encoding))
      return emitOpError() << "reads rows of tiles16, but " << matrix << " is stored as " << encoding.getName();
    return success();
  };
  if (getPositionsAttr() && failed(verifyRows(getPositionsAttr())))
    return failure();
  return verifyRows(getMatrixAttr());
}

SmallVector<FlatSymbolRefAttr> ProjectOp::getMatrixSymbols() {
  return llvm::to_vector(getMatrices().getAsRange<FlatSymbolRefAttr>());
}

SmallVector<FunctionAttrInterface> ProjectOp::getFunctions() {
  SmallVector<FunctionAttrInterface> functions;
  if (auto prologue = getPrologueAttr())
    functions.push_back(prologue);
  llvm::append_range(functions, getEpilogues().getAsRange<FunctionAttrInterface>());
  return functions;
}

template <class Phase> static LogicalResult verifyNormChunk(Phase phase) {
  const auto chunk = static_cast<uint64_t>(phase.getNormChunk());
  if (chunk < minNormChunk || chunk > maxNormChunk || !llvm::isPowerOf2_64(chunk))
    return phase.emitOpError() << "sums squares in chunks of " << static_cast<int64_t>(chunk) << "; powers of two from "
                               << minNormChunk << " to " << maxNormChunk << " are possible";
  return success();
}

LogicalResult ProjectOp::verifySymbolUses(SymbolTableCollection &symbols) {
  SymbolLookup lookup(*this, symbols);
  SmallVector<int64_t> rows;
  Type elementType;
  WeightEncodingAttrInterface encoding;
  for (FlatSymbolRefAttr matrix : getMatrixSymbols()) {
    RankedTensorType type = lookup.weightType(matrix);
    if (!type || type.getRank() != 2)
      return emitOpError() << "names " << matrix << ", which is no matrix";
    if (type.getDimSize(1) != elements(getInput()))
      return emitOpError() << "has an input of " << elements(getInput()) << " elements, but " << matrix << " is "
                           << type;
    if (elementType && elementType != type.getElementType())
      return emitOpError() << "has matrices of different element types";
    elementType = type.getElementType();
    if (encoding && encoding != lookup.encoding(matrix))
      return emitOpError() << "has matrices of different encodings";
    encoding = lookup.encoding(matrix);
    if (getInterleaved() && !rows.empty() && rows.front() != type.getDimSize(0))
      return emitOpError() << "interleaves matrices of different heights";
    if (getInterleaved() && type.getDimSize(0) % stripe_rows != 0)
      return emitOpError() << "interleaves eights of rows, but " << matrix << " is " << type;
    rows.push_back(type.getDimSize(0));
  }
  if (rows.empty())
    return emitOpError() << "needs at least one matrix";
  if (getKWays() > maxWays || !llvm::isPowerOf2_64(getKWays()))
    return emitOpError() << "deals steps to " << static_cast<int64_t>(getKWays()) << " ways; powers of two up to "
                         << maxWays << " are possible";
  const int64_t steps = steps_of(elements(getInput()));
  if (getKGroups().empty() || getKGroups().front() != 0 || getKGroups().back() >= steps ||
      !llvm::is_sorted(getKGroups(), std::less_equal()))
    return emitOpError() << "needs K groups that start at step 0, ascend, and stay below the " << steps << " steps of "
                         << step_columns << " columns";
  if (failed(verifyNormChunk(*this)))
    return failure();
  if (auto prologue = getPrologueAttr()) {
    SmallVector<int64_t> sizes = {elements(getInput())};
    auto emitError = [&] { return emitOpError() << "prologue (" << prologue.getFunctionName() << ") "; };
    if (prologue.getSlots() != ArrayRef<int64_t>{0})
      return emitError() << "works on segment 0, the input";
    if (prologue.getNumOperands() != 0 || !prologue.getConsumedSlots().empty() || prologue.usesPosition())
      return emitError() << "is no function of the input alone";
    if (failed(prologue.verifyUse(sizes, {}, lookup, emitError)))
      return failure();
    if (prologue.getRowGroup() != 1 && prologue.getRowGroup() != sizes[0])
      return emitError() << "works on runs of " << prologue.getRowGroup() << " elements, not on the whole input of "
                         << sizes[0];
  }
  return verifyFunctions(*this, rows, getEpilogues(), getSideInputs(), getPosition() != nullptr, lookup);
}

SmallVector<FunctionAttrInterface> MapOp::getFunctions() {
  return llvm::to_vector(getEpilogues().getAsRange<FunctionAttrInterface>());
}

LogicalResult MapOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyNormChunk(*this)))
    return failure();
  SmallVector<int64_t> sizes = llvm::map_to_vector(getInputs(), elements);
  return verifyFunctions(*this, sizes, getEpilogues(), getSideInputs(), getPosition() != nullptr,
                         SymbolLookup(*this, symbols));
}

LogicalResult AttendOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyTokens(*this, /*oneToken=*/false)))
    return failure();
  nn::CacheOp cache = SymbolLookup(*this, symbols).cache(getCacheAttr());
  if (!cache)
    return emitOpError() << "names " << getCacheAttr() << ", which is no cache";
  if (getHeads() == 0 || getHeads() % cache.getKvHeads() != 0)
    return emitOpError() << "has " << getHeads() << " heads, no multiple of the " << cache.getKvHeads()
                         << " KV heads of " << getCacheAttr();
  if (getWindow() && !SymbolLookup(*this, symbols).scalar(getWindowAttr()))
    return emitOpError() << "names " << getWindowAttr() << " as its window, which is no scalar";
  if (getCap() && !(static_cast<float>(getCap()->convertToDouble()) > 0 &&
                    std::isfinite(static_cast<float>(getCap()->convertToDouble()))))
    return emitOpError() << "needs a positive cap, not " << getCap()->convertToDouble();
  int64_t expected = static_cast<int64_t>(getHeads() * cache.getHeadDim());
  if (elements(getQuery()) != expected || elements(getResult()) != expected)
    return emitOpError() << "needs query and result of " << expected << " elements";
  if (static_cast<int64_t>(getSplits()) < 1)
    return emitOpError() << "needs at least one split";
  if (getWarps() < 1 || getWarps() > maxWarps)
    return emitOpError() << "has " << static_cast<int64_t>(getWarps()) << " warps; 1 to " << maxWarps
                         << " are possible";
  return success();
}

SmallVector<FunctionAttrInterface> SelectOp::getFunctions() { return {ArgmaxAttr::get(getContext(), /*segment=*/0)}; }

LogicalResult LastOp::verifySymbolUses(SymbolTableCollection &) {
  auto input = cast<RankedTensorType>(getInput().getType());
  if (getResult().getType() != RankedTensorType::get({1, nn::rowElements(input)}, input.getElementType()))
    return emitOpError() << "gives one token of " << input << ", not " << getResult().getType();
  return success();
}

LogicalResult SelectOp::verifySymbolUses(SymbolTableCollection &) { return verifyTokens(*this, /*oneToken=*/true); }
