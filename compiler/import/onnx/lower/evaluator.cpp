#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/support/block_quantization.h"
#include "runtime/reference/reference.h"

namespace cadenza::onnx {

namespace reference = nn::reference;

nn::TensorValue valueOf(const Tensor &tensor) {
  nn::TensorValue value;
  value.element = tensor.type;
  value.shape = tensor.shape;
  value.bytes.assign(tensor.bytes.begin(), tensor.bytes.end());
  if (tensor.type == ElementType::boolean) // of a file anything but 0 is true
    for (std::byte &byte : value.bytes)
      byte = std::byte{byte != std::byte{0}};
  return value;
}

Tensor tensorOf(nn::TensorValue value) {
  return makeTensor(value.element, std::move(value.shape), std::move(value.bytes));
}

Operand Evaluator::add(nn::TensorValue value) {
  values.push_back(std::make_unique<nn::TensorValue>(std::move(value)));
  return {static_cast<uint32_t>(values.size() - 1)};
}

Operand Evaluator::put(StatusOr<nn::TensorValue> result) {
  fail(result.status());
  return add(result.isOk() ? std::move(*result) : nn::scalar(0));
}

// No op is looked at after the first error: its operands are not what they should be.
#define CADENZA_EVALUATE(...) status().isOk() ? put(__VA_ARGS__) : add(nn::scalar(0))

Operand Evaluator::tensor(const std::string &, std::shared_ptr<const Tensor> tensor) {
  if (!isComputable(tensor->type))
    return put(Status(StatusCode::Unsupported, "constant of type " + std::string(elementTypeName(tensor->type))));
  return add(valueOf(*tensor));
}

Operand Evaluator::elements(ElementType type, const Shape &shape, const Elements &elements) {
  const auto extents = numbers(shape), values = numbers(elements);
  if (!extents || !values)
    return put(Status(StatusCode::Unsupported, "elements that are no numbers"));
  return add(nn::tensorOf(type, *extents, std::span<const int64_t>(*values)));
}

Operand Evaluator::unary(nn::UnaryFunction function, Operand x) {
  return CADENZA_EVALUATE(reference::unary(function, value(x)));
}
Operand Evaluator::binary(nn::BinaryFunction function, Operand a, Operand b) {
  return CADENZA_EVALUATE(reference::binary(function, value(a), value(b)));
}
Operand Evaluator::where(Operand condition, Operand a, Operand b) {
  return CADENZA_EVALUATE(reference::where(value(condition), value(a), value(b)));
}
Operand Evaluator::cast(Operand x, ElementType type) { return CADENZA_EVALUATE(reference::cast(value(x), type)); }

Operand Evaluator::reshape(Operand x, const Shape &shape) {
  const auto extents = numbers(shape);
  if (!extents)
    return put(Status(StatusCode::Unsupported, "a shape that is open"));
  return CADENZA_EVALUATE(reference::reshape(value(x), *extents));
}
Operand Evaluator::transpose(Operand x, Integers permutation) {
  return CADENZA_EVALUATE(reference::transpose(value(x), permutation));
}
Operand Evaluator::slice(Operand x, const std::vector<Polynomial> &starts, const Shape &sizes, Integers steps) {
  const auto from = numbers(starts), extents = numbers(sizes);
  if (!from || !extents)
    return put(Status(StatusCode::Unsupported, "bounds that are open"));
  return CADENZA_EVALUATE(reference::slice(value(x), *from, *extents, steps));
}
Operand Evaluator::concat(std::span<const Operand> parts, int64_t axis) {
  std::vector<nn::TensorView> values;
  values.reserve(parts.size());
  for (Operand part : parts)
    values.emplace_back(value(part));
  return CADENZA_EVALUATE(reference::concat(values, axis));
}
Operand Evaluator::expand(Operand x, const Shape &shape) {
  const auto extents = numbers(shape);
  if (!extents)
    return put(Status(StatusCode::Unsupported, "a shape that is open"));
  return CADENZA_EVALUATE(reference::expand(value(x), *extents));
}
Operand Evaluator::pad(Operand x, Integers begins, Integers ends, nn::PadMode mode, Operand with) {
  return CADENZA_EVALUATE(reference::pad(value(x), begins, ends, mode, orNull(with)));
}
Operand Evaluator::trilu(Operand x, bool upper, Operand k) {
  if (status().isOk() && value(k).elements() != 1)
    return put(Status(StatusCode::InvalidInput, "k is no scalar"));
  return CADENZA_EVALUATE(reference::trilu(value(x), upper, nn::integers(value(k))[0]));
}
Operand Evaluator::range(Operand start, Operand limit, Operand delta) {
  return CADENZA_EVALUATE(reference::range(value(start), value(limit), value(delta)));
}

Operand Evaluator::gather(Operand x, Operand indices, int64_t axis) {
  return CADENZA_EVALUATE(reference::gather(value(x), value(indices), axis));
}
Operand Evaluator::gatherElements(Operand x, Operand indices, int64_t axis) {
  return CADENZA_EVALUATE(reference::gatherElements(value(x), value(indices), axis));
}
Operand Evaluator::gatherND(Operand x, Operand indices, int64_t batchDims) {
  return CADENZA_EVALUATE(reference::gatherND(value(x), value(indices), batchDims));
}
Operand Evaluator::scatterElements(Operand x, Operand indices, Operand updates, int64_t axis,
                                   nn::ScatterFunction function) {
  return CADENZA_EVALUATE(reference::scatterElements(value(x), value(indices), value(updates), axis, function));
}
Operand Evaluator::scatterND(Operand x, Operand indices, Operand updates, nn::ScatterFunction function) {
  return CADENZA_EVALUATE(reference::scatterND(value(x), value(indices), value(updates), function));
}
Operand Evaluator::tensorScatter(Operand cache, Operand update, Operand writeIndices, int64_t axis, bool circular) {
  return CADENZA_EVALUATE(reference::tensorScatter(value(cache), value(update), orNull(writeIndices), axis, circular));
}

Operand Evaluator::reduce(nn::ReduceFunction function, Operand x, Integers axes, bool keepDims) {
  return CADENZA_EVALUATE(reference::reduce(function, value(x), axes, keepDims));
}
Operand Evaluator::argReduce(nn::ArgFunction function, Operand x, int64_t axis, bool keepDims, bool last) {
  return CADENZA_EVALUATE(reference::argReduce(function, value(x), axis, keepDims, last));
}
Operand Evaluator::softmax(Operand x, int64_t axis) { return CADENZA_EVALUATE(reference::softmax(value(x), axis)); }
Operand Evaluator::logSoftmax(Operand x, int64_t axis) {
  return CADENZA_EVALUATE(reference::logSoftmax(value(x), axis));
}
Operand Evaluator::cumsum(Operand x, int64_t axis, bool exclusive, bool reverse) {
  return CADENZA_EVALUATE(reference::cumsum(value(x), axis, exclusive, reverse));
}
std::pair<Operand, Operand> Evaluator::topk(Operand x, int64_t k, int64_t axis, bool largest) {
  if (!status().isOk())
    return {add(nn::scalar(0)), add(nn::scalar(0))};
  auto result = reference::topk(value(x), k, axis, largest);
  if (!result.isOk())
    return {put(result.status()), put(result.status())};
  return {add(std::move(result->first)), add(std::move(result->second))};
}

Operand Evaluator::dequantize(Operand packed, Operand scales, Operand zeros, int64_t bits, int64_t columns) {
  if (!status().isOk())
    return add(nn::scalar(0));
  const nn::TensorValue none{}, *points = zeros.isThere() ? &value(zeros) : nullptr;
  const auto layout = BlockLayout::of(value(packed).shape, value(scales).element,
                                      points ? std::optional(points->element) : std::nullopt, bits, columns);
  auto made = dequantized(layout, {value(packed).bytes, value(scales).bytes, (points ? *points : none).bytes});
  if (!made.isOk())
    return put(made.status());
  return add({{layout.type, {layout.rows, layout.columns}}, std::move(*made)});
}

Operand Evaluator::matmul(Operand a, Operand b) { return CADENZA_EVALUATE(reference::matmul(value(a), value(b))); }
Operand Evaluator::layerNormalization(Operand x, Operand scale, Operand bias, int64_t axis, double epsilon) {
  return CADENZA_EVALUATE(reference::layerNormalization(value(x), value(scale), orNull(bias), axis, epsilon));
}
Operand Evaluator::rmsNormalization(Operand x, Operand scale, int64_t axis, double epsilon) {
  return CADENZA_EVALUATE(reference::rmsNormalization(value(x), value(scale), axis, epsilon));
}

} // namespace cadenza::onnx
