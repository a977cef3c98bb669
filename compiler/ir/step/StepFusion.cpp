// Syntax and verifier of step.fusion.
#include "compiler/ir/step/Step.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::step;

ParseResult FusionOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  FunctionType type;
  if (parser.parseAssignmentList(arguments, operands) || parser.parseColonType(type))
    return failure();
  if (arguments.size() != type.getNumInputs())
    return parser.emitError(parser.getCurrentLocation(), "needs one type for each input");
  for (auto [argument, input] : llvm::zip_equal(arguments, type.getInputs()))
    argument.type = input;
  result.addTypes(type.getResults());
  return failure(parser.resolveOperands(operands, type.getInputs(), parser.getCurrentLocation(), result.operands) ||
                 parser.parseRegion(*result.addRegion(), arguments) || parser.parseOptionalAttrDict(result.attributes));
}

void FusionOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(llvm::zip_equal(getBody().getArguments(), getInputs()), printer,
                        [&](auto pair) { printer << std::get<0>(pair) << " = " << std::get<1>(pair); });
  printer << ") : ";
  printer.printFunctionalType(*this);
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  printer.printOptionalAttrDict((*this)->getAttrs());
}

YieldOp FusionOp::getYield() { return cast<YieldOp>(getBody().front().getTerminator()); }

namespace {

/// What the body of a fusion cannot have, or success.
LogicalResult verifyOp(FusionOp fusion, Operation &op) {
  if (!isa<nn::EvaluateTensorsOpInterface>(op) || isa<nn::PastLengthOp, nn::ReadCacheOp>(op))
    return fusion.emitOpError() << "has " << op.getName() << " in its body, which is no op on tensors alone";
  for (Type type : op.getResultTypes())
    if (!cast<ShapedType>(type).hasStaticShape())
      return fusion.emitOpError() << "has " << op.getName() << " in its body, whose result, " << type
                                  << ", has open extents";
  return success();
}

} // namespace

LogicalResult FusionOp::verifyRegions() {
  auto yield = dyn_cast_if_present<YieldOp>(getBody().front().empty() ? nullptr : &getBody().front().back());
  if (!yield)
    return emitOpError() << "needs a body that ends with " << YieldOp::getOperationName();
  if (getResults().empty())
    return emitOpError() << "needs at least one result";
  if (!llvm::equal(getInputs().getTypes(), getBody().getArgumentTypes()) ||
      !llvm::equal(yield.getValues().getTypes(), getResultTypes()))
    return emitOpError() << "has values whose types differ between outside and body";
  for (Operation &op : getOps())
    if (failed(verifyOp(*this, op)))
      return failure();
  for (Type type : llvm::concat<const Type>(getInputs().getTypes(), getResultTypes()))
    if (llvm::is_contained(cast<ShapedType>(type).getShape(), 0))
      return emitOpError() << "takes or makes " << type << ", which is empty";
  return success();
}
