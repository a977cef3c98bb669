#include "codegen/function_emitter.h"

#include "runtime/plan/describe.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;

namespace cadenza {

StringRef deviceType(Type element) {
  if (element.isF32())
    return "float";
  if (element.isBF16())
    return "bf16";
  if (element.isF16())
    return "f16";
  return "";
}

uint64_t vectorBytes(Value vector) {
  auto type = cast<RankedTensorType>(vector.getType());
  return static_cast<uint64_t>(type.getNumElements()) * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

uint64_t cachedPositionBytes(nn::CacheOp cache) {
  return positionBytes(Cache{.name = {},
                             .dtype = cache.getType().isF16() ? DType::f16 : DType::bf16,
                             .kvHeads = static_cast<int64_t>(cache.getKvHeads()),
                             .headDim = static_cast<int64_t>(cache.getHeadDim())});
}

FailureOr<ConfigWriter> FunctionEmitter::config(step::FunctionAttrInterface function, DictionaryAttr parameters,
                                                StringRef name, ValueRange operands) {
  ConfigWriter config(name);
  std::vector<std::pair<StringRef, int64_t>> integers;
  for (auto [slotName, slot] : llvm::zip_equal(function.getSlotNames(), function.getSlots()))
    integers.emplace_back(slotName, slot);
  const auto isInteger = [](Attribute value) { return isa<IntegerAttr>(value) && !isa<BoolAttr>(value); };
  for (NamedAttribute parameter : parameters) {
    if (!isInteger(parameter.getValue()))
      continue;
    const int64_t value = cast<IntegerAttr>(parameter.getValue()).getInt();
    if (!llvm::isInt<32>(value))
      return phase_->emitOpError() << function.getFunctionName() << ": " << parameter.getName().strref() << " = "
                                   << value << " is too large for device code";
    integers.emplace_back(parameter.getName().strref(), value);
  }
  config.integers(integers);
  for (NamedAttribute parameter : parameters) {
    StringRef key = parameter.getName().strref();
    if (isa<BoolAttr>(parameter.getValue()))
      config.boolean(key, cast<BoolAttr>(parameter.getValue()).getValue());
    else if (isa<FloatAttr>(parameter.getValue())) {
      const float value = static_cast<float>(cast<FloatAttr>(parameter.getValue()).getValueAsDouble());
      if (!std::isfinite(value))
        return phase_->emitOpError() << function.getFunctionName() << ": " << key << " is not finite";
      config.number(key, value);
    } else if (!isInteger(parameter.getValue()))
      return phase_->emitOpError() << function.getFunctionName() << ": parameter " << key
                                   << " is neither a number nor a flag";
  }
  for (auto [i, operand] : llvm::enumerate(operands)) {
    StringRef type = deviceType(cast<RankedTensorType>(operand.getType()).getElementType());
    config.type(operands.size() == 1 ? "operand_type" : "operand_type_" + std::to_string(i), type);
  }
  for (FlatSymbolRefAttr symbol : function.getSymbols()) {
    nn::CacheOp cache = lookup_.cache(symbol);
    if (!cache)
      continue;
    if (cache.getType().getIntOrFloatBitWidth() != 16)
      return phase_->emitOpError() << "stores keys and values as " << cache.getType() << "; kernels need 16 bits";
    config.type("cache_type", deviceType(cache.getType()));
    if (lookup_.isRing(symbol))
      config.boolean("ring_cache", true);
  }
  return config;
}

void FunctionEmitter::addArguments(step::FunctionAttrInterface function, ValueRange operands, uint64_t scratchBytes) {
  const auto add = [&](ArgumentKind kind) { arguments.push_back({.kind = kind}); };
  for (Value operand : operands) {
    arguments.push_back({.kind = ArgumentKind::Edge, .edge = operand});
    activationBytes += vectorBytes(operand);
  }
  FlatSymbolRefAttr written;
  for (FlatSymbolRefAttr symbol : function.getSymbols()) {
    if (lookup_.cache(symbol)) {
      written = symbol;
      continue;
    }
    arguments.push_back({.kind = ArgumentKind::Weight, .symbol = symbol});
    if (read_.insert(symbol).second) {
      const Weight values{.name = {}, .rows = lookup_.weightType(symbol).getNumElements()};
      weightBytes += function.hasRopeTable() ? positionBytes(values) : storedBytes(values);
    }
  }
  for (FlatSymbolRefAttr symbol : function.getSymbols()) {
    nn::CacheOp cache = lookup_.cache(symbol);
    if (!cache)
      continue;
    cacheBytes += cachedPositionBytes(cache);
    arguments.push_back({.kind = ArgumentKind::CacheKey, .symbol = symbol});
    arguments.push_back({.kind = ArgumentKind::CacheValue, .symbol = symbol});
  }
  if (function.usesPosition())
    add(ArgumentKind::State);
  if (written)
    arguments.push_back({.kind = ArgumentKind::CachePositions, .symbol = written});
  if (function.selectsToken()) {
    add(ArgumentKind::Tokens);
    add(ArgumentKind::Logits);
    arguments.push_back({.kind = ArgumentKind::Scratch, .scratchBytes = scratchBytes});
  }
}

LogicalResult FunctionEmitter::add(step::FunctionAttrInterface function, ValueRange &operands, uint64_t scratchBytes) {
  const std::string base = function.getFunctionName().str();
  const auto earlier = llvm::count(names, base);
  const std::string name = earlier == 0 ? base : base + "_" + std::to_string(earlier + 1);
  ValueRange own = operands.take_front(function.getNumOperands());
  operands = operands.drop_front(own.size());
  FailureOr<ConfigWriter> config = this->config(function, function.getParameters(), name, own);
  if (failed(config))
    return failure();
  if (normChunk != 128 && !function.getSlots().empty() && isa<step::MapOp>(phase_) &&
      function.getReduction(nn::rowElements(phase_->getOperand(0))) == step::Reduction::Vector)
    config->integers({{"norm_chunk", normChunk}});
  configs_.push_back(std::move(*config));
  chain_.push_back(camelCase(base) + "<" + name + ">");
  names.push_back(base);
  llvm::append_range(consumed_, function.getConsumedSlots());
  addArguments(function, own, scratchBytes);
  return success();
}

LogicalResult FunctionEmitter::addStores(int64_t slots, ResultRange results) {
  auto result = results.begin();
  for (int64_t slot = 0; slot < slots; ++slot) {
    if (llvm::is_contained(consumed_, slot))
      continue;
    StringRef type = deviceType(cast<RankedTensorType>((*result).getType()).getElementType());
    chain_.push_back("Store<" + std::to_string(slot) + ", " + type.str() + ">");
    arguments.push_back({.kind = ArgumentKind::Edge, .edge = *result});
    activationBytes += vectorBytes(*result);
    ++result;
  }
  return success();
}

FailureOr<std::string> FunctionEmitter::prologue(step::FunctionAttrInterface function, ConfigWriter &config) {
  std::string name = "prologue_" + function.getFunctionName().str();
  FailureOr<ConfigWriter> own = this->config(function, function.getPrologueParameters(), name, {});
  if (failed(own))
    return failure();
  config.nested(*own);
  addArguments(function, {}, 0);
  return name;
}

void FunctionEmitter::write(ConfigWriter &config) const {
  for (const ConfigWriter &function : configs_)
    config.nested(function);
  const std::string one = llvm::join(chain_, ", ");
  config.type("epilogue", "Chain<" + (one.size() <= 88 ? one : llvm::join(chain_, ",\n" + std::string(23, ' '))) + ">");
}

} // namespace cadenza
