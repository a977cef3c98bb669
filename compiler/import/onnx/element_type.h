// The element types of ONNX tensors. The value is that of TensorProto.DataType, so an integer of a file needs a range
// check and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cadenza::onnx {

enum class ElementType : uint8_t {
  f32 = 1,
  u8,
  i8,
  u16,
  i16,
  i32,
  i64,
  string,
  boolean,
  f16,
  f64,
  u32,
  u64,
  c64,
  c128,
  bf16, // clang-format off
  f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, u4, i4, f4e2m1, f8e8m0, u2, i2, f6e2m3, f6e3m2, // clang-format on
};

/// The type of that number in a file; nothing for UNDEFINED and for numbers that the pinned schema does not have.
std::optional<ElementType> elementType(int64_t number);
/// "f32", "i4", "f8e4m3fn", "bool", ...
std::string_view elementTypeName(ElementType type);
/// Bits of one element in raw_data; 0 for strings, which have no raw form.
unsigned elementBits(ElementType type);
/// Whether it is bool or an integer of any width.
bool isInteger(ElementType type);
bool isSigned(ElementType type);

} // namespace cadenza::onnx
