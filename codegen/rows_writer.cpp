#include "codegen/rows_writer.h"

#include "codegen/config_writer.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace cadenza {
namespace {

/// Elements of a row that a lane keeps in registers at most.
constexpr int64_t mostKept = 32;

/// "tensor::Sum<float>"
std::string partType(StringRef name, Value operand, const std::string &more = "") {
  return ("tensor::" + name + "<" + elementDeviceType(operand) + more + ">").str();
}

std::string call(const std::string &function, Value element, const std::string &arguments) {
  return "tensor::" + function + "<" + elementDeviceType(element).str() + ">(" + arguments + ")";
}

/// Whether a kernel looks at the operand of a reduction more than once.
bool isReadAgain(Operation &reduction) {
  auto reduce = dyn_cast<nn::ReduceOp>(reduction);
  const bool isOnePass =
      isa<nn::ArgReduceOp>(reduction) || (reduce && reduce.getFunction() != nn::ReduceFunction::LogSumExp);
  return !isOnePass || !reduction.getOperand(0).hasOneUse();
}

} // namespace

RowsWriter::RowsWriter(StringRef indexType, step::FusionOp fusion, RowSpace space, int64_t pack, int64_t lanes)
    : ElementWriter(indexType), fusion_(fusion), space_(std::move(space)), pack_(pack), lanes_(lanes),
      items_(static_cast<int64_t>(llvm::divideCeil(space_.columns / pack, lanes))),
      row_(IndexExpression::variable("row", space_.rows)) {
  const std::string packs = pack_ > 1 ? "chunk" : "column";
  column_ = IndexExpression::variable(packs, space_.columns / pack_) * pack_;
  item_ = lanes_ == 1 ? column_ : IndexExpression::variable("k", items_) * pack_;
  if (pack_ > 1) {
    column_ += IndexExpression::variable("j", pack_);
    item_ += IndexExpression::variable("j", pack_);
  }
}

void RowsWriter::forEachOfPack(WriteColumn column, WriteColumn before, WriteColumn after) {
  before();
  if (pack_ > 1) {
    ScopedCode::Nested loop(code, "for (int j = 0; j < " + std::to_string(pack_) + "; ++j) {", CodeScope::Kind::Pack);
    loop.setPragma("#pragma unroll");
    loop.scope().packVariable = "j";
    loop.scope().pack = pack_;
    loop.scope().variables.insert("j");
    column();
  } else {
    column();
  }
  after();
}

void RowsWriter::forEachColumn(WriteColumn column, WriteColumn before, WriteColumn after) {
  const std::string packs = pack_ > 1 ? "chunk" : "column";
  const int64_t count = space_.columns / pack_;
  const bool isUnrolled = items_ * pack_ <= mostKept;
  if (lanes_ == 1) {
    ScopedCode::Nested loop(code,
                            "for (" + indexType_ + " column = 0; column < " + std::to_string(count) + "; ++column) {");
    if (isUnrolled)
      loop.setPragma("#pragma unroll");
    loop.scope().variables.insert("column");
    return forEachOfPack(column, before, after);
  }
  ScopedCode::Nested loop(code, items_ == 1 ? "{" : "for (int k = 0; k < " + std::to_string(items_) + "; ++k) {");
  if (isUnrolled && items_ > 1)
    loop.setPragma("#pragma unroll");
  loop.scope().variables.insert("k");
  code.line("const " + indexType_ + " " + packs + " = Row::lane()" +
            (items_ == 1 ? "" : " + " + std::to_string(lanes_) + " * k") + ";");
  std::optional<ScopedCode::Nested> isThere;
  if (items_ * lanes_ != count)
    isThere.emplace(code, "if (" + packs + " < " + std::to_string(count) + ") {");
  code.current().variables.insert(packs);
  forEachOfPack(column, before, after);
}

TensorIndex RowsWriter::here(ArrayRef<int64_t> shape) {
  if (space_.isContiguous())
    return {std::nullopt, row_ * space_.columns + column_};
  IndexExpression row = row_, column = column_;
  std::vector<IndexExpression> axes(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    IndexExpression &rest = space_.isReduced[axis] ? column : row;
    axes[axis] = *rest.modulo(shape[axis]); // of one variable both exist
    rest = *rest.dividedBy(shape[axis]);
  }
  return {std::move(axes), std::nullopt};
}

std::string RowsWriter::constant(StringRef name, const std::string &type, const std::string &expression) {
  std::string given = code.newName(name);
  code.line("const " + type + " " + given + " = " + expression + ";");
  return given;
}

