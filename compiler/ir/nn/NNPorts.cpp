// Entries: the port attribute, what ports an entry may have, and how entries are found by them.
#include "compiler/ir/nn/Blocks.h"
#include "compiler/ir/nn/TensorValues.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::nn;

#define GET_ATTRDEF_CLASSES
#include "compiler/ir/nn/NNAttrs.cpp.inc"

void NNDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/ir/nn/NNAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Syntax: <token>, <"x">, <"x" : [4, 3, 64]>
//===----------------------------------------------------------------------===//

Attribute PortAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return nullptr;
  PortKind kind = PortKind::Tensor;
  std::string name;
  SmallVector<int64_t> shape;
  if (failed(parser.parseOptionalString(&name))) {
    StringRef keyword;
    const SMLoc place = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return nullptr;
    const auto *known = llvm::find_if(portKindNames, [&](StringRef name) { return name == keyword; });
    kind = static_cast<PortKind>(known - std::begin(portKindNames));
    if (known == std::end(portKindNames) || kind == PortKind::Tensor) {
      parser.emitError(place) << "there is no port " << keyword
                              << "; expected token, position, logits, next, or the name of a tensor in quotes";
      return nullptr;
    }
  } else if (succeeded(parser.parseOptionalColon()) &&
             parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                            [&] { return parser.parseInteger(shape.emplace_back()); })) {
    return nullptr;
  }
  return parser.parseGreater() ? Attribute() : get(parser.getContext(), kind, name, shape);
}

void PortAttr::print(AsmPrinter &printer) const {
  printer << "<";
  if (getKind() == PortKind::Tensor)
    printer.printString(getName());
  else
    printer << llvm::StringRef(portKindName(getKind()));
  if (!getShape().empty()) {
    printer << " : [";
    llvm::interleaveComma(getShape(), printer);
    printer << "]";
  }
  printer << ">";
}

//===----------------------------------------------------------------------===//
// What an entry may have
//===----------------------------------------------------------------------===//

namespace {

bool hasStaticShape(RankedTensorType type) { return type && type.hasStaticShape() && type.getRank() >= 1; }

/// Whether a value of `type` can be what `port` says; if not, what it would have to be.
std::optional<StringRef> misfit(PortAttr port, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  switch (port.getKind()) {
  case PortKind::Token:
  case PortKind::Position:
  case PortKind::Next:
    if (!hasStaticShape(tensor) || tensor.getRank() != 1 || !tensor.getElementType().isSignlessInteger(32))
      return StringRef("i32 [tokens], such as tensor<1xi32>");
    return std::nullopt;
  case PortKind::Logits:
    if (!hasStaticShape(tensor) || !tensor.getElementType().isF32())
      return StringRef("a static tensor of f32");
    return std::nullopt;
  case PortKind::Tensor:
    break;
  }
  if (!tensor || !tensor.hasStaticShape() || !elementTypeOf(tensor.getElementType()))
    return StringRef("a static tensor of a type that ops on tensors take");
  ArrayRef<int64_t> shape = port.getShape();
  const bool sound = llvm::all_of(shape, [](int64_t extent) { return extent > 0; });
  const int64_t elements = sound ? RankedTensorType::get(shape, tensor.getElementType()).getNumElements() : 0;
  if (!shape.empty() &&
      (tensor.getRank() == 0 || elements != tensor.getNumElements() || shape.back() != tensor.getShape().back()))
    return StringRef("as many rows of as many elements as its shape has");
  return std::nullopt;
}

/// All ports of `function` together.
LogicalResult verifyPorts(func::FuncOp function) {
  llvm::SmallDenseMap<Attribute, std::string> taken;
  const auto verifyPort = [&](PortAttr port, Type type, const std::string &place, bool isResult) -> LogicalResult {
    if (!port)
      return function.emitOpError() << place << " carries no port: either all arguments and results do, or none";
    const bool onlyArgument = port.getKind() == PortKind::Token || port.getKind() == PortKind::Position;
    const bool onlyResult = port.getKind() == PortKind::Next || port.getKind() == PortKind::Logits;
    if (isResult ? onlyArgument : onlyResult)
      return function.emitOpError() << place << " carries " << port << ", which only "
                                    << (isResult ? "an argument" : "a result") << " can be";
    if (port.getKind() == PortKind::Tensor &&
        (port.getName().empty() || !llvm::all_of(port.getName(), [](char c) { return llvm::isPrint(c); })))
      return function.emitOpError() << place << " needs a name of printable characters";
    if (std::optional<StringRef> expected = misfit(port, type))
      return function.emitOpError() << place << " carries " << port << ", which needs " << *expected << ", not "
                                    << type;
    auto identity = PortAttr::get(function.getContext(), port.getKind(), port.getName(), {});
    if (auto [first, isNew] = taken.try_emplace(identity, place); !isNew)
      return function.emitOpError() << place << " carries " << identity << ", as " << first->second << " does";
    return success();
  };
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
    if (failed(verifyPort(argumentPort(function, index), type, "argument " + std::to_string(index), false)))
      return failure();
  for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
    if (failed(verifyPort(resultPort(function, index), type, "result " + std::to_string(index), true)))
      return failure();
  return success();
}

LogicalResult verifyPortAttribute(Operation *op, NamedAttribute attribute) {
  auto function = dyn_cast<func::FuncOp>(op);
  if (!function || attribute.getName() != portAttribute || !isa<PortAttr>(attribute.getValue()))
    return op->emitOpError() << "has attribute " << attribute.getName() << " = " << attribute.getValue() << "; only "
                             << portAttribute << " = #nn.port<...> of a func.func's argument or result is known";
  return verifyPorts(function);
}

} // namespace

