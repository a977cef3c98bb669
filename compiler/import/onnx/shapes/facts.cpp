#include "compiler/import/onnx/shapes/facts.h"
#include "compiler/import/onnx/shapes/symbols.h"

#include <algorithm>
#include <cstring>

namespace cadenza::onnx {
namespace {

/// The least and the largest value of an integer type or bool; u64's upper half cannot be had.
Bounds range(ElementType type) {
  if (type == ElementType::boolean)
    return {0, 1};
  const unsigned bits = elementBits(type);
  if (isSigned(type))
    return {bits == 64 ? INT64_MIN : -(int64_t{1} << (bits - 1)),
            bits == 64 ? INT64_MAX : (int64_t{1} << (bits - 1)) - 1};
  return {0, bits >= 63 ? INT64_MAX : (int64_t{1} << bits) - 1};
}

} // namespace

bool Facts::isKnown() const { return constant || (elements && std::ranges::all_of(*elements, &Polynomial::isKnown)); }

std::optional<std::vector<int64_t>> numbers(const Shape &shape) {
  std::vector<int64_t> extents;
  for (const Extent &extent : shape) {
    if (!extent.number())
      return std::nullopt;
    extents.push_back(*extent.number());
  }
  return extents;
}

Extent elementCount(const Shape &shape) {
  Extent product = 1;
  for (const Extent &extent : shape)
    product = product * extent;
  return product;
}

std::optional<size_t> smallCount(const Shape &shape) {
  const auto count = elementCount(shape).number();
  if (!count || *count < 0 || *count > maxElements)
    return std::nullopt;
  return static_cast<size_t>(*count);
}

Facts factsOf(std::shared_ptr<const Tensor> tensor) {
  Facts facts;
  facts.type = tensor->type;
  facts.shape.assign(tensor->shape.begin(), tensor->shape.end());
  if (isInteger(tensor->type) && smallCount(facts.shape)) {
    const std::vector<int64_t> values = integers(*tensor);
    Elements elements(values.begin(), values.end());
    if (tensor->type == ElementType::u64) // from 2^63 on integers() wraps
      std::ranges::replace_if(
          elements, [](const Polynomial &value) { return *value.number() < 0; }, Polynomial::unknown());
    facts.elements = std::make_shared<const Elements>(std::move(elements));
  }
  facts.constant = std::move(tensor);
  return facts;
}

std::shared_ptr<const Tensor> tensorOf(ElementType type, const std::vector<int64_t> &shape, const Elements &elements) {
  const unsigned bits = elementBits(type);
  if (bits < 8)
    return nullptr;
  std::vector<std::byte> bytes(elements.size() * bits / 8);
  for (size_t i = 0; i < elements.size(); ++i) {
    const auto number = elements[i].number();
    if (!number)
      return nullptr;
    std::memcpy(bytes.data() + i * bits / 8, &*number, bits / 8); // little-endian, as the tensor is
  }
  return std::make_shared<const Tensor>(makeTensor(type, shape, std::move(bytes)));
}

Polynomial inType(const Polynomial &value, ElementType type, const Symbols &symbols) {
  const Bounds allowed = range(type), real = symbols.bounds(value);
  if (!value.isKnown() || (real.low >= allowed.low && real.high <= allowed.high))
    return value;
  const auto number = value.number();
  const unsigned bits = elementBits(type);
  if (number && type == ElementType::boolean)
    return *number != 0 ? 1 : 0;
  if (number && bits < 64) {
    const uint64_t low = static_cast<uint64_t>(*number) << (64 - bits);
    return isSigned(type) ? static_cast<int64_t>(low) >> (64 - bits) : static_cast<int64_t>(low >> (64 - bits));
  }
  // An extent has no upper end that is known, but a tensor of so many elements does not exist.
  return real.low >= allowed.low && real.high == INT64_MAX && bits >= 32 ? value : Polynomial::unknown();
}

} // namespace cadenza::onnx
