// Operators that make tensors of nothing but a shape.
#include "compiler/import/onnx/shapes/infer.h"

#include <cmath>
#include <string>

namespace cadenza::onnx::infer {

void constantOfShape(NodeInference &node) {
  if (!node.hasRank(0, 1))
    return;
  const Tensor *value = node.tensor("value");
  const ElementType type = value ? value->type : ElementType::f32;
  if (value && value->elements() != 1)
    return node.invalid("attribute 'value' has " + std::to_string(value->elements()) + " elements, not one");
  const Elements *written = node.parameter(0);
  if (!written && !(node.shape(0)[0].number() && *node.shape(0)[0].number() <= maxElements))
    return node.unsupported("the rank of the result is not known");
  Shape shape = written ? *written : Shape(static_cast<size_t>(*node.shape(0)[0].number()), Extent::unknown());
  std::optional<Elements> elements;
  if (value && isInteger(type))
    elements = remap(shape, [element = onnx::integers(*value)[0]](const auto &) { return Polynomial(element); });
  setWith(node, type, std::move(shape), std::move(elements));
}

void range(NodeInference &node) {
  for (size_t i = 0; i < 3; ++i)
    if (!node.hasRank(i, 0, 1) || !node.sameType(0, i))
      return;
  if (!isInteger(node.type(0))) {
    // Of constants the number of elements is what floating-point arithmetic says.
    Extent size = Extent::unknown();
    const auto starts = node.realNumbers(0), limits = node.realNumbers(1), deltas = node.realNumbers(2);
    if (starts && limits && deltas && starts->size() == 1 && limits->size() == 1 && deltas->size() == 1) {
      const double start = starts->front(), limit = limits->front(), delta = deltas->front();
      const double count = std::ceil((limit - start) / delta);
      if (!(count < 1e15))
        return node.invalid("the number of elements is not finite");
      size = count > 0 ? static_cast<int64_t>(count) : 0;
    }
    return node.set(0, node.type(0), {size});
  }
  const auto scalar = [&](size_t i) {
    const Elements *elements = node.parameter(i);
    return elements && elements->size() == 1 ? elements->front() : Polynomial::unknown();
  };
  const Polynomial start = scalar(0), limit = scalar(1), delta = scalar(2);
  if (delta.is(0))
    return node.invalid("delta is 0");
  Extent size = Extent::unknown();
  if (const auto step = delta.number(); step && *step != INT64_MIN) {
    const Polynomial distance = node.symbols.maximum(*step > 0 ? limit - start : start - limit, 0);
    const int64_t stride = *step > 0 ? *step : -*step;
    size = node.symbols.floorDivide(distance + (stride - 1), stride);
  }
  std::optional<Elements> elements =
      remap({size}, [&](const std::vector<int64_t> &at) { return start + delta * at[0]; });
  setWith(node, node.type(0), {size}, std::move(elements));
}

void eyeLike(NodeInference &node) {
  if (!node.hasRank(0, 2))
    return;
  node.ignoresValueOf(0);
  const auto type = node.elementType("dtype");
  node.set(0, type.value_or(node.type(0)), node.shape(0));
}

void oneHot(NodeInference &node) {
  const int64_t rank = node.rank(0) + 1;
  const auto axis = node.axis(node.integer("axis", -1), rank);
  if (!axis || !node.hasRank(1, 0, 1) || !node.hasRank(2, 1))
    return;
  Extent depth = Extent::unknown();
  if (const auto numbers = node.realNumbers(1); numbers && numbers->size() == 1) { // of any type
    const double number = numbers->front();
    if (!(number >= 0 && number < 1e15))
      return node.invalid("a depth of " + std::to_string(number));
    depth = static_cast<int64_t>(number);
  } else if (const Elements *elements = node.parameter(1); elements && elements->size() == 1)
    depth = elements->front();
  Shape shape = node.shape(0);
  shape.insert(shape.begin() + static_cast<ptrdiff_t>(*axis), depth);
  node.set(0, node.type(2), std::move(shape));
}

void random(NodeInference &node) {
  const auto type = node.elementType("dtype");
  const auto shape = node.integers("shape");
  node.set(0, type.value_or(ElementType::f32), Shape(shape->begin(), shape->end()));
}

void randomLike(NodeInference &node) {
  const auto type = node.elementType("dtype");
  node.set(0, type.value_or(node.type(0)), node.shape(0));
}

void multinomial(NodeInference &node) {
  if (!node.hasRank(0, 2))
    return;
  const auto type = node.elementType("dtype");
  node.set(0, type.value_or(ElementType::i32), {node.shape(0)[0], node.integer("sample_size", 1)});
}

void window(NodeInference &node) {
  const auto type = node.elementType("output_datatype");
  const Elements *size = node.parameter(0);
  node.set(0, type.value_or(ElementType::f32), {size && size->size() == 1 ? size->front() : Extent::unknown()});
}

void melWeights(NodeInference &node) {
  const auto type = node.elementType("output_datatype");
  const auto bins = node.numbers(0), length = node.numbers(1);
  if (!bins || !length || bins->size() != 1 || length->size() != 1)
    return node.set(0, type.value_or(ElementType::f32), {Extent::unknown(), Extent::unknown()});
  node.set(0, type.value_or(ElementType::f32), {(*length)[0] / 2 + 1, (*bins)[0]});
}

} // namespace cadenza::onnx::infer
