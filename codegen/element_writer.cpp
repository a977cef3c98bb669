#include "codegen/element_writer.h"

#include "codegen/config_writer.h"
#include "codegen/function_emitter.h"
#include "codegen/op_writer.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace cadenza {

namespace {

StringRef deviceTypeOf(Type type) {
  if (type.isF32())
    return "float";
  if (type.isF64())
    return "double";
  if (type.isF16())
    return "f16";
  if (type.isBF16())
    return "bf16";
  const auto integer = cast<IntegerType>(type);
  static constexpr StringRef signedTypes[] = {"int8_t", "int16_t", "int32_t", "int64_t"};
  static constexpr StringRef unsignedTypes[] = {"uint8_t", "uint16_t", "uint32_t", "uint64_t"};
  for (size_t i = 0; i < std::size(signedTypes); ++i)
    if (integer.getWidth() == 8U << i)
      return integer.isUnsigned() ? unsignedTypes[i] : signedTypes[i];
  return "bool";
}

} // namespace

StringRef elementDeviceType(Value value) { return deviceTypeOf(getElementTypeOrSelf(value)); }

std::string computedType(Value value) {
  const StringRef type = elementDeviceType(value);
  if (type == "float" || type == "double" || type == "int64_t" || type == "int32_t")
    return type.str();
  return type == "f16" || type == "bf16" ? "float" : ("tensor::Computed<" + type + ">").str();
}

namespace {

std::string hex(uint64_t value) { return "0x" + llvm::utohexstr(value, /*LowerCase=*/true); }

std::string floatingLiteral(const llvm::APFloat &value, Type type) {
  const uint64_t bits = value.bitcastToAPInt().getZExtValue();
  if (type.isF16() || type.isBF16())
    return (type.isF16() ? "f16{" : "bf16{") + hex(bits) + "}";
  if (!value.isFinite()) // has no literal
    return (type.isF32() ? "__builtin_bit_cast(float, " : "__builtin_bit_cast(double, ") + hex(bits) +
           (type.isF32() ? "u)" : "ul)");
  return type.isF32() ? floatLiteral(value.convertToFloat()) : doubleLiteral(value.convertToDouble());
}

std::string integerLiteral(const llvm::APInt &value, StringRef type) {
  if (type == "bool")
    return value.isZero() ? "false" : "true";
  if (type == "uint64_t")
    return "uint64_t{" + llvm::toString(value, 10, /*Signed=*/false) + "u}";
  const bool isSigned = !type.starts_with("u");
  if (isSigned && value.getBitWidth() == 64 && value.isMinSignedValue())
    return "int64_t{-9223372036854775807 - 1}"; // 9223372036854775808 has no type
  return (type + "{" + llvm::toString(value, 10, isSigned) + "}").str();
}

/// Element `element` of a constant of any layout.
template <typename T> T elementAt(DenseElementsAttr constant, int64_t element) {
  return constant.isSplat() ? constant.getSplatValue<T>() : *(constant.value_begin<T>() + element);
}

} // namespace

std::string elementLiteral(DenseElementsAttr constant, int64_t element) {
  Type type = constant.getElementType();
  if (isa<FloatType>(type))
    return floatingLiteral(elementAt<llvm::APFloat>(constant, element), type);
  return integerLiteral(elementAt<llvm::APInt>(constant, element), deviceTypeOf(type));
}

ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }
int64_t elementsOf(ArrayRef<int64_t> shape) { return llvm::product_of(shape); }

std::string ElementWriter::addParameter(std::string type, const std::string &name, PhaseArgument argument) {
  parameters.push_back({std::move(type), name, std::move(argument)});
  return "args." + name;
}

std::vector<std::string> ElementWriter::prefetches() const {
  constexpr uint64_t most = 64 << 10; // of a larger one, a launch may want little
  std::vector<std::string> lines;
  for (const Parameter &parameter : parameters)
    if (parameter.constantBytes > 0 && parameter.constantBytes <= most)
      lines.push_back("prefetch_all(args." + parameter.name + ", " + std::to_string(parameter.constantBytes) + ");");
  return lines;
}

const std::vector<IndexExpression> &ElementWriter::axesOf(TensorIndex &index, ArrayRef<int64_t> shape) {
  if (index.axes)
    return *index.axes;
  std::vector<IndexExpression> axes(shape.size());
  IndexExpression rest = *index.flat;
  for (size_t axis = shape.size(); axis-- > 0;) {
    const int64_t extent = shape[axis];
    if (extent == 1)
      continue;
    std::optional<IndexExpression> along = rest.modulo(extent), before = rest.dividedBy(extent);
    if (!along || !before) {
      rest = defined(rest);
      along = rest.modulo(extent);
      before = rest.dividedBy(extent);
    }
    axes[axis] = *along;
    rest = *before;
  }
  return *(index.axes = std::move(axes));
}

const IndexExpression &ElementWriter::flatOf(TensorIndex &index, ArrayRef<int64_t> shape) {
  if (index.flat)
    return *index.flat;
  IndexExpression flat;
  for (auto [extent, axis] : llvm::zip_equal(shape, *index.axes))
    flat = flat * extent + axis;
  return *(index.flat = std::move(flat));
}

IndexExpression ElementWriter::defined(const IndexExpression &value) {
  // Whoever takes an element is at an index that exists, so this is not negative.
  return defined("at", value.text(), value.most() + 1, value);
}

