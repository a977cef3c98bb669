#include "compiler/import/onnx/shapes/infer.h"

#include <string>

namespace cadenza::onnx::infer {
namespace {

/// The shape of all operands broadcast, if they are of one type.
std::optional<Shape> broadcastAll(NodeInference &node) {
  Shape shape = node.shape(0);
  for (size_t i = 1; i < node.inputs(); ++i) {
    if (!node.has(i))
      continue;
    auto wider = node.broadcast(shape, node.shape(i));
    if (!node.sameType(0, i) || !wider)
      return std::nullopt;
    shape = std::move(*wider);
  }
  return shape;
}

/// function(function(a, b), c) for each element of the result, if those of all operands are there.
std::optional<Elements> combine(NodeInference &node, const Shape &shape, Binary function) {
  std::vector<std::vector<int64_t>> extents;
  for (size_t i = 0; i < node.inputs(); ++i) {
    if (!node.has(i) || !node.in(i).elements)
      return std::nullopt;
    extents.push_back(*numbers(node.shape(i)));
  }
  return remap(shape, [&](const std::vector<int64_t> &at) {
    Polynomial value = (*node.in(0).elements)[broadcastIndex(at, extents[0])];
    for (size_t i = 1; i < extents.size(); ++i)
      value = function(node.symbols, value, (*node.in(i).elements)[broadcastIndex(at, extents[i])]);
    return value;
  });
}

} // namespace

void sameAsInput(NodeInference &node) { node.set(0, node.type(0), node.shape(0)); }

void map(NodeInference &node) {
  if (auto shape = broadcastAll(node))
    node.set(0, node.type(0), std::move(*shape));
}

void compare(NodeInference &node) {
  if (auto shape = broadcastAll(node))
    node.set(0, ElementType::boolean, std::move(*shape));
}

void test(NodeInference &node) { node.set(0, ElementType::boolean, node.shape(0)); }

void power(NodeInference &node) {
  if (auto shape = node.broadcast(node.shape(0), node.shape(1)))
    node.set(0, node.type(0), std::move(*shape));
}

void arithmetic(NodeInference &node, Binary function) {
  auto shape = broadcastAll(node);
  if (!shape)
    return;
  auto elements = combine(node, *shape, function);
  setWith(node, node.type(0), std::move(*shape), std::move(elements));
}

void comparison(NodeInference &node, Binary function) {
  auto shape = broadcastAll(node);
  if (!shape)
    return;
  auto elements = combine(node, *shape, function);
  setWith(node, ElementType::boolean, std::move(*shape), std::move(elements));
}

void unary(NodeInference &node, Unary function) {
  std::optional<Elements> elements;
  if (node.in(0).elements) {
    elements = *node.in(0).elements;
    for (Polynomial &element : *elements)
      element = function(node.symbols, element);
  }
  setWith(node, node.type(0), node.shape(0), std::move(elements));
}

void identity(NodeInference &node) {
  unary(node, [](const Symbols &, const Polynomial &value) { return value; });
}

void mod(NodeInference &node) { // fmod has the sign of the dividend
  if (node.integer("fmod", 0) == 0)
    return arithmetic(node, modulo);
  arithmetic(node, [](Symbols &symbols, const Polynomial &a, const Polynomial &b) {
    return symbols.isAtLeast(a, 0) ? modulo(symbols, a, b) : Polynomial::unknown();
  });
}

void clip(NodeInference &node) {
  if (!node.sameType(0, 1) || !node.sameType(0, 2) || !node.hasRank(1, 0, 1) || !node.hasRank(2, 0, 1))
    return;
  std::optional<Elements> elements;
  const auto bound = [&](size_t i) { // a scalar
    const bool known = node.in(i).elements && node.in(i).elements->size() == 1;
    return known ? node.in(i).elements->front() : Polynomial::unknown();
  };
  if (node.in(0).elements) {
    elements = *node.in(0).elements;
    for (Polynomial &element : *elements) {
      element = node.has(1) ? node.symbols.maximum(element, bound(1)) : element;
      element = node.has(2) ? node.symbols.minimum(element, bound(2)) : element;
    }
  }
  setWith(node, node.type(0), node.shape(0), std::move(elements));
}

void where(NodeInference &node) {
  if (node.type(0) != ElementType::boolean)
    return node.invalid("the condition has to be bool, but is " + std::string(elementTypeName(node.type(0))));
  auto branches = node.broadcast(node.shape(1), node.shape(2));
  if (!node.sameType(1, 2) || !branches)
    return;
  auto shape = node.broadcast(node.shape(0), *branches);
  if (!shape)
    return;
  std::optional<Elements> elements;
  if (node.in(1).elements && node.in(2).elements) {
    const auto condition = numbers(node.shape(0)), a = numbers(node.shape(1)), b = numbers(node.shape(2));
    if (condition && a && b)
      elements = remap(*shape, [&](const std::vector<int64_t> &at) {
        const Polynomial &x = (*node.in(1).elements)[broadcastIndex(at, *a)];
        const Polynomial &y = (*node.in(2).elements)[broadcastIndex(at, *b)];
        const Polynomial chosen =
            node.in(0).elements ? (*node.in(0).elements)[broadcastIndex(at, *condition)] : Polynomial::unknown();
        return chosen.is(1) ? x : chosen.is(0) ? y : x == y ? x : Polynomial::unknown();
      });
  }
  setWith(node, node.type(1), std::move(*shape), std::move(elements));
}

static void castTo(NodeInference &node, ElementType type) {
  std::optional<Elements> elements;
  if (node.in(0).elements) {
    elements = *node.in(0).elements;
    if (type == ElementType::boolean)
      for (Polynomial &element : *elements)
        element = truth(node.symbols, element);
  }
  setWith(node, type, node.shape(0), std::move(elements)); // which wraps them
}

void cast(NodeInference &node) {
  if (const auto type = node.elementType("to"))
    castTo(node, *type);
}

void castLike(NodeInference &node) {
  node.ignoresValueOf(1);
  castTo(node, node.type(1));
}

void bitCast(NodeInference &node) {
  const auto type = node.elementType("to");
  if (!type)
    return;
  if (elementBits(*type) != elementBits(node.type(0)))
    return node.invalid(std::string(elementTypeName(node.type(0))) + " and " + std::string(elementTypeName(*type)) +
                        " have different sizes");
  node.set(0, *type, node.shape(0));
}

void dropout(NodeInference &node) {
  node.set(0, node.type(0), node.shape(0));
  node.set(1, ElementType::boolean, node.shape(0));
}

} // namespace cadenza::onnx::infer
