#include "compiler/import/onnx/ir/ir_emitter.h"
#include "compiler/import/onnx/lower/dequantize.h"
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/ir/nn/Blocks.h"
#include "compiler/ir/nn/TensorValues.h"
#include "compiler/support/block_quantization.h"
#include "runtime/reference/infer.h"
#include "runtime/reference/reference.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace cadenza::onnx {
namespace {

/// Constants of more elements are weights whatever they are for.
constexpr int64_t maxConstant = 4096;

/// The shape of a type: what is no number is open.
nn::Shape staticShape(const Shape &shape) {
  nn::Shape extents;
  for (const Extent &extent : shape)
    extents.push_back(extent.number().value_or(nn::unknownExtent));
  return extents;
}

nn::TensorSpec withType(nn::TensorSpec spec, ElementType type) {
  spec.element = type;
  return spec;
}

} // namespace

IrEmitter::IrEmitter(mlir::OpBuilder ops, mlir::OpBuilder symbols, Table &table, const Symbols &extents,
                     Options options)
    : ops(ops), symbols(symbols), location(mlir::UnknownLoc::get(this->context())), table(table), extents(extents),
      options(std::move(options)) {}

Operand IrEmitter::add(mlir::Value value) {
  values.push_back(value);
  return {static_cast<uint32_t>(values.size() - 1)};
}

nn::TensorSpec IrEmitter::spec(Operand operand) const { return nn::specOf(value(operand).getType()); }

Operand IrEmitter::nothing() { return constant(nn::scalar(0)); }

void IrEmitter::begin(const Node &node) {
  const mlir::Location op = mlir::NameLoc::get(ops.getStringAttr(node.op));
  location = node.name.empty() ? op : mlir::NameLoc::get(ops.getStringAttr(node.name), op);
}

template <typename OpT, typename... Arguments>
Operand IrEmitter::put(const StatusOr<nn::TensorSpec> &type, Arguments &&...arguments) {
  fail(type.status());
  if (!status().isOk())
    return nothing();
  return add(OpT::create(ops, location, nn::typeOf(context(), *type), std::forward<Arguments>(arguments)...));
}

//===----------------------------------------------------------------------===//
// Constants, weights, extents
//===----------------------------------------------------------------------===//

Operand IrEmitter::constant(nn::TensorValue value) {
  return add(nn::ConstantOp::create(ops, location, nn::constantOf(context(), value)));
}

Operand IrEmitter::tensor(const std::string &name, std::shared_ptr<const Tensor> tensor) {
  if (!isComputable(tensor->type)) {
    fail(Status(StatusCode::Unsupported, "constant of type " + std::string(elementTypeName(tensor->type))));
    return nothing();
  }
  const int64_t elements = tensor->elements();
  const bool isSmall = elements <= maxConstant;
  const bool isNumber = !isFloat(tensor->type) || elements <= options.smallFloats || options.isTable(name);
  const bool isQuantised = options.isQuantised && options.isQuantised(name);
  if (name.empty() || elements == 0 || (isSmall && isNumber && !isQuantised))
    return constant(valueOf(*tensor));
  return weight(name, std::move(tensor));
}

Operand IrEmitter::weight(const std::string &name, std::shared_ptr<const Tensor> tensor) {
  // What is folded for other extents is another tensor of the same name.
  std::string source = name;
  for (auto known = table.weights.find(source); known != table.weights.end() && known->second != tensor;
       known = table.weights.find(source))
    source += "_";
  const mlir::RankedTensorType type = nn::typeOf(context(), {tensor->type, tensor->shape});
  const mlir::Location place = mlir::NameLoc::get(ops.getStringAttr(name));
  auto [symbol, isNew] = table.symbols.try_emplace(source);
  if (isNew) {
    symbol->second = symbolFor(source);
    nn::WeightOp::create(symbols, place, symbol->second, type, symbols.getStringAttr(source),
                         /*value=*/mlir::ElementsAttr());
    table.weights[source] = std::move(tensor);
  }
  auto get = nn::GetWeightOp::create(ops, place, type, mlir::FlatSymbolRefAttr::get(context(), symbol->second));
  sources[get] = source;
  return add(get);
}

