#include "compiler/ir/nn/TensorValues.h"

#include <cstring>

using namespace mlir;

namespace cadenza::nn {

static_assert(unknownExtent == ShapedType::kDynamic, "shapes of the references and of types are one thing");

std::optional<ElementType> elementTypeOf(Type type) {
  if (type.isF16())
    return ElementType::f16;
  if (type.isBF16())
    return ElementType::bf16;
  if (type.isF32())
    return ElementType::f32;
  if (type.isF64())
    return ElementType::f64;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.isSigned())
    return std::nullopt;
  const bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return isUnsigned ? std::nullopt : std::optional(ElementType::boolean);
  case 8:
    return isUnsigned ? ElementType::u8 : ElementType::i8;
  case 16:
    return isUnsigned ? ElementType::u16 : ElementType::i16;
  case 32:
    return isUnsigned ? ElementType::u32 : ElementType::i32;
  case 64:
    return isUnsigned ? ElementType::u64 : ElementType::i64;
  default:
    return std::nullopt;
  }
}

Type elementType(MLIRContext *context, ElementType type) {
  switch (type) {
  case ElementType::f16:
    return Float16Type::get(context);
  case ElementType::bf16:
    return BFloat16Type::get(context);
  case ElementType::f32:
    return Float32Type::get(context);
  case ElementType::f64:
    return Float64Type::get(context);
  case ElementType::boolean:
    return IntegerType::get(context, 1);
  default:
    return IntegerType::get(context, elementBits(type), isSigned(type) ? IntegerType::Signless : IntegerType::Unsigned);
  }
}

TensorSpec specOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return {*elementTypeOf(tensor.getElementType()), Shape(tensor.getShape().begin(), tensor.getShape().end())};
}

RankedTensorType typeOf(MLIRContext *context, const TensorSpec &spec) {
  return RankedTensorType::get(spec.shape, elementType(context, spec.element));
}

TensorValue valueOf(DenseElementsAttr constant) {
  TensorValue value = zeros(specOf(constant.getType()));
  if (value.element == ElementType::boolean) { // which attributes may pack
    for (auto [to, from] : llvm::zip_equal(value.bytes, constant.getValues<bool>()))
      to = static_cast<std::byte>(from);
    return value;
  }
  const ArrayRef<char> raw = constant.getRawData();
  if (!constant.isSplat()) {
    llvm::transform(raw, value.bytes.begin(), [](char byte) { return static_cast<std::byte>(byte); });
    return value;
  }
  for (size_t i = 0; i < value.bytes.size(); i += raw.size())
    std::memcpy(value.bytes.data() + i, raw.data(), raw.size());
  return value;
}

DenseElementsAttr constantOf(MLIRContext *context, const TensorValue &value) {
  const RankedTensorType type = typeOf(context, value);
  if (value.element != ElementType::boolean)
    return DenseElementsAttr::getFromRawBuffer(
        type, ArrayRef<char>(reinterpret_cast<const char *>(value.bytes.data()), value.bytes.size()));
  SmallVector<bool> elements;
  for (std::byte byte : value.bytes)
    elements.push_back(byte != std::byte{0});
  return DenseElementsAttr::get(type, elements);
}

} // namespace cadenza::nn
