// What is known of a value of the graph without running it.
#pragma once

#include "compiler/import/onnx/shapes/polynomial.h"
#include "compiler/import/onnx/tensor.h"

#include <memory>
#include <vector>

namespace cadenza::onnx {

using Extent = Polynomial; // never unknown in a shape: what is not known there is a symbol of its own
using Shape = std::vector<Extent>;
/// The elements of a tensor of integers or bool, row-major; those that are not known are `Polynomial::unknown()`.
using Elements = std::vector<Polynomial>;

/// Tensors with more elements have no `elements`: what shapes are made of is small.
inline constexpr int64_t maxElements = 4096;

struct Facts {
  ElementType type = ElementType::f32;
  Shape shape;
  /// Of a small tensor of bool or integers with at least one known element; else null.
  std::shared_ptr<const Elements> elements;
  /// If it is a constant: of the file, folded, or because all `elements` are numbers.
  std::shared_ptr<const Tensor> constant;

  /// Whether nothing needs to compute it: a constant, or integers of which each is known.
  bool isKnown() const;
};

/// The shape as numbers; nothing if a symbol is in it.
std::optional<std::vector<int64_t>> numbers(const Shape &shape);
/// The product of all extents.
Extent elementCount(const Shape &shape);
/// How many elements a tensor of that shape has if it is small enough to have `Facts::elements`.
std::optional<size_t> smallCount(const Shape &shape);
/// The facts of a constant.
Facts factsOf(std::shared_ptr<const Tensor> tensor);
/// The tensor of elements that are all numbers; null if one is not, or if the type cannot hold one.
std::shared_ptr<const Tensor> tensorOf(ElementType type, const std::vector<int64_t> &shape, const Elements &elements);
/// `value` in a tensor of that integer type or bool: as it is if it surely fits, wrapped if it is a number, else
/// unknown.
class Symbols;
Polynomial inType(const Polynomial &value, ElementType type, const Symbols &symbols);

} // namespace cadenza::onnx
