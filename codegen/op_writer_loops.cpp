// Ops of which an element follows from many.
#include "codegen/op_writer.h"

using namespace mlir;

namespace cadenza {

OpWriter::Loop::Loop(OpWriter &writer, const std::string &count, int64_t most, StringRef pragma)
    : name(writer.code_.newName("k")),
      nested(writer.code_, "for (" + writer.writer_.indexType_ + " " + name + " = 0; " + name + " < " + count + "; ++" +
                               name + ") {"),
      index(IndexExpression::variable(name, most)) {
  nested.scope().variables.insert(name);
  if (!pragma.empty())
    nested.setPragma(pragma.str());
}

std::string OpWriter::matmul(nn::MatMulOp op) {
  const ArrayRef<int64_t> a = shapeOf(op.getLhs()), b = shapeOf(op.getRhs());
  const int64_t depth = a.back();
  const Axes own = axes();
  // [batch..., row, column]; a vector has no axis in the result.
  const size_t matrixAxes = (a.size() > 1 ? 1 : 0) + (b.size() > 1 ? 1 : 0), batch = own.size() - matrixAxes;
  const auto operand = [&](Value value, ArrayRef<int64_t> shape, const Axes &matrix) {
    const size_t batchAxes = shape.size() - matrix.size();
    Axes axes;
    for (size_t i = 0; i < batchAxes; ++i)
      axes.push_back(shape[i] == 1 ? IndexExpression() : own[batch - batchAxes + i]);
    axes.insert(axes.end(), matrix.begin(), matrix.end());
    return at(value, std::move(axes));
  };
  const std::string total = code_.newName("total");
  code_.line(computedType(value_) + " " + total + " = 0;");
  {
    const Loop loop(*this, std::to_string(depth), depth, "#pragma unroll 4");
    const std::string left = operand(op.getLhs(), a, a.size() > 1 ? Axes{own[batch], loop.index} : Axes{loop.index});
    const std::string right = operand(op.getRhs(), b, b.size() > 1 ? Axes{loop.index, own.back()} : Axes{loop.index});
    code_.line(total + " = tensor::multiply_add(" + total + ", tensor::widen(" + left + "), tensor::widen(" + right +
               "));");
  }
  return constant("matmul", ("tensor::narrow<" + elementDeviceType(value_) + ">(").str() + total + ")");
}

std::string OpWriter::cumsum(nn::CumSumOp op) {
  const int64_t axis = fromZero(static_cast<int64_t>(op.getAxis()), value_), extent = shapeOf(value_)[axis];
  const Axes own = axes();
  const int64_t itself = op.getExclusive() ? 0 : 1;
  const IndexExpression count = op.getReverse() ? own[axis] * -1 + (extent - 1 + itself) : own[axis] + itself;
  const std::string total = code_.newName("total");
  code_.line(computedType(value_) + " " + total + " = 0;");
  {
    const Loop loop(*this, count.text(), extent);
    Axes from = own;
    from[axis] = op.getReverse() ? loop.index * -1 + (extent - 1) : loop.index;
    code_.line(total + " = tensor::sum(" + total + ", tensor::widen(" + at(op.getInput(), std::move(from)) + "));");
  }
  return constant("cumsum", ("tensor::narrow<" + elementDeviceType(value_) + ">(").str() + total + ")");
}

std::string OpWriter::topk(nn::TopKOp op) {
  const ArrayRef<int64_t> shape = shapeOf(op.getInput());
  const int64_t axis = fromZero(static_cast<int64_t>(op.getAxis()), value_), extent = shape[axis];
  const Axes own = axes();
  const auto number = std::to_string(reinterpret_cast<uintptr_t>(op.getOperation()));
  const std::string key = "topk " + number + " at " + writer_.flatOf(index_, shapeOf(value_)).text();
  std::string place = code_.find(key);
  if (place.empty()) {
    const std::string line = code_.newName("line");
    {
      const std::string k = code_.newName("k");
      ScopedCode::Nested body(code_, "const auto " + line + " = [&](" + writer_.indexType_ + " " + k + ") {",
                              CodeScope::Kind::Block, "};");
      body.scope().variables.insert(k);
      Axes from = own;
      from[axis] = IndexExpression::variable(k, extent);
      code_.line("return " + at(op.getInput(), std::move(from)) + ";");
    }
    place = code_.newName("place");
    code_.line("const " + writer_.indexType_ + " " + place + " = tensor::index_in_order<" +
               (op.getSmallest() ? "false" : "true") + ", " + writer_.indexType_ + ">(" + std::to_string(extent) +
               ", " + own[axis].text() + ", " + line + ");");
    code_.current().variables.insert(place);
    code_.current().known[key] = place;
  }
  if (value_.getResultNumber() == 1)
    return constant("topk_index", place);
  Axes from = own;
  from[axis] = IndexExpression::variable(place, extent);
  return at(op.getInput(), std::move(from));
}

} // namespace cadenza