LogicalResult NNDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (auto weight = dyn_cast<WeightOp>(op); weight && attribute.getName() == blocksAttribute)
    return verifyBlocks(weight);
  return op->emitOpError() << "has attribute " << attribute.getName() << ", which belongs to an argument or a result";
}

LogicalResult NNDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned, NamedAttribute attribute) {
  return verifyPortAttribute(op, attribute);
}

LogicalResult NNDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned, NamedAttribute attribute) {
  return verifyPortAttribute(op, attribute);
}

//===----------------------------------------------------------------------===//
// Finding entries
//===----------------------------------------------------------------------===//

PortAttr cadenza::nn::argumentPort(func::FuncOp function, unsigned index) {
  return function.getArgAttrOfType<PortAttr>(index, portAttribute);
}

PortAttr cadenza::nn::resultPort(func::FuncOp function, unsigned index) {
  return function.getResultAttrOfType<PortAttr>(index, portAttribute);
}

bool cadenza::nn::isEntry(func::FuncOp function) {
  return !function.isExternal() && ((function.getNumArguments() > 0 && argumentPort(function, 0)) ||
                                    (function.getNumResults() > 0 && resultPort(function, 0)));
}

SmallVector<func::FuncOp> cadenza::nn::entriesOf(ModuleOp module) {
  return llvm::to_vector(llvm::make_filter_range(module.getOps<func::FuncOp>(), isEntry));
}

Value cadenza::nn::argumentAt(func::FuncOp function, PortKind kind) {
  for (BlockArgument argument : function.getArguments()) {
    PortAttr port = argumentPort(function, argument.getArgNumber());
    if (port && port.getKind() == kind)
      return argument;
  }
  return nullptr;
}

Value cadenza::nn::resultAt(func::FuncOp function, PortKind kind) {
  for (OpOperand &returned : function.getBody().front().getTerminator()->getOpOperands()) {
    PortAttr port = resultPort(function, returned.getOperandNumber());
    if (port && port.getKind() == kind)
      return returned.get();
  }
  return nullptr;
}

/// The tokens that an entry takes; 0: it takes none.
static int64_t tokensOf(func::FuncOp function) {
  Value token = isEntry(function) ? argumentAt(function, PortKind::Token) : Value();
  return token ? cast<RankedTensorType>(token.getType()).getNumElements() : 0;
}

bool cadenza::nn::isDecodeEntry(func::FuncOp function) { return tokensOf(function) == 1; }

bool cadenza::nn::isPrefillEntry(func::FuncOp function) { return tokensOf(function) > 1; }

func::FuncOp cadenza::nn::decodeEntryOf(ModuleOp module) {
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (isDecodeEntry(function))
      return function;
  return nullptr;
}

ArrayRef<int64_t> cadenza::nn::shapeAt(PortAttr port, Type type) {
  return port.getShape().empty() ? cast<RankedTensorType>(type).getShape() : port.getShape();
}