std::string IrEmitter::symbolFor(std::string name) {
  while (!table.taken.insert(name).second)
    name += "_";
  return name;
}

std::string IrEmitter::sourceOf(Operand operand) const {
  mlir::Operation *op = value(operand).getDefiningOp();
  while (llvm::isa_and_nonnull<nn::ReshapeOp>(op))
    op = op->getOperand(0).getDefiningOp();
  const auto found = sources.find(op);
  return found == sources.end() ? "" : found->second;
}

Operand IrEmitter::scalar(SymbolId id) {
  const Symbols::Symbol &symbol = extents[id];
  const auto two = [&](nn::BinaryFunction function) { return binary(function, scalar(symbol.a), scalar(symbol.b)); };
  switch (symbol.kind) {
  case Symbols::Kind::Minimum:
    return two(nn::BinaryFunction::Min);
  case Symbols::Kind::Maximum:
    return two(nn::BinaryFunction::Max);
  case Symbols::Kind::FloorDivide: { // a - (a mod b), where mod has the sign of b
    const Operand a = scalar(symbol.a), b = scalar(symbol.b);
    return binary(nn::BinaryFunction::Div, binary(nn::BinaryFunction::Sub, a, binary(nn::BinaryFunction::Mod, a, b)),
                  b);
  }
  case Symbols::Kind::Broadcast: {
    const Operand a = scalar(symbol.a), one = constant(nn::scalar(1));
    return where(binary(nn::BinaryFunction::Equal, a, one), scalar(symbol.b), a);
  }
  case Symbols::Kind::Named:
  case Symbols::Kind::Unknown:
    break;
  }
  if (mlir::Value extent = options.extent(symbol.name))
    return add(extent);
  fail(Status(StatusCode::Unsupported, "the extent '" + symbol.name + "', which nothing says"));
  return nothing();
}

Operand IrEmitter::scalar(const Polynomial &polynomial) {
  const std::string text = extents.text(polynomial);
  if (const auto known = scalars.find(text); known != scalars.end())
    return known->second;
  Operand sum;
  if (!polynomial.isKnown()) {
    fail(Status(StatusCode::Unsupported, "an extent that is not known"));
    return nothing();
  }
  for (const Polynomial::Term &term : polynomial.terms()) {
    Operand product;
    const auto times = [&](Operand factor) {
      product = product.isThere() ? binary(nn::BinaryFunction::Mul, product, factor) : factor;
    };
    for (SymbolId symbol : term.symbols)
      times(scalar(symbol));
    if (term.coefficient != 1 || !product.isThere())
      times(constant(nn::scalar(term.coefficient)));
    sum = sum.isThere() ? binary(nn::BinaryFunction::Add, sum, product) : product;
  }
  if (!sum.isThere())
    sum = constant(nn::scalar(0));
  return scalars[text] = sum;
}

mlir::OpFoldResult IrEmitter::scalarOrNumber(const Polynomial &polynomial) {
  if (const auto number = polynomial.number())
    return integer(*number);
  return value(scalar(polynomial));
}

