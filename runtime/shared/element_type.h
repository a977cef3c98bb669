// The element types of everything: of what a plan stores and what travels between phases, of `nn` ops on tensors and
// their references, of ONNX. The value is that of TensorProto.DataType, so an integer of an ONNX file needs a range
// check and nothing else. Which of them may stand where is said, and checked, there.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cadenza {

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
inline constexpr int64_t elementTypeCount = 28; // their values are 1 to that

struct ElementFacts {
  std::string_view name;
  unsigned bits;
  enum Kind : uint8_t { Float, Signed, Unsigned, Other } kind;
};

constexpr ElementFacts elementFacts(ElementType type) {
  using enum ElementFacts::Kind;
  constexpr ElementFacts facts[elementTypeCount] = {
      {"f32", 32, Float},     {"u8", 8, Unsigned},      {"i8", 8, Signed},    {"u16", 16, Unsigned},
      {"i16", 16, Signed},    {"i32", 32, Signed},      {"i64", 64, Signed},  {"string", 0, Other},
      {"bool", 8, Unsigned},  {"f16", 16, Float},       {"f64", 64, Float},   {"u32", 32, Unsigned},
      {"u64", 64, Unsigned},  {"c64", 64, Other},       {"c128", 128, Other}, {"bf16", 16, Float},
      {"f8e4m3fn", 8, Float}, {"f8e4m3fnuz", 8, Float}, {"f8e5m2", 8, Float}, {"f8e5m2fnuz", 8, Float},
      {"u4", 4, Unsigned},    {"i4", 4, Signed},        {"f4e2m1", 4, Float}, {"f8e8m0", 8, Float},
      {"u2", 2, Unsigned},    {"i2", 2, Signed},        {"f6e2m3", 6, Float}, {"f6e3m2", 6, Float},
  };
  return facts[static_cast<int64_t>(type) - 1];
}

/// The type of that number in a file; nothing for UNDEFINED and for numbers that the pinned schema does not have.
constexpr std::optional<ElementType> elementType(int64_t number) {
  return number >= 1 && number <= elementTypeCount ? std::optional(static_cast<ElementType>(number)) : std::nullopt;
}

/// "f32", "i4", "f8e4m3fn", "bool", ...
constexpr std::string_view elementTypeName(ElementType type) { return elementFacts(type).name; }
/// The type of that name.
constexpr std::optional<ElementType> elementType(std::string_view name) {
  for (int64_t number = 1; number <= elementTypeCount; ++number)
    if (const auto type = static_cast<ElementType>(number); elementTypeName(type) == name)
      return type;
  return std::nullopt;
}

/// Bits of one element in memory; 0 for strings, which have no such form.
constexpr unsigned elementBits(ElementType type) { return elementFacts(type).bits; }
/// Bytes of one element, of a type of whole bytes.
constexpr uint64_t elementBytes(ElementType type) { return elementBits(type) / 8; }

/// Whether it is bool or an integer of any width.
constexpr bool isInteger(ElementType type) {
  return elementFacts(type).kind == ElementFacts::Signed || elementFacts(type).kind == ElementFacts::Unsigned;
}
constexpr bool isSigned(ElementType type) { return elementFacts(type).kind == ElementFacts::Signed; }
/// f16, bf16, f32, f64: the floats that arithmetic is done with.
constexpr bool isFloat(ElementType type) {
  return type == ElementType::f16 || type == ElementType::bf16 || type == ElementType::f32 || type == ElementType::f64;
}
/// Whether ops on tensors compute with elements of that type: the floats above, booleans, integers of 8 to 64 bits.
constexpr bool isComputable(ElementType type) { return isFloat(type) || (isInteger(type) && elementBits(type) >= 8); }

} // namespace cadenza