std::string RowsWriter::part(StringRef name, const std::string &type, Value operand, const std::string &arguments) {
  const std::string given = code.newName(name);
  code.line(type + " " + given + ";");
  TensorIndex index = here(shapeOf(operand));
  const IndexExpression flat = flatOf(index, shapeOf(operand));
  const std::string key = keyOf(operand, flat);
  std::string kept;
  CodeScope &row = code.current();
  if (keepsOperand_ && items_ * pack_ <= mostKept && !row.known.contains(key)) {
    kept = code.newName((name + "_row").str());
    code.line(elementDeviceType(operand).str() + " " + kept + "[" + std::to_string(items_ * pack_) + "];");
    kept += "[" + item_.text() + "]";
  }
  forEachColumn([&] {
    const std::string x = element(operand, index);
    if (!kept.empty())
      code.line(kept + " = " + x + ";");
    code.line(given + ".take(" + x + arguments + ");");
  });
  if (!kept.empty())
    row.known[key] = kept;
  if (lanes_ > 1)
    code.line(given + " = Row::merged(" + given + ");");
  return given;
}

std::string RowsWriter::reduceTo(nn::ReduceOp op) {
  Value x = op.getInput();
  const std::string name(nn::name(op.getFunction())), columns = std::to_string(space_.columns);
  using enum nn::ReduceFunction;
  switch (op.getFunction()) {
  case Sum:
    return call("element", x, part(name, partType("Sum", x), x) + ".total");
  case Mean:
    return call("mean_element", x, part(name, partType("Sum", x), x) + ".total, " + columns);
  case Max:
    return call("narrow", x, part("largest", partType("Largest", x), x) + ".value");
  case Min:
    return call("narrow", x, part("smallest", partType("Smallest", x), x) + ".value");
  case Prod:
    return call("element", x, part(name, partType("Product", x), x) + ".total");
  case L1:
    return call("element", x, part(name, partType("SumOfMagnitudes", x), x) + ".total");
  case L2:
    return call("root_element", x, part(name, partType("SumOfSquares", x), x) + ".total");
  case LogSum:
    return call("log_element", x, part(name, partType("Sum", x), x) + ".total");
  case LogSumExp: {
    const std::string largest = part("largest", partType("Largest", x), x);
    const std::string shift = constant("shift", "auto", call("finite_shift", x, largest + ".value"));
    const std::string total = part(name, partType("SumOfExponentials", x), x, ", " + shift);
    return call("real_element", x, shift + " + arch::log(" + total + ".total)");
  }
  case SumSquare:
    return call("element", x, part(name, partType("SumOfSquares", x), x) + ".total");
  }
  return "";
}

void RowsWriter::reduce(Operation &op) {
  Value x = op.getOperand(0);
  const std::string columns = std::to_string(space_.columns), computed = computedType(x);
  std::vector<std::string> &results = reductions_[&op];
  keepsOperand_ = isReadAgain(op);
  code.line("// " + op.getName().getStringRef().str());
  const auto softmax = [&] {
    results = {part("largest", partType("Largest", x), x) + ".value"};
    results.push_back(part("exponentials", partType("SumOfExponentials", x), x, ", " + results[0]) + ".total");
  };
  const auto deviation = [&](const std::string &squares, const llvm::APFloat &epsilon) {
    const double value = epsilon.convertToDouble();
    const std::string literal = computed == "double" ? doubleLiteral(value) : floatLiteral(static_cast<float>(value));
    return constant("deviation", computed,
                    "tensor::deviation(" + squares + ".total, " + columns + ", " + literal + ")");
  };
  llvm::TypeSwitch<Operation *>(&op)
      .Case([&](nn::ReduceOp reduce) {
        const std::string value = reduceTo(reduce);
        results = {
            constant("reduce_" + std::string(nn::name(reduce.getFunction())), elementDeviceType(x).str(), value)};
      })
      .Case([&](nn::ArgReduceOp arg) {
        const std::string largest = arg.getFunction() == nn::ArgFunction::Max ? "true" : "false";
        const std::string type = partType("Place", x, ", " + largest + (arg.getLast() ? ", true" : ", false"));
        const std::string place = part("place", type, x, ", " + column_.text());
        results = {constant("arg_reduce", "int64_t", place + ".index")};
      })
      .Case<nn::SoftmaxOp, nn::LogSoftmaxOp>([&](auto) { softmax(); })
      .Case([&](nn::LayerNormalizationOp norm) {
        const std::string sum = part("sum", partType("Sum", x), x);
        results = {constant("mean", computed, sum + ".total / " + columns)};
        const std::string squares = part("squares", partType("SumOfSquares", x), x, ", " + results[0]);
        results.push_back(deviation(squares, norm.getEps()));
      })
      .Case([&](nn::RMSNormalizationOp norm) {
        const std::string squares = part("squares", partType("SumOfSquares", x), x);
        results = {computed == "double" ? "0.0" : "0.0f", deviation(squares, norm.getEps())};
      });
}

