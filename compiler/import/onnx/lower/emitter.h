// Where the lowering of ONNX nodes puts its ops: into IR, or, for constants, to the references of the ops, at once. So
// a node is written down once (lower.h), and what folding computes is what the ops would.
#pragma once

#include "compiler/import/onnx/graph.h"
#include "compiler/import/onnx/shapes/facts.h"
#include "runtime/reference/functions.h"
#include "runtime/reference/tensor_value.h"
#include "runtime/support/status.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cadenza::onnx {

/// A value that an emitter has made, or one that it was given: an index into its list.
struct Operand {
  uint32_t index = UINT32_MAX;
  bool isThere() const { return index != UINT32_MAX; }
};

/// One method for each op on tensors of the `nn` dialect, with the meaning that runtime/reference/reference.h
/// gives it; axes, and sizes that follow from extents, may be polynomials of those. An op that cannot be made ends it:
/// the first error is kept, and all further operands mean nothing.
class Emitter {
public:
  using Integers = std::span<const int64_t>;

  virtual ~Emitter() = default;

  /// What comes next is made for `node`.
  virtual void begin(const Node &) {}
  /// A number or table that the lowering itself brings.
  virtual Operand constant(nn::TensorValue value) = 0;
  /// A constant of the model, by its name there.
  virtual Operand tensor(const std::string &name, std::shared_ptr<const Tensor> tensor) = 0;
  /// Integers that are known as polynomials of extents.
  virtual Operand elements(ElementType type, const Shape &shape, const Elements &elements) = 0;

  virtual Operand unary(nn::UnaryFunction function, Operand x) = 0;
  virtual Operand binary(nn::BinaryFunction function, Operand a, Operand b) = 0;
  virtual Operand where(Operand condition, Operand a, Operand b) = 0;
  virtual Operand cast(Operand x, ElementType type) = 0;

  virtual Operand reshape(Operand x, const Shape &shape) = 0;
  virtual Operand transpose(Operand x, Integers permutation) = 0;
  virtual Operand slice(Operand x, const std::vector<Polynomial> &starts, const Shape &sizes, Integers steps) = 0;
  virtual Operand concat(std::span<const Operand> parts, int64_t axis) = 0;
  virtual Operand expand(Operand x, const Shape &shape) = 0;
  virtual Operand pad(Operand x, Integers begins, Integers ends, nn::PadMode mode, Operand value) = 0; // may be absent
  virtual Operand trilu(Operand x, bool upper, Operand k) = 0;
  virtual Operand range(Operand start, Operand limit, Operand delta) = 0;

  virtual Operand gather(Operand x, Operand indices, int64_t axis) = 0;
  virtual Operand gatherElements(Operand x, Operand indices, int64_t axis) = 0;
  virtual Operand gatherND(Operand x, Operand indices, int64_t batchDims) = 0;
  virtual Operand scatterElements(Operand x, Operand indices, Operand updates, int64_t axis,
                                  nn::ScatterFunction function) = 0;
  virtual Operand scatterND(Operand x, Operand indices, Operand updates, nn::ScatterFunction function) = 0;
  virtual Operand tensorScatter(Operand cache, Operand update, Operand writeIndices, int64_t axis, bool circular) = 0;

  virtual Operand reduce(nn::ReduceFunction function, Operand x, Integers axes, bool keepDims) = 0;
  virtual Operand argReduce(nn::ArgFunction function, Operand x, int64_t axis, bool keepDims, bool last) = 0;
  virtual Operand softmax(Operand x, int64_t axis) = 0;
  virtual Operand logSoftmax(Operand x, int64_t axis) = 0;
  virtual Operand cumsum(Operand x, int64_t axis, bool exclusive, bool reverse) = 0;
  virtual std::pair<Operand, Operand> topk(Operand x, int64_t k, int64_t axis, bool largest) = 0;

  /// The matrix [rows, columns] of integers `packed` [rows, blocks, bytes], with `scales` [rows, blocks] and `zeros`,
  /// the same or [rows, bytes] of u8, which may be absent (compiler/support/block_quantization.h).
  virtual Operand dequantize(Operand packed, Operand scales, Operand zeros, int64_t bits, int64_t columns) = 0;
  virtual Operand matmul(Operand a, Operand b) = 0;
  virtual Operand layerNormalization(Operand x, Operand scale, Operand bias, int64_t axis, double epsilon) = 0;
  virtual Operand rmsNormalization(Operand x, Operand scale, int64_t axis, double epsilon) = 0;

  /// Ok, or the first error.
  const Status &status() const { return error; }

protected:
  void fail(Status status) {
    if (error.isOk())
      error = std::move(status);
  }

private:
  Status error;
};

} // namespace cadenza::onnx
