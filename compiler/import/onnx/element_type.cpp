#include "compiler/import/onnx/element_type.h"

#include <iterator>

namespace cadenza::onnx {
namespace {

struct Facts {
  std::string_view name;
  unsigned bits;
  enum { Float, Signed, Unsigned, Other } kind;
};

/// By value of ElementType, from 1 on.
constexpr Facts facts[] = {
    {"f32", 32, Facts::Float},    {"u8", 8, Facts::Unsigned},      {"i8", 8, Facts::Signed},
    {"u16", 16, Facts::Unsigned}, {"i16", 16, Facts::Signed},      {"i32", 32, Facts::Signed},
    {"i64", 64, Facts::Signed},   {"string", 0, Facts::Other},     {"bool", 8, Facts::Unsigned},
    {"f16", 16, Facts::Float},    {"f64", 64, Facts::Float},       {"u32", 32, Facts::Unsigned},
    {"u64", 64, Facts::Unsigned}, {"c64", 64, Facts::Other},       {"c128", 128, Facts::Other},
    {"bf16", 16, Facts::Float},   {"f8e4m3fn", 8, Facts::Float},   {"f8e4m3fnuz", 8, Facts::Float},
    {"f8e5m2", 8, Facts::Float},  {"f8e5m2fnuz", 8, Facts::Float}, {"u4", 4, Facts::Unsigned},
    {"i4", 4, Facts::Signed},     {"f4e2m1", 4, Facts::Float},     {"f8e8m0", 8, Facts::Float},
    {"u2", 2, Facts::Unsigned},   {"i2", 2, Facts::Signed},        {"f6e2m3", 6, Facts::Float},
    {"f6e3m2", 6, Facts::Float},
};
static_assert(std::size(facts) == static_cast<size_t>(ElementType::f6e3m2));

const Facts &factsOf(ElementType type) { return facts[static_cast<size_t>(type) - 1]; }

} // namespace

std::optional<ElementType> elementType(int64_t number) {
  if (number < 1 || number > static_cast<int64_t>(std::size(facts)))
    return std::nullopt;
  return static_cast<ElementType>(number);
}

std::string_view elementTypeName(ElementType type) { return factsOf(type).name; }
unsigned elementBits(ElementType type) { return factsOf(type).bits; }
bool isInteger(ElementType type) {
  return factsOf(type).kind == Facts::Signed || factsOf(type).kind == Facts::Unsigned;
}
bool isSigned(ElementType type) { return factsOf(type).kind == Facts::Signed; }

} // namespace cadenza::onnx
