// Arithmetic on the elements of integer tensors, as far as it stays decidable.
#include "compiler/import/onnx/shapes/infer.h"

namespace cadenza::onnx::infer {
namespace {

Polynomial decide(bool isTrue, bool isFalse) {
  return isTrue ? Polynomial(1) : isFalse ? Polynomial(0) : Polynomial::unknown();
}

} // namespace

Polynomial negate(const Symbols &, const Polynomial &a) { return Polynomial(0) - a; }

Polynomial absolute(const Symbols &symbols, const Polynomial &a) {
  const Bounds bounds = symbols.bounds(a);
  return bounds.low >= 0 ? a : bounds.high <= 0 ? Polynomial(0) - a : Polynomial::unknown();
}

Polynomial truth(const Symbols &symbols, const Polynomial &a) { return decide(symbols.differ(a, 0), a.is(0)); }
Polynomial logicalNot(const Symbols &symbols, const Polynomial &a) { return Polynomial(1) - truth(symbols, a); }

Polynomial add(Symbols &, const Polynomial &a, const Polynomial &b) { return a + b; }
Polynomial subtract(Symbols &, const Polynomial &a, const Polynomial &b) { return a - b; }
Polynomial multiply(Symbols &, const Polynomial &a, const Polynomial &b) {
  return a.is(0) || b.is(0) ? Polynomial(0) : a * b;
}

Polynomial divide(Symbols &symbols, const Polynomial &a, const Polynomial &b) {
  if (const auto x = a.number(), y = b.number(); x && y)
    return *y == 0 || (*x == INT64_MIN && *y == -1) ? Polynomial::unknown() : Polynomial(*x / *y);
  if (const Polynomial exact = a.dividedBy(b); exact.isKnown())
    return symbols.differ(b, 0) ? exact : Polynomial::unknown();
  return symbols.isAtLeast(a, 0) ? symbols.floorDivide(a, b) : Polynomial::unknown();
}

Polynomial modulo(Symbols &symbols, const Polynomial &a, const Polynomial &b) {
  return a - b * symbols.floorDivide(a, b);
}

Polynomial minimum(Symbols &symbols, const Polynomial &a, const Polynomial &b) { return symbols.minimum(a, b); }
Polynomial maximum(Symbols &symbols, const Polynomial &a, const Polynomial &b) { return symbols.maximum(a, b); }

Polynomial less(Symbols &symbols, const Polynomial &a, const Polynomial &b) {
  const Bounds difference = symbols.bounds(a - b);
  return decide(difference.high < 0, difference.low >= 0);
}
Polynomial lessOrEqual(Symbols &symbols, const Polynomial &a, const Polynomial &b) {
  const Bounds difference = symbols.bounds(a - b);
  return decide(difference.high <= 0, difference.low > 0);
}
Polynomial greater(Symbols &symbols, const Polynomial &a, const Polynomial &b) { return less(symbols, b, a); }
Polynomial greaterOrEqual(Symbols &symbols, const Polynomial &a, const Polynomial &b) {
  return lessOrEqual(symbols, b, a);
}
Polynomial equal(Symbols &symbols, const Polynomial &a, const Polynomial &b) {
  return decide(a == b, symbols.differ(a, b));
}

Polynomial logicalAnd(Symbols &, const Polynomial &a, const Polynomial &b) {
  return decide(a.is(1) && b.is(1), a.is(0) || b.is(0));
}
Polynomial logicalOr(Symbols &, const Polynomial &a, const Polynomial &b) {
  return decide(a.is(1) || b.is(1), a.is(0) && b.is(0));
}
Polynomial logicalXor(Symbols &, const Polynomial &a, const Polynomial &b) {
  const bool known = a.number() && b.number();
  return decide(known && a.number() != b.number(), known && a.number() == b.number());
}

std::optional<Elements> remap(const Shape &shape,
                              const std::function<Polynomial(const std::vector<int64_t> &)> &source) {
  const auto count = smallCount(shape);
  const auto extents = numbers(shape);
  if (!count || !extents)
    return std::nullopt;
  Elements elements;
  elements.reserve(*count);
  std::vector<int64_t> coordinates(extents->size(), 0);
  for (size_t i = 0; i < *count; ++i) {
    elements.push_back(source(coordinates));
    for (size_t axis = coordinates.size(); axis-- > 0;) {
      if (++coordinates[axis] < (*extents)[axis])
        break;
      coordinates[axis] = 0;
    }
  }
  return elements;
}

size_t flatIndex(const std::vector<int64_t> &coordinates, const std::vector<int64_t> &shape) {
  int64_t index = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    index = index * shape[axis] + coordinates[axis];
  return static_cast<size_t>(index);
}

size_t broadcastIndex(const std::vector<int64_t> &coordinates, const std::vector<int64_t> &from) {
  const size_t offset = coordinates.size() - from.size();
  int64_t index = 0;
  for (size_t axis = 0; axis < from.size(); ++axis)
    index = index * from[axis] + (from[axis] == 1 ? 0 : coordinates[offset + axis]);
  return static_cast<size_t>(index);
}

void setWith(NodeInference &node, ElementType type, Shape shape, std::optional<Elements> elements) {
  if (elements)
    node.set(0, type, std::move(shape), std::move(*elements));
  else
    node.set(0, type, std::move(shape));
}

} // namespace cadenza::onnx::infer
