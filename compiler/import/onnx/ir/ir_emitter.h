// An emitter that makes ops of the `nn` dialect.
#pragma once

#include "compiler/import/onnx/lower/emitter.h"
#include "compiler/import/onnx/shapes/symbols.h"
#include "compiler/ir/nn/NN.h"

#include "mlir/IR/Builders.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace cadenza::onnx {

class IrEmitter final : public Emitter {
public:
  /// Where constants of the model, known by their names, become weights: the tensors by the name in nn.weight's `from`.
  using Weights = std::map<std::string, std::shared_ptr<const Tensor>>;

  /// What functions of one module share.
  struct Table {
    Weights weights;
    std::map<std::string, std::string> symbols; // of weights, by the same names
    std::set<std::string> taken;                // symbols; from the beginning those that weights cannot have
  };

  struct Options {
    /// The value (tensor<i64>) of an extent that the graph leaves open; null if there is none.
    std::function<mlir::Value(const std::string &name)> extent;
    /// Whether a constant of floats stands in the program, like the tables of rotation, and is no weight.
    std::function<bool(const std::string &name)> isTable;
    /// Whether a constant of any type is part of a quantised matrix, which a weight names. Null: a quantised matrix is
    /// computed by ops.
    std::function<bool(const std::string &name)> isQuantised = {};
    /// How many elements a constant of floats has at most that stands in the program whatever it is.
    int64_t smallFloats = 1;
  };
  /// Ops go to `ops`, weights to `symbols`, which is before the functions, and to `table`.
  IrEmitter(mlir::OpBuilder ops, mlir::OpBuilder symbols, Table &table, const Symbols &extents, Options options);

  /// A value from outside.
  Operand add(mlir::Value value);
  mlir::Value value(Operand operand) const { return values[operand.index]; }

  void begin(const Node &node) override;
  Operand constant(nn::TensorValue value) override;
  Operand tensor(const std::string &name, std::shared_ptr<const Tensor> tensor) override;
  Operand elements(ElementType type, const Shape &shape, const Elements &elements) override;
  Operand unary(nn::UnaryFunction function, Operand x) override;
  Operand binary(nn::BinaryFunction function, Operand a, Operand b) override;
  Operand where(Operand condition, Operand a, Operand b) override;
  Operand cast(Operand x, ElementType type) override;
  Operand reshape(Operand x, const Shape &shape) override;
  Operand transpose(Operand x, Integers permutation) override;
  Operand slice(Operand x, const std::vector<Polynomial> &starts, const Shape &sizes, Integers steps) override;
  Operand concat(std::span<const Operand> parts, int64_t axis) override;
  Operand expand(Operand x, const Shape &shape) override;
  Operand pad(Operand x, Integers begins, Integers ends, nn::PadMode mode, Operand value) override;
  Operand trilu(Operand x, bool upper, Operand k) override;
  Operand range(Operand start, Operand limit, Operand delta) override;
  Operand gather(Operand x, Operand indices, int64_t axis) override;
  Operand gatherElements(Operand x, Operand indices, int64_t axis) override;
  Operand gatherND(Operand x, Operand indices, int64_t batchDims) override;
  Operand scatterElements(Operand x, Operand indices, Operand updates, int64_t axis,
                          nn::ScatterFunction function) override;
  Operand scatterND(Operand x, Operand indices, Operand updates, nn::ScatterFunction function) override;
  Operand tensorScatter(Operand cache, Operand update, Operand writeIndices, int64_t axis, bool circular) override;
  Operand reduce(nn::ReduceFunction function, Operand x, Integers axes, bool keepDims) override;
  Operand argReduce(nn::ArgFunction function, Operand x, int64_t axis, bool keepDims, bool last) override;
  Operand softmax(Operand x, int64_t axis) override;
  Operand logSoftmax(Operand x, int64_t axis) override;
  Operand cumsum(Operand x, int64_t axis, bool exclusive, bool reverse) override;
  std::pair<Operand, Operand> topk(Operand x, int64_t k, int64_t axis, bool largest) override;
  Operand dequantize(Operand packed, Operand scales, Operand zeros, int64_t bits, int64_t columns) override;
  Operand matmul(Operand a, Operand b) override;
  Operand layerNormalization(Operand x, Operand scale, Operand bias, int64_t axis, double epsilon) override;
  Operand rmsNormalization(Operand x, Operand scale, int64_t axis, double epsilon) override;

private:
  /// An op with one result of the type that its rule says; after an error a scalar that means nothing.
  template <typename OpT, typename... Arguments>
  Operand put(const StatusOr<nn::TensorSpec> &type, Arguments &&...arguments);
  Operand nothing();
  nn::TensorSpec spec(Operand operand) const;
  mlir::Value valueOrNull(Operand operand) const { return operand.isThere() ? value(operand) : mlir::Value(); }
  mlir::IntegerAttr integer(int64_t value) { return ops.getI64IntegerAttr(value); }
  mlir::DenseI64ArrayAttr list(Integers values) {
    return ops.getDenseI64ArrayAttr(llvm::ArrayRef<int64_t>(values.data(), values.size()));
  }
  mlir::MLIRContext *context() { return ops.getContext(); }
  mlir::UnitAttr unitIf(bool condition) { return condition ? ops.getUnitAttr() : mlir::UnitAttr(); }

  /// A polynomial as a value, tensor<i64>; nothing if one of its symbols has none.
  Operand scalar(const Polynomial &polynomial);
  Operand scalar(SymbolId symbol);
  mlir::OpFoldResult scalarOrNumber(const Polynomial &polynomial);
  Operand weight(const std::string &name, std::shared_ptr<const Tensor> tensor);
  /// `name`, or what nothing else is called.
  std::string symbolFor(std::string name);
  /// The name of the tensor that a weight is, under reshapes; empty: it is none.
  std::string sourceOf(Operand operand) const;

  mlir::OpBuilder ops, symbols;
  mlir::Location location;
  Table &table;
  const Symbols &extents;
  Options options;
  std::vector<mlir::Value> values;
  std::map<std::string, Operand> scalars;                 // by the text of their polynomial
  llvm::DenseMap<mlir::Operation *, std::string> sources; // of nn.get_weight ops: names of tensors
  std::map<std::string, Operand> matrices;                // quantised ones, by their tensors and encoding
};

} // namespace cadenza::onnx