IndexExpression ElementWriter::defined(StringRef name, const std::string &expression, int64_t extent,
                                       ArrayRef<IndexExpression> indices) {
  const ScopedCode::At at(code, code.scopeOf(indices));
  const std::string key = "index " + expression;
  std::string variable = code.find(key);
  if (variable.empty()) {
    variable = code.newName(name);
    code.line("const " + indexType_ + " " + variable + " = " + expression + ";");
    code.current().variables.insert(variable);
    code.current().known[key] = variable;
  }
  return IndexExpression::variable(variable, extent);
}

std::string ElementWriter::pointerTo(Value value) {
  std::string &pointer = pointers_[value];
  if (!pointer.empty())
    return pointer;
  const std::string type = "const " + elementDeviceType(value).str();
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    const unsigned number = argument.getArgNumber();
    Value edge = argument.getOwner()->getParentOp()->getOperand(number);
    pointer = addParameter(type, "input_" + std::to_string(number), {.kind = ArgumentKind::Edge, .edge = edge});
  } else if (auto weight = value.getDefiningOp<nn::GetWeightOp>()) {
    const auto number =
        llvm::count_if(parameters, [](const Parameter &p) { return p.argument.kind == ArgumentKind::Weight; });
    pointer = addParameter(type, "weight_" + std::to_string(number),
                           {.kind = ArgumentKind::Weight, .symbol = weight.getWeightAttr()});
    parameters.back().constantBytes = vectorBytes(weight);
  } else {
    auto constant = cast<DenseElementsAttr>(value.getDefiningOp<nn::ConstantOp>().getValue());
    pointer = "constant_" + std::to_string(tables.size());
    std::string table = "static " + std::string("constexpr ") + type.substr(6) + " " + pointer + "[] = {";
    for (int64_t i = 0; i < constant.getNumElements(); ++i)
      table += (i == 0 ? "" : ", ") + elementLiteral(constant, i);
    tables.push_back(table + "};");
  }
  return pointer;
}

std::string ElementWriter::load(Value value, const std::string &pointer, const IndexExpression &flat,
                                const std::string &comment) {
  const std::string type = elementDeviceType(value).str();
  const StringRef base = StringRef(pointer).starts_with("args.") ? StringRef(pointer).drop_front(5) : pointer;
  CodeScope &scope = code.current();
  const bool isParameter = base.size() != pointer.size();
  if (scope.kind == CodeScope::Kind::Pack && isParameter) {
    if (std::optional<IndexExpression> start = flat.startOfPack(scope.packVariable, scope.pack)) {
      const ScopedCode::At at(code, *scope.parent);
      const ScopedCode::At outside(code, code.scopeOf(*start));
      const std::string name = code.newName((base + "_pack").str());
      const std::string from = *start == IndexExpression() ? pointer : pointer + " + " + start->text();
      code.line("const auto " + name + " = tensor::load<" + std::to_string(scope.pack) + ">(" + from + ");" + comment);
      return name + "[" + scope.packVariable + "]";
    }
  }
  const std::string name = code.newName((base + "_at").str());
  code.line("const " + type + " " + name + " = " + pointer + "[" + flat.text() + "];" + comment);
  return name;
}

std::string ElementWriter::keyOf(Value value, const IndexExpression &flat) {
  const unsigned number = numbers_.try_emplace(value, numbers_.size()).first->second;
  return "value " + std::to_string(number) + " at " + flat.text();
}

TensorIndex ElementWriter::broadcastIndex(TensorIndex &index, ArrayRef<int64_t> to, Value operand) {
  const ArrayRef<int64_t> from = shapeOf(operand);
  if (from == to)
    return index;
  if (elementsOf(from) == elementsOf(to))
    return {std::nullopt, flatOf(index, to)};
  const std::vector<IndexExpression> &axes = axesOf(index, to);
  std::vector<IndexExpression> own(axes.end() - static_cast<std::ptrdiff_t>(from.size()), axes.end());
  for (auto [extent, axis] : llvm::zip_equal(from, own))
    if (extent == 1)
      axis = 0;
  return {std::move(own), std::nullopt};
}

std::string ElementWriter::element(Value value, TensorIndex index) {
  const std::vector<std::string> path = std::exchange(path_, {});
  auto constant = value.getDefiningOp<nn::ConstantOp>();
  if (constant) {
    auto elements = cast<DenseElementsAttr>(constant.getValue());
    if (elements.isSplat() || elements.getNumElements() == 1)
      return elementLiteral(elements, 0);
  }
  const IndexExpression flat = flatOf(index, shapeOf(value));
  const ScopedCode::At at(code, code.scopeOf(flat));
  const std::string key = keyOf(value, flat);
  std::string name = code.find(key);
  if (!name.empty())
    return name;
  if (isa<BlockArgument>(value) || constant || value.getDefiningOp<nn::GetWeightOp>())
    name = load(value, pointerTo(value), flat, path.empty() ? "" : " // " + llvm::join(llvm::reverse(path), ", "));
  else
    name = OpWriter(*this, cast<OpResult>(value), index, path).write();
  code.current().known[key] = name;
  return name;
}

std::string ElementWriter::reduced(OpResult value, TensorIndex & /*index*/) {
  if (!failed_)
    value.getOwner()->emitError() << value.getOwner()->getName()
                                  << " has no GPU kernel among these operations; --target=cpu runs it";
  failed_ = true;
  return "0";
}

} // namespace cadenza