Operand IrEmitter::elements(ElementType type, const Shape &shape, const Elements &elements) {
  const auto shapeNumbers = numbers(shape), values = numbers(elements);
  if (!shapeNumbers) {
    fail(Status(StatusCode::Unsupported, "elements of an open shape"));
    return nothing();
  }
  if (values)
    return constant(nn::tensorOf(type, *shapeNumbers, std::span<const int64_t>(*values)));
  if (elements.size() == 1)
    return cast(reshape(scalar(elements[0]), shape), type);
  std::vector<Operand> parts;
  for (const Polynomial &element : elements)
    parts.push_back(reshape(scalar(element), {1}));
  return cast(reshape(concat(parts, 0), shape), type);
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

Operand IrEmitter::unary(nn::UnaryFunction function, Operand x) {
  return put<nn::UnaryOp>(nn::infer::unary(function, spec(x)), function, value(x));
}
Operand IrEmitter::binary(nn::BinaryFunction function, Operand a, Operand b) {
  return put<nn::BinaryOp>(nn::infer::binary(function, spec(a), spec(b)), function, value(a), value(b));
}
Operand IrEmitter::where(Operand condition, Operand a, Operand b) {
  return put<nn::WhereOp>(nn::infer::where(spec(condition), spec(a), spec(b)), value(condition), value(a), value(b));
}
Operand IrEmitter::cast(Operand x, ElementType type) {
  return spec(x).element == type ? x : put<nn::CastOp>(withType(spec(x), type), value(x));
}

//===----------------------------------------------------------------------===//
// Data movement
//===----------------------------------------------------------------------===//

Operand IrEmitter::reshape(Operand x, const Shape &shape) {
  const nn::TensorSpec result{spec(x).element, staticShape(shape)};
  if (result == spec(x))
    return x;
  const StatusOr<nn::TensorSpec> checked = nn::infer::reshape(spec(x), result.shape);
  return put<nn::ReshapeOp>(checked.isOk() ? StatusOr<nn::TensorSpec>(result) : checked, value(x));
}

Operand IrEmitter::transpose(Operand x, Integers permutation) {
  return put<nn::TransposeOp>(nn::infer::transpose(spec(x), permutation), value(x), list(permutation));
}

Operand IrEmitter::slice(Operand x, const std::vector<Polynomial> &starts, const Shape &sizes, Integers steps) {
  llvm::SmallVector<mlir::Value> openStarts, openSizes;
  llvm::SmallVector<int64_t> knownStarts, knownSizes;
  for (const Polynomial &start : starts)
    mlir::dispatchIndexOpFoldResult(scalarOrNumber(start), openStarts, knownStarts);
  for (const Polynomial &size : sizes)
    mlir::dispatchIndexOpFoldResult(scalarOrNumber(size), openSizes, knownSizes);
  const bool allOnes = llvm::all_of(steps, [](int64_t step) { return step == 1; });
  return put<nn::SliceOp>(nn::infer::slice(spec(x), knownStarts, knownSizes, steps), value(x), openStarts, openSizes,
                          ops.getDenseI64ArrayAttr(knownStarts), ops.getDenseI64ArrayAttr(knownSizes),
                          allOnes ? mlir::DenseI64ArrayAttr() : list(steps));
}

Operand IrEmitter::concat(std::span<const Operand> parts, int64_t axis) {
  std::vector<nn::TensorSpec> specs;
  llvm::SmallVector<mlir::Value> operands;
  for (Operand part : parts) {
    specs.push_back(spec(part));
    operands.push_back(value(part));
  }
  if (parts.size() == 1)
    return parts[0];
  return put<nn::ConcatOp>(nn::infer::concat(specs, axis), operands, integer(axis));
}

Operand IrEmitter::expand(Operand x, const Shape &shape) {
  const nn::TensorSpec from = spec(x), result{from.element, staticShape(shape)};
  if (result == from)
    return x;
  const StatusOr<nn::TensorSpec> checked = nn::infer::expand(from, result.shape);
  if (!checked.isOk())
    return put<nn::ExpandOp>(checked, value(x), mlir::ValueRange());
  llvm::SmallVector<mlir::Value> open; // extents that are not the operand's
  const size_t added = result.shape.size() - from.shape.size();
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (result.shape[axis] == nn::unknownExtent && (axis < added || from.shape[axis - added] != nn::unknownExtent))
      open.push_back(value(scalar(shape[axis])));
  return put<nn::ExpandOp>(result, value(x), mlir::ValueRange(open));
}

Operand IrEmitter::pad(Operand x, Integers begins, Integers ends, nn::PadMode mode, Operand with) {
  const std::optional<nn::TensorSpec> added = with.isThere() ? std::optional(spec(with)) : std::nullopt;
  return put<nn::PadOp>(nn::infer::pad(spec(x), begins, ends, mode, added ? &*added : nullptr),
                        nn::PadModeAttr::get(context(), mode), value(x), valueOrNull(with), list(begins), list(ends));
}

Operand IrEmitter::trilu(Operand x, bool upper, Operand k) {
  return put<nn::TriluOp>(nn::infer::trilu(spec(x)), value(x), value(k), unitIf(upper));
}

Operand IrEmitter::range(Operand start, Operand limit, Operand delta) {
  // Of numbers it is a constant: the op's result would have an open extent.
  const auto known = [&](Operand operand) { return value(operand).getDefiningOp<nn::ConstantOp>(); };
  if (known(start) && known(limit) && known(delta)) {
    const auto number = [&](Operand operand) {
      return nn::valueOf(mlir::cast<mlir::DenseElementsAttr>(known(operand).getValue()));
    };
    StatusOr<nn::TensorValue> numbers = nn::reference::range(number(start), number(limit), number(delta));
    fail(numbers.status());
    return numbers.isOk() ? constant(std::move(*numbers)) : nothing();
  }
  return put<nn::RangeOp>(nn::infer::range(spec(start), spec(limit), spec(delta)), value(start), value(limit),
                          value(delta));
}

//===----------------------------------------------------------------------===//
// By index
//===----------------------------------------------------------------------===//

Operand IrEmitter::gather(Operand x, Operand indices, int64_t axis) {
  return put<nn::GatherOp>(nn::infer::gather(spec(x), spec(indices), axis), value(x), value(indices), integer(axis));
}
Operand IrEmitter::gatherElements(Operand x, Operand indices, int64_t axis) {
  return put<nn::GatherElementsOp>(nn::infer::gatherElements(spec(x), spec(indices), axis), value(x), value(indices),
                                   integer(axis));
}
Operand IrEmitter::gatherND(Operand x, Operand indices, int64_t batchDims) {
  return put<nn::GatherNDOp>(nn::infer::gatherND(spec(x), spec(indices), batchDims), value(x), value(indices),
                             integer(batchDims));
}
Operand IrEmitter::scatterElements(Operand x, Operand indices, Operand updates, int64_t axis,
                                   nn::ScatterFunction function) {
  return put<nn::ScatterElementsOp>(nn::infer::scatterElements(spec(x), spec(indices), spec(updates), axis, function),
                                    nn::ScatterFunctionAttr::get(context(), function), value(x), value(indices),
                                    value(updates), integer(axis));
}
Operand IrEmitter::scatterND(Operand x, Operand indices, Operand updates, nn::ScatterFunction function) {
  return put<nn::ScatterNDOp>(nn::infer::scatterND(spec(x), spec(indices), spec(updates), function),
                              nn::ScatterFunctionAttr::get(context(), function), value(x), value(indices),
                              value(updates));
}
Operand IrEmitter::tensorScatter(Operand cache, Operand update, Operand writeIndices, int64_t axis, bool circular) {
  const std::optional<nn::TensorSpec> at = writeIndices.isThere() ? std::optional(spec(writeIndices)) : std::nullopt;
  return put<nn::TensorScatterOp>(nn::infer::tensorScatter(spec(cache), spec(update), at ? &*at : nullptr, axis),
                                  value(cache), value(update), valueOrNull(writeIndices), integer(axis),
                                  unitIf(circular));
}

//===----------------------------------------------------------------------===//
// Along axes, products, norms
//===----------------------------------------------------------------------===//

Operand IrEmitter::reduce(nn::ReduceFunction function, Operand x, Integers axes, bool keepDims) {
  return put<nn::ReduceOp>(nn::infer::reduce(function, spec(x), axes, keepDims),
                           nn::ReduceFunctionAttr::get(context(), function), value(x), list(axes), unitIf(keepDims));
}
Operand IrEmitter::argReduce(nn::ArgFunction function, Operand x, int64_t axis, bool keepDims, bool last) {
  return put<nn::ArgReduceOp>(nn::infer::argReduce(spec(x), axis, keepDims),
                              nn::ArgFunctionAttr::get(context(), function), value(x), integer(axis), unitIf(keepDims),
                              unitIf(last));
}
Operand IrEmitter::softmax(Operand x, int64_t axis) {
  return put<nn::SoftmaxOp>(nn::infer::softmax(spec(x), axis), value(x), integer(axis));
}
Operand IrEmitter::logSoftmax(Operand x, int64_t axis) {
  return put<nn::LogSoftmaxOp>(nn::infer::softmax(spec(x), axis), value(x), integer(axis));
}
Operand IrEmitter::cumsum(Operand x, int64_t axis, bool exclusive, bool reverse) {
  return put<nn::CumSumOp>(nn::infer::cumsum(spec(x), axis), value(x), integer(axis), unitIf(exclusive),
                           unitIf(reverse));
}

std::pair<Operand, Operand> IrEmitter::topk(Operand x, int64_t k, int64_t axis, bool largest) {
  const StatusOr<nn::TensorSpec> type = nn::infer::topk(spec(x), k, axis);
  fail(type.status());
  if (!status().isOk())
    return {nothing(), nothing()};
  auto op = nn::TopKOp::create(ops, location, nn::typeOf(context(), *type),
                               nn::typeOf(context(), withType(*type, ElementType::i64)), value(x), integer(k),
                               integer(axis), unitIf(!largest));
  return {add(op.getValues()), add(op.getIndices())};
}

/// Of a decoder a weight that names the tensors: no op on the integers is ever made.
Operand IrEmitter::dequantize(Operand packed, Operand scales, Operand zeros, int64_t bits, int64_t columns) {
  const ElementType element = spec(scales).element;
  if (!status().isOk())
    return nothing();
  if (!options.isQuantised) {
    const auto zeroType = zeros.isThere() ? std::optional(spec(zeros).element) : std::nullopt;
    const auto layout = BlockLayout::of(spec(packed).shape, element, zeroType, bits, columns);
    return dequantizeByOps(*this, layout, packed, scales, zeros);
  }
  const std::string bytes = sourceOf(packed), factors = sourceOf(scales);
  const std::string points = zeros.isThere() ? sourceOf(zeros) : "";
  if (bytes.empty() || factors.empty() || (zeros.isThere() && points.empty()))
    fail(Status(StatusCode::Unsupported, "a quantised matrix that is not made of constants"));
  if (!status().isOk())
    return nothing();
  const auto layout = BlockLayout::of(spec(packed).shape, element, std::nullopt, bits, columns);
  const mlir::RankedTensorType type = nn::typeOf(context(), {element, {layout.rows, columns}});
  std::string key; // a product and an embedding may share a matrix
  for (const std::string &part : {bytes, factors, points, std::to_string(bits), std::to_string(columns)})
    key += part + '\0';
  Operand &matrix = matrices[key];
  if (matrix.isThere())
    return matrix;
  const std::string symbol = symbolFor(bytes + ".dequantized");
  const mlir::Location place = mlir::NameLoc::get(ops.getStringAttr(bytes));
  auto weight = nn::WeightOp::create(symbols, place, symbol, type, symbols.getStringAttr(bytes),
                                     /*value=*/mlir::ElementsAttr());
  nn::setBlocks(weight, {bits, layout.size, factors, points});
  return matrix = add(nn::GetWeightOp::create(ops, place, type, mlir::FlatSymbolRefAttr::get(context(), symbol)));
}

Operand IrEmitter::matmul(Operand a, Operand b) {
  return put<nn::MatMulOp>(nn::infer::matmul(spec(a), spec(b)), value(a), value(b));
}
Operand IrEmitter::layerNormalization(Operand x, Operand scale, Operand bias, int64_t axis, double epsilon) {
  const std::optional<nn::TensorSpec> added = bias.isThere() ? std::optional(spec(bias)) : std::nullopt;
  return put<nn::LayerNormalizationOp>(nn::infer::normalization(spec(x), spec(scale), added ? &*added : nullptr, axis),
                                       value(x), value(scale), valueOrNull(bias), integer(axis),
                                       ops.getF64FloatAttr(epsilon));
}
Operand IrEmitter::rmsNormalization(Operand x, Operand scale, int64_t axis, double epsilon) {
  return put<nn::RMSNormalizationOp>(nn::infer::normalization(spec(x), spec(scale), nullptr, axis), value(x),
                                     value(scale), integer(axis), ops.getF64FloatAttr(epsilon));
}

} // namespace cadenza::onnx
