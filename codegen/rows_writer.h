// The code of a fusion that reduces rows: a team of threads a row. Each reduction is a loop over the columns, whose
// operand is kept in registers where it fits; elementwise ops before and after are written where they are needed.
#pragma once

#include "codegen/element_writer.h"
#include "compiler/schedule/fusion_geometry.h"

namespace cadenza {

class RowsWriter final : public ElementWriter {
public:
  /// A thread takes `pack` neighbours of a row together; `lanes` threads share it.
  RowsWriter(llvm::StringRef indexType, step::FusionOp fusion, RowSpace space, int64_t pack, int64_t lanes);

  /// Writes everything to `code`. `outputs`: pointers to the results.
  void write(llvm::ArrayRef<std::string> outputs);

protected:
  std::string reduced(mlir::OpResult value, TensorIndex &index) override;

private:
  using WriteColumn = llvm::function_ref<void()>;

  /// Writes a loop over this lane's columns of the row. `before` and `after` are written around the loop over a pack.
  void forEachColumn(WriteColumn column, WriteColumn before = [] {}, WriteColumn after = [] {});
  void forEachOfPack(WriteColumn column, WriteColumn before, WriteColumn after);
  /// The element of a tensor of that shape in this row and column.
  TensorIndex here(llvm::ArrayRef<int64_t> shape);

  void reduce(mlir::Operation &op);
  std::string reduceTo(nn::ReduceOp op);
  /// The part (kernels/tensor_rows.cuh) of a row of `operand`: the name of the merged one. `arguments` follow the
  /// element in take().
  std::string part(llvm::StringRef name, const std::string &type, mlir::Value operand,
                   const std::string &arguments = "");
  std::string constant(llvm::StringRef name, const std::string &type, const std::string &expression);

  void writeColumns(llvm::ArrayRef<std::string> outputs, llvm::ArrayRef<unsigned> results);

  step::FusionOp fusion_;
  RowSpace space_;
  int64_t pack_, lanes_, items_; // items: packs of a row that a lane has at most
  IndexExpression row_, column_;
  IndexExpression item_;      // of this lane: where it keeps the column
  bool keepsOperand_ = false; // of the reduction that is written
  /// Of a reduction: its result; or largest and total, mean and deviation.
  llvm::DenseMap<mlir::Operation *, std::vector<std::string>> reductions_;
};

} // namespace cadenza
