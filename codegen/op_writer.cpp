#include "codegen/op_writer.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace cadenza {
namespace {

std::string joined(ArrayRef<int64_t> numbers, StringRef separator) {
  return llvm::join(llvm::map_range(numbers, [](int64_t n) { return std::to_string(n); }), separator);
}

/// The device function of that spelling; `and`, `or`, `xor` and `not` are operators of C++.
std::string functionName(std::string_view spelling) {
  const bool isOperator = spelling == "and" || spelling == "or" || spelling == "xor" || spelling == "not";
  return (isOperator ? "logical_" : "") + std::string(spelling);
}

} // namespace

std::string listText(ArrayRef<int64_t> numbers) { return "[" + joined(numbers, ", ") + "]"; }
std::string shapeText(Value value) { return shapeOf(value).empty() ? "a scalar" : joined(shapeOf(value), "x"); }

std::string OpWriter::write() {
  return llvm::TypeSwitch<Operation *, std::string>(value_.getOwner())
      .Case([&](nn::UnaryOp op) { return elementwise(functionName(nn::name(op.getFunction()))); })
      .Case([&](nn::BinaryOp op) { return elementwise(functionName(nn::name(op.getFunction()))); })
      .Case([&](nn::WhereOp) { return elementwise("where"); })
      .Case([&](nn::CastOp op) { return castTo(op); })
      .Case([&](nn::ReshapeOp op) {
        return moved("reshape to " + shapeText(value_), op.getInput(),
                     {std::nullopt, writer_.flatOf(index_, shapeOf(value_))});
      })
      .Case([&](nn::TransposeOp op) { return transpose(op); })
      .Case([&](nn::SliceOp op) { return slice(op); })
      .Case([&](nn::ConcatOp op) { return concat(op); })
      .Case([&](nn::ExpandOp op) {
        return moved("expand to " + shapeText(value_), op.getInput(), broadcast(op.getInput()));
      })
      .Case([&](nn::PadOp op) { return pad(op); })
      .Case([&](nn::TriluOp op) { return trilu(op); })
      .Case([&](nn::RangeOp op) { return range(op); })
      .Case([&](nn::GatherOp op) { return gather(op); })
      .Case([&](nn::GatherElementsOp op) { return gatherElements(op); })
      .Case([&](nn::GatherNDOp op) { return gatherND(op); })
      .Case([&](nn::ScatterElementsOp op) { return scatterElements(op); })
      .Case([&](nn::ScatterNDOp op) { return scatterND(op); })
      .Case([&](nn::TensorScatterOp op) { return tensorScatter(op); })
      .Case([&](nn::MatMulOp op) { return matmul(op); })
      .Case([&](nn::CumSumOp op) { return cumsum(op); })
      .Case([&](nn::TopKOp op) { return topk(op); })
      .Default([&](Operation *) { return writer_.reduced(value_, index_); });
}

std::string OpWriter::moved(std::string what, Value operand, TensorIndex index) {
  writer_.path_ = path_;
  writer_.path_.push_back(std::move(what));
  return writer_.element(operand, std::move(index));
}

std::string OpWriter::constant(StringRef name, const std::string &expression) {
  std::string given = code_.newName(name);
  code_.line("const " + elementDeviceType(value_).str() + " " + given + " = " + expression + ";");
  return given;
}

std::string OpWriter::variable(StringRef name, const std::string &expression) {
  std::string given = code_.newName(name);
  code_.line(elementDeviceType(value_).str() + " " + given + (expression.empty() ? "" : " = " + expression) + ";");
  return given;
}

std::string OpWriter::elementwise(StringRef function) {
  std::vector<std::string> operands;
  for (Value operand : value_.getOwner()->getOperands())
    operands.push_back(writer_.element(operand, broadcast(operand)));
  return constant(function, "tensor::" + function.str() + "(" + llvm::join(operands, ", ") + ")");
}

std::string OpWriter::castTo(nn::CastOp op) {
  std::string operand = writer_.element(op.getInput(), index_);
  const StringRef type = elementDeviceType(value_);
  if (type == elementDeviceType(op.getInput()))
    return operand;
  return constant("cast", ("tensor::cast<" + type + ">(").str() + operand + ")");
}

std::string OpWriter::transpose(nn::TransposeOp op) {
  Axes from(op.getPermutation().size());
  for (auto [axis, source] : llvm::zip_equal(axes(), op.getPermutation()))
    from[source] = axis;
  return moved("transpose " + listText(op.getPermutation()), op.getInput(), {std::move(from), std::nullopt});
}

