// What passes that raise ops on tensors to those of a decoder look for: constants, sums and products in any order of
// operands, weights under casts and transposes.
#pragma once

#include "compiler/ir/nn/NN.h"

#include "mlir/IR/PatternMatch.h"

#include <optional>

namespace cadenza::raise {

/// The one number that `value` is in all of its elements: a constant of floats or integers, under reshapes, expands and
/// casts between float types.
std::optional<double> constantOf(mlir::Value value);

/// Whether a constant of a graph is meant to be `exact`: within a unit in the last place of fp32, or `exact` rounded to
/// f16 or bf16, in which a graph may have held it.
bool isRounded(double constant, double exact);

/// The shortest decimal number that has the same value in fp32: 1e-5 for 9.99999974737875e-06, which is how a
/// configuration said it before fp32 held it. A number that is not one of fp32 stays as it is.
double shortestDecimal(double number);

/// `value` as a result of nn.unary or nn.binary with that function; null.
nn::UnaryOp unary(mlir::Value value, nn::UnaryFunction function);
nn::BinaryOp binary(mlir::Value value, nn::BinaryFunction function);

/// `value` = operand `function` constant, with the constant on either side if the function commutes (add, mul).
struct WithConstant {
  mlir::Value operand;
  double constant;
};
std::optional<WithConstant> withConstant(mlir::Value value, nn::BinaryFunction function);

/// The operands of a sum or a product (`function`), and in the other order.
llvm::SmallVector<std::pair<mlir::Value, mlir::Value>, 2> bothOrders(mlir::Value value, nn::BinaryFunction function);

/// A product as its constant and its other factors, through nested products, quotients by constants and powers with
/// small whole exponents; but a factor that is `leaf` is not taken apart.
struct Product {
  double constant = 1;
  llvm::SmallVector<std::pair<mlir::Value, int>> factors; // each with its exponent, different from each other

  /// The exponent of `value`, 0 if it is no factor.
  int exponentOf(mlir::Value value) const;
};
Product productOf(mlir::Value value, mlir::Value leaf = nullptr);

/// What `value` is a reshape of, or `value` itself.
mlir::Value withoutReshapes(mlir::Value value);

/// The type if it is one that ops of a decoder take and make: f32, of static shape, of rank 1 or more.
mlir::RankedTensorType activationType(mlir::Value value);

/// A reshape of `value` to `type`, or `value` itself if it has that type.
mlir::Value reshaped(mlir::OpBuilder &builder, mlir::Location location, mlir::Value value, mlir::RankedTensorType type);

/// The weight that an operand is.
struct MatchedWeight {
  nn::WeightOp weight;
  bool transposed = false; // the operand is the weight, a matrix, with its axes exchanged
};

/// The floats of an nn.weight that `value` is, under casts that lose nothing, transposes of a matrix, and reshapes of a
/// vector that add extents of 1.
std::optional<MatchedWeight> matchWeight(mlir::Value value);

/// The vector of `elements` that `value` is, as a weight that an op can name: an nn.weight, or a constant, which
/// becomes one. Null if it is neither.
nn::WeightOp vectorWeight(mlir::Value value, int64_t elements, mlir::OpBuilder &builder);

/// Weights below are parts of the tensors that others are bound to. They get symbols of their own; the same part of the
/// same tensor has one symbol.

/// The matrix with its axes exchanged; null if #nn.view cannot say that.
nn::WeightOp transposedWeight(nn::WeightOp matrix, mlir::OpBuilder &builder);
/// Runs of `run` rows of a matrix or elements of a vector, `rows` in all: the first begins at `first`, each next one is
/// `stride` after the one before. Null if #nn.view cannot say that.
nn::WeightOp weightRows(nn::WeightOp weight, int64_t rows, int64_t first, int64_t run, int64_t stride,
                        mlir::OpBuilder &builder);

} // namespace cadenza::raise
