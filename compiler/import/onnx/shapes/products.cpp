#include "compiler/import/onnx/shapes/infer.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string>

namespace cadenza::onnx::infer {
namespace {

/// numpy.matmul of shapes a and b.
std::optional<Shape> product(NodeInference &node, Shape a, Shape b) {
  if (a.empty() || b.empty()) {
    node.invalid("operands of shapes " + node.symbols.text(a) + " and " + node.symbols.text(b) +
                 " cannot be multiplied: one has no axis");
    return std::nullopt;
  }
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row)
    a.insert(a.begin(), 1);
  if (column)
    b.push_back(1);
  node.same(a.back(), b[b.size() - 2], "the extents that a product sums over");
  auto shape = node.broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  if (!shape || node.failed())
    return std::nullopt;
  if (!row)
    shape->push_back(a[a.size() - 2]);
  if (!column)
    shape->push_back(b.back());
  return shape;
}

} // namespace

void matmul(NodeInference &node) {
  if (!node.sameType(0, 1))
    return;
  if (auto shape = product(node, node.shape(0), node.shape(1)))
    node.set(0, node.type(0), std::move(*shape));
}

void matmulInteger(NodeInference &node) {
  if (auto shape = product(node, node.shape(0), node.shape(1)))
    node.set(0, ElementType::i32, std::move(*shape));
}

void qlinearMatmul(NodeInference &node) { // a, scale, zero point, b, scale, zero point, y's scale, zero point
  if (auto shape = product(node, node.shape(0), node.shape(3)))
    node.set(0, node.type(7), std::move(*shape));
}

void gemm(NodeInference &node) {
  if (!node.hasRank(0, 2) || !node.hasRank(1, 2) || !node.sameType(0, 1) || !node.sameType(0, 2))
    return;
  Shape a = node.shape(0), b = node.shape(1);
  if (node.integer("transA", 0) != 0)
    std::swap(a[0], a[1]);
  if (node.integer("transB", 0) != 0)
    std::swap(b[0], b[1]);
  node.same(a[1], b[0], "the extents that a product sums over");
  const Shape shape = {a[0], b[1]};
  if (node.has(2) && !node.failed()) {
    const auto both = node.broadcast(shape, node.shape(2));
    if (both && both->size() != 2)
      return node.invalid("C of shape " + node.symbols.text(node.shape(2)) + " does not broadcast to " +
                          node.symbols.text(shape));
  }
  node.set(0, node.type(0), shape);
}

void fusedMatmul(NodeInference &node) {
  if (node.integer("transBatchA", 0) != 0 || node.integer("transBatchB", 0) != 0)
    return node.unsupported("attributes transBatchA and transBatchB are not supported");
  Shape a = node.shape(0), b = node.shape(1);
  if (node.integer("transA", 0) != 0 && a.size() > 1)
    std::swap(a[a.size() - 1], a[a.size() - 2]);
  if (node.integer("transB", 0) != 0 && b.size() > 1)
    std::swap(b[b.size() - 1], b[b.size() - 2]);
  if (!node.sameType(0, 1))
    return;
  if (auto shape = product(node, std::move(a), std::move(b)))
    node.set(0, node.type(0), std::move(*shape));
}

void matmulNBits(NodeInference &node) {
  if (!node.hasRank(0, 1, INT64_MAX))
    return;
  Shape shape = node.shape(0);
  node.same(shape.back(), node.integer("K", 0), "attribute 'K' and the last extent of input 0");
  shape.back() = node.integer("N", 0);
  node.set(0, node.type(0), std::move(shape));
}

namespace {

/// Subscripts of one operand or of the result: the letters before "...", whether it is there, the letters after it.
struct Subscripts {
  std::string before, after;
  bool hasEllipsis = false;
};

std::optional<Subscripts> parse(const std::string &text) {
  Subscripts result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 3, "...") == 0 && !result.hasEllipsis) {
      result.hasEllipsis = true;
      i += 2;
    } else if (std::isalpha(static_cast<unsigned char>(text[i])))
      (result.hasEllipsis ? result.after : result.before) += text[i];
    else
      return std::nullopt;
  }
  return result;
}

struct Equation {
  std::vector<Subscripts> operands;
  std::optional<Subscripts> result; // nothing: implicit
};

std::optional<Equation> parseEquation(std::string text) {
  std::erase(text, ' ');
  Equation equation;
  const size_t arrow = text.find("->");
  if (arrow != std::string::npos) {
    equation.result = parse(text.substr(arrow + 2));
    if (!equation.result)
      return std::nullopt;
    text.resize(arrow);
  }
  for (size_t start = 0; start <= text.size();) {
    const size_t comma = std::min(text.find(',', start), text.size());
    const auto operand = parse(text.substr(start, comma - start));
    if (!operand)
      return std::nullopt;
    equation.operands.push_back(*operand);
    start = comma + 1;
  }
  return equation;
}

} // namespace

void einsum(NodeInference &node) {
  const std::string text = node.text("equation", "");
  const auto equation = parseEquation(text);
  if (!equation || equation->operands.size() != node.inputs())
    return node.invalid("equation '" + text.substr(0, 80) + "' is none of " + std::to_string(node.inputs()) +
                        " operands");
  std::map<char, Extent> extents;
  std::map<char, int> counts;
  Shape broadcast;
  for (size_t i = 0; i < node.inputs(); ++i) {
    const Subscripts &subscripts = equation->operands[i];
    const size_t letters = subscripts.before.size() + subscripts.after.size();
    const Shape &shape = node.shape(i);
    if (shape.size() < letters || (shape.size() > letters && !subscripts.hasEllipsis))
      return node.invalid("input " + std::to_string(i) + " has shape " + node.symbols.text(shape) +
                          ", which does not fit the equation");
    const size_t open = shape.size() - letters;
    const auto bind = [&](char letter, const Extent &extent) {
      ++counts[letter];
      const auto [found, isNew] = extents.try_emplace(letter, extent);
      if (!isNew && !extent.is(1)) // 1 is broadcast
        found->second =
            found->second.is(1) ? extent : node.same(found->second, extent, std::string("the extents of ") + letter);
    };
    for (size_t axis = 0; axis < subscripts.before.size(); ++axis)
      bind(subscripts.before[axis], shape[axis]);
    for (size_t axis = 0; axis < subscripts.after.size(); ++axis)
      bind(subscripts.after[axis], shape[subscripts.before.size() + open + axis]);
    const auto first = shape.begin() + static_cast<ptrdiff_t>(subscripts.before.size());
    const auto wider = node.broadcast(broadcast, Shape(first, first + static_cast<ptrdiff_t>(open)));
    if (!wider)
      return;
    broadcast = *wider;
  }
  Shape result;
  if (!equation->result) { // implicit: what is broadcast, then the letters that stand there once, in order
    result = broadcast;
    for (const auto &[letter, count] : counts)
      if (count == 1)
        result.push_back(extents[letter]);
  } else {
    for (const std::string *letters : {&equation->result->before, &equation->result->after}) {
      if (letters == &equation->result->after && equation->result->hasEllipsis)
        result.insert(result.end(), broadcast.begin(), broadcast.end());
      for (char letter : *letters) {
        if (!extents.contains(letter))
          return node.invalid(std::string("the equation's result has ") + letter + ", which no operand has");
        result.push_back(extents[letter]);
      }
    }
  }
  node.set(0, node.type(0), std::move(result));
}

} // namespace cadenza::onnx::infer