std::string OpWriter::slice(nn::SliceOp op) {
  const ArrayRef<int64_t> shape = shapeOf(op.getInput()), sizes = shapeOf(value_);
  const SmallVector<int64_t> steps = op.getStepsOrOnes();
  auto dynamic = op.getStarts().begin();
  Axes from = axes();
  for (size_t axis = 0; axis < from.size(); ++axis) {
    from[axis] *= steps[axis];
    const int64_t start = op.getStaticStarts()[axis];
    if (!ShapedType::isDynamic(start)) {
      from[axis] += start;
      continue;
    }
    // All elements up to the last have to exist.
    const int64_t before = std::min<int64_t>(0, steps[axis] * (sizes[axis] - 1)) * -1;
    const int64_t most = shape[axis] - std::max<int64_t>(0, steps[axis] * (sizes[axis] - 1)) - before;
    const std::string value = at(*dynamic++, IndexExpression());
    const std::string checked = "tensor::checked<" + writer_.indexType_ + ">(" + value +
                                (before ? " - " + std::to_string(before) : "") + ", " + std::to_string(most) + ")";
    from[axis] += writer_.defined("start", checked, most, {}) + before;
  }
  return moved("slice from " + listText(op.getStaticStarts()), op.getInput(), {std::move(from), std::nullopt});
}

std::string OpWriter::concat(nn::ConcatOp op) {
  const int64_t axis = fromZero(static_cast<int64_t>(op.getAxis()), value_);
  const Axes to = axes();
  const std::string name = variable("concat", "");
  int64_t begin = 0;
  for (auto [number, part] : llvm::enumerate(op.getParts())) {
    const int64_t end = begin + shapeOf(part)[axis];
    const bool isLast = number + 1 == op.getParts().size();
    const std::string condition = "if (" + to[axis].text() + " < " + std::to_string(end) + ") {";
    const ScopedCode::Nested branch(code_,
                                    number == 0 ? condition
                                    : isLast    ? "} else {"
                                                : "} else " + condition,
                                    CodeScope::Kind::Conditional, isLast ? "}" : "");
    Axes from = to;
    from[axis] += -begin;
    code_.line(name + " = " + moved("part " + std::to_string(number), part, {std::move(from), std::nullopt}) + ";");
    begin = end;
  }
  return name;
}

std::string OpWriter::pad(nn::PadOp op) {
  const ArrayRef<int64_t> shape = shapeOf(op.getInput());
  Axes from = axes();
  for (size_t axis = 0; axis < from.size(); ++axis)
    from[axis] += -op.getBegins()[axis];
  if (op.getMode() == nn::PadMode::Constant) {
    if (llvm::all_of(llvm::zip_equal(from, shape), [](auto pair) {
          return std::get<0>(pair).least() >= 0 && std::get<0>(pair).most() < std::get<1>(pair);
        }))
      return moved("cut", op.getInput(), {std::move(from), std::nullopt});
    const std::string value = op.getValue() ? at(op.getValue(), IndexExpression()) : "";
    const std::string name = variable("pad", value.empty() ? elementDeviceType(value_).str() + "{}" : value);
    std::string condition;
    for (auto [place, extent] : llvm::zip_equal(from, shape)) {
      if (place.least() < 0)
        condition += (condition.empty() ? "" : " && ") + place.text() + " >= 0";
      if (place.most() >= extent)
        condition += (condition.empty() ? "" : " && ") + place.text() + " < " + std::to_string(extent);
    }
    const ScopedCode::Nested inside(code_, "if (" + condition + ") {", CodeScope::Kind::Conditional);
    code_.line(name + " = " + at(op.getInput(), std::move(from)) + ";");
    return name;
  }
  const StringRef function = op.getMode() == nn::PadMode::Reflect ? "reflected"
                             : op.getMode() == nn::PadMode::Edge  ? "at_edge"
                                                                  : "wrapped";
  for (auto [place, extent] : llvm::zip_equal(from, shape))
    if (place.least() < 0 || place.most() >= extent)
      place = writer_.defined(function,
                              ("tensor::" + function + "<" + writer_.indexType_ + ">(").str() + place.text() + ", " +
                                  std::to_string(extent) + ")",
                              extent, place);
  return moved("pad " + std::string(nn::name(op.getMode())), op.getInput(), {std::move(from), std::nullopt});
}

std::string OpWriter::trilu(nn::TriluOp op) {
  const Axes own = axes();
  const std::string k = at(op.getK(), IndexExpression());
  const std::string name = variable("trilu", elementDeviceType(value_).str() + "{}");
  const std::string column = own.back().text(), row = own[own.size() - 2].text();
  const ScopedCode::Nested inside(
      code_, "if (" + column + (op.getUpper() ? " >= " : " <= ") + row + " + tensor::clamped_diagonal(" + k + ")) {",
      CodeScope::Kind::Conditional);
  code_.line(name + " = " + writer_.element(op.getInput(), index_) + ";");
  return name;
}

std::string OpWriter::range(nn::RangeOp op) {
  const std::string start = at(op.getStart(), IndexExpression()), delta = at(op.getDelta(), IndexExpression());
  return constant("range", "tensor::range_element(" + start + ", " + delta + ", " +
                               writer_.flatOf(index_, shapeOf(value_)).text() + ")");
}

} // namespace cadenza
