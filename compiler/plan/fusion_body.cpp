#include "compiler/plan/fusion_body.h"

#include "compiler/ir/nn/TensorValues.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace cadenza {
namespace {

/// The spelling of an enumeration of functions, "" of another attribute.
std::string spelling(Attribute attribute) {
  return llvm::TypeSwitch<Attribute, std::string>(attribute)
      .Case<nn::UnaryFunctionAttr, nn::BinaryFunctionAttr, nn::ReduceFunctionAttr, nn::ArgFunctionAttr,
            nn::ScatterFunctionAttr, nn::PadModeAttr>(
          [](auto function) { return std::string(nn::name(function.getValue())); })
      .Default([](Attribute) { return std::string(); });
}

nlohmann::json toJson(Attribute attribute) {
  if (isa<UnitAttr>(attribute))
    return true;
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return integer.getInt();
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto list = dyn_cast<DenseI64ArrayAttr>(attribute))
    return std::vector<int64_t>(list.asArrayRef());
  return spelling(attribute);
}

/// What an op says beside its operands, its weight and its value.
nlohmann::json attributesOf(Operation &op) {
  nlohmann::json attributes = nlohmann::json::object();
  for (StringAttr name : op.getName().getAttributeNames()) {
    const std::optional<Attribute> attribute = op.getInherentAttr(name);
    // Segments of operands (DenseI32ArrayAttr) follow from the other lists.
    if (attribute && *attribute && !isa<FlatSymbolRefAttr, ElementsAttr, DenseI32ArrayAttr>(*attribute))
      attributes[name.str()] = toJson(*attribute);
  }
  return attributes;
}

TensorOp makeOp(Operation &op, ProgramSymbols &symbols, const llvm::DenseMap<Value, uint32_t> &numbers) {
  TensorOp made;
  made.name = op.getName().stripDialect().str();
  made.attributes = attributesOf(op);
  for (Value operand : op.getOperands())
    made.operands.push_back(numbers.lookup(operand));
  for (Value result : op.getResults())
    made.results.push_back(tensorSpecOf(result));
  if (auto weight = dyn_cast<nn::GetWeightOp>(op))
    made.weight = symbols.tensorIndex(weight.getWeightAttr());
  if (auto constant = dyn_cast<nn::ConstantOp>(op))
    made.value = nn::valueOf(cast<DenseElementsAttr>(constant.getValue())).bytes;
  return made;
}

} // namespace

nn::TensorSpec tensorSpecOf(Value value) { return nn::specOf(value.getType()); }

void addBody(step::FusionOp fusion, ProgramSymbols &symbols, Phase &phase) {
  llvm::DenseMap<Value, uint32_t> numbers;
  const auto number = [&](ValueRange values) {
    for (Value value : values)
      numbers.insert({value, static_cast<uint32_t>(numbers.size())});
  };
  number(fusion.getBody().getArguments());
  for (Operation &op : fusion.getOps()) {
    phase.body.push_back(makeOp(op, symbols, numbers));
    number(op.getResults());
  }
  for (Value result : fusion.getYield().getValues())
    phase.results.push_back(numbers.lookup(result));
}

} // namespace cadenza
