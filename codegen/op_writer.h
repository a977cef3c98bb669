// An element of the result of one op (element_writer.h). Private to the writer of elements.
#pragma once

#include "codegen/element_writer.h"

namespace cadenza {

class OpWriter {
public:
  /// `index` is that of an element of `value`, in whose scope statements are written. `path`: what moves the element.
  OpWriter(ElementWriter &writer, mlir::OpResult value, TensorIndex &index, const std::vector<std::string> &path)
      : writer_(writer), code_(writer.code), value_(value), index_(index), path_(path) {}

  /// The name of the element.
  std::string write();

private:
  using Axes = std::vector<IndexExpression>;

  // Elementwise and movement (op_writer.cpp).
  std::string elementwise(llvm::StringRef function);
  std::string castTo(nn::CastOp op);
  std::string transpose(nn::TransposeOp op);
  std::string slice(nn::SliceOp op);
  std::string concat(nn::ConcatOp op);
  std::string pad(nn::PadOp op);
  std::string trilu(nn::TriluOp op);
  std::string range(nn::RangeOp op);
  // By index (op_writer_indexing.cpp).
  std::string gather(nn::GatherOp op);
  std::string gatherElements(nn::GatherElementsOp op);
  std::string gatherND(nn::GatherNDOp op);
  std::string scatterElements(nn::ScatterElementsOp op);
  std::string scatterND(nn::ScatterNDOp op);
  std::string tensorScatter(nn::TensorScatterOp op);
  // With a loop (op_writer_loops.cpp).
  std::string matmul(nn::MatMulOp op);
  std::string cumsum(nn::CumSumOp op);
  std::string topk(nn::TopKOp op);

  const Axes &axes() { return writer_.axesOf(index_, shapeOf(value_)); }
  /// The index of the element of `operand`, which broadcasts to the result.
  TensorIndex broadcast(mlir::Value operand) { return writer_.broadcastIndex(index_, shapeOf(value_), operand); }
  /// The element of `operand` at these indices, or at that number.
  std::string at(mlir::Value operand, Axes axes) { return writer_.element(operand, {std::move(axes), std::nullopt}); }
  std::string at(mlir::Value operand, const IndexExpression &flat) {
    return writer_.element(operand, {std::nullopt, flat});
  }
  /// The element that an op of movement takes, which is that of its own element.
  std::string moved(std::string what, mlir::Value operand, TensorIndex index);

  /// Declares the element as a constant of that value.
  std::string constant(llvm::StringRef name, const std::string &expression);
  /// Declares the element as a variable of that value.
  std::string variable(llvm::StringRef name, const std::string &expression);
  /// A counting loop around what is written while the object lives; its variable counts to `count`, an expression.
  struct Loop {
    /// `count` is at most `most`.
    Loop(OpWriter &writer, const std::string &count, int64_t most, llvm::StringRef pragma = "");
    std::string name;
    ScopedCode::Nested nested;
    IndexExpression index;
  };

  /// A variable of the value of an index that is data; from the end if it is negative.
  IndexExpression checkedIndex(const std::string &element, int64_t extent, llvm::ArrayRef<IndexExpression> where);
  /// `value = f(value, update)` in what is computed.
  void update(nn::ScatterFunction function, const std::string &value, const std::string &update);

  ElementWriter &writer_;
  ScopedCode &code_;
  mlir::OpResult value_;
  TensorIndex &index_;
  const std::vector<std::string> &path_;
};

/// An axis from 0 on.
inline int64_t fromZero(int64_t axis, mlir::Value value) {
  return axis < 0 ? axis + static_cast<int64_t>(shapeOf(value).size()) : axis;
}

/// "[0, 2, 1, 3]", "1x12x128x64", for comments.
std::string listText(llvm::ArrayRef<int64_t> numbers);
std::string shapeText(mlir::Value value);

} // namespace cadenza
