// Recognising by evaluation: what a part of a function computes is found out by running it on chosen values, so that it
// makes no difference how an exporter spelled it.
#pragma once

#include "compiler/ir/nn/Evaluate.h"
#include "compiler/ir/nn/TensorValues.h"

#include <optional>

namespace cadenza::raise {

/// What a value of a decoder's step depends on.
enum class Dependence {
  Constants, // nothing but the model
  Position,  // how many tokens stand before this one, too
  Sequence,  // the tokens themselves
};

class Dependences {
public:
  /// Of values of `function`, whose argument `position` is the token's position (null: nothing depends on it alone).
  explicit Dependences(mlir::Value position) : position(position) {}
  Dependence of(mlir::Value value);
  /// Whether any operand of `op` depends on the sequence.
  bool takesSequence(mlir::Operation *op);

private:
  mlir::Value position;
  llvm::DenseMap<mlir::Value, Dependence> known;
};

/// Whether `value`, of constants and the position, changes with the position as few positions show: the ops between are
/// sums and products with constants, cosines and sines, and movements. Comparisons, minima, quotients and the like
/// may decide otherwise at a position that nobody looks at.
bool changesSteadily(mlir::Value value, Dependences &dependences);

/// The argument that is the position of a decoder's step: what is passed to nn.past_length, or the port of an entry;
/// null.
mlir::Value positionOf(mlir::func::FuncOp function);

/// The values of constant weights that are stored with the model, for who has it at hand; none: they are not read.
using WeightReader = nn::EvaluationState::TensorReader;

/// Runs slices of one function at positions. Errors of the references are no diagnostics: who asks decides whether a
/// slice that cannot be run is one.
class SliceRunner {
public:
  SliceRunner(mlir::ModuleOp module, mlir::Value position, const WeightReader &reader);

  /// The value of `value` in the step at `position`, given `bindings` of values of the sequence.
  std::optional<nn::TensorValue> run(mlir::Value value, int64_t position, nn::Bindings bindings = {});
  /// Why the last one did not run.
  const std::string &error() const { return message; }

private:
  mlir::Value position;
  nn::EvaluationState state;
  std::string message;
};

/// `elements` made-up numbers of [-1, 1) with few bits, so that sums and products of them lose little.
std::vector<double> madeUp(int64_t elements, uint64_t seed);

/// A value of the type of `value`, whose open extent, if there is one, is `extent`.
nn::TensorValue valueLike(mlir::Value value, llvm::ArrayRef<double> elements, int64_t extent = 0);
/// How many elements such a value has.
int64_t elementsOf(mlir::Value value, int64_t extent = 0);

/// `value`, which has as many elements, as a row tensor<1xNxf32> at the builder's place: itself, what it was reshaped
/// from, or a reshape of it.
mlir::Value asRow(mlir::OpBuilder &builder, mlir::Location location, mlir::Value value);

/// Erases the ops of `function` whose results nobody uses and that do nothing else.
void eraseDead(mlir::func::FuncOp function);

} // namespace cadenza::raise