std::string RowsWriter::reduced(OpResult value, TensorIndex &index) {
  Operation *op = value.getOwner();
  const auto found = reductions_.find(op);
  const ArrayRef<int64_t> shape = shapeOf(value);
  if (found == reductions_.end())
    return ElementWriter::reduced(value, index);
  const std::vector<std::string> &results = found->second;
  if (isa<nn::ReduceOp, nn::ArgReduceOp>(op))
    return flatOf(index, shape) == row_ ? results[0] : ElementWriter::reduced(value, index);
  TensorIndex here = this->here(shape);
  if (flatOf(index, shape) != flatOf(here, shape))
    return ElementWriter::reduced(value, index);
  const std::string x = element(op->getOperand(0), index), type = elementDeviceType(value).str();
  if (isa<nn::SoftmaxOp, nn::LogSoftmaxOp>(op)) {
    const std::string function = isa<nn::SoftmaxOp>(op) ? "softmax" : "log_softmax";
    return constant(function, type, "tensor::" + function + "(" + x + ", " + results[0] + ", " + results[1] + ")");
  }
  const std::string normalized =
      constant("normalized", type, "tensor::normalized(" + x + ", " + results[0] + ", " + results[1] + ")");
  std::string operands = normalized;
  for (Value weight : op->getOperands().drop_front())
    operands += ", " + element(weight, broadcastIndex(index, shape, weight));
  return constant("scaled", type, "tensor::scaled(" + operands + ")");
}

void RowsWriter::writeColumns(ArrayRef<std::string> outputs, ArrayRef<unsigned> results) {
  std::vector<std::string> packs;
  for (unsigned number : results)
    packs.push_back(pack_ > 1 ? code.newName("result_" + std::to_string(number)) : "");
  const auto start = [&](ArrayRef<int64_t> shape) {
    TensorIndex index = here(shape);
    return flatOf(index, shape);
  };
  const auto type = [&](unsigned number) { return elementDeviceType(fusion_.getResult(number)).str(); };
  forEachColumn(
      [&] {
        for (auto [pack, number] : llvm::zip_equal(packs, results)) {
          Value value = fusion_.getYield().getValues()[number];
          const std::string x = element(value, here(shapeOf(value)));
          std::string line = pack_ > 1 ? pack + "[j]" : outputs[number] + "[" + start(shapeOf(value)).text() + "]";
          line += " = ";
          line += x;
          code.line(line + ";");
        }
      },
      [&] {
        for (auto [pack, number] : llvm::zip_equal(packs, results))
          if (pack_ > 1)
            code.line("tensor::Pack<" + type(number) + ", " + std::to_string(pack_) + "> " + pack + ";");
      },
      [&] {
        for (auto [pack, number] : llvm::zip_equal(packs, results))
          if (pack_ > 1)
            code.line("tensor::store(" + outputs[number] + " + " +
                      start(shapeOf(fusion_.getResult(number))).startOfPack("j", pack_)->text() + ", " + pack + ");");
      });
}

void RowsWriter::write(ArrayRef<std::string> outputs) {
  code.line("using Row = tensor::Team<" + std::to_string(lanes_) + ">; // threads that share a row of " +
            std::to_string(space_.columns));
  code.line("const " + indexType_ + " row = tensor::thread_number<" + indexType_ + ">()" +
            (lanes_ > 1 ? " / " + std::to_string(lanes_) : "") + ";");
  // Nothing that depends on the row may stand outside; of one row indices do not say so.
  ScopedCode::Nested rows(code, "if (row < " + std::to_string(space_.rows) + ") {",
                          space_.rows > 1 ? CodeScope::Kind::Block : CodeScope::Kind::Conditional);
  rows.scope().variables.insert("row");
  for (Operation &op : fusion_.getOps())
    if (isReduction(op))
      reduce(op);
  std::vector<unsigned> ofColumns, ofRows;
  for (auto [number, result] : llvm::enumerate(fusion_.getResults())) {
    const int64_t elements = elementsOf(shapeOf(result));
    if (elements == space_.rows * space_.columns &&
        (space_.isContiguous() || shapeOf(result) == ArrayRef(space_.shape)))
      ofColumns.push_back(number);
    else if (elements == space_.rows)
      ofRows.push_back(number);
    else
      fusion_.emitOpError() << "has a result of " << elements
                            << " elements, which are neither one nor all of each row; "
                            << "--target=cpu runs it",
          failed_ = true;
  }
  if (!ofColumns.empty())
    writeColumns(outputs, ofColumns);
  if (ofRows.empty())
    return;
  std::optional<ScopedCode::Nested> once;
  if (lanes_ > 1)
    once.emplace(code, "if (Row::lane() == 0) {", CodeScope::Kind::Conditional);
  for (unsigned number : ofRows)
    code.line(outputs[number] + "[row] = " + element(fusion_.getYield().getValues()[number], {std::nullopt, row_}) +
              ";");
}

} // namespace cadenza
