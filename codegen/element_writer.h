// Elements of tensors as generated code: what the element of a value at an index is, by recursion over the ops of a
// fusion's body. Ops that move elements change the index, elementwise ops become a call of the device function of their
// name (kernels/tensor_functions.cuh), and what sums or searches becomes a loop.
#pragma once

#include "codegen/code_scope.h"
#include "codegen/emitter.h"

namespace cadenza {

/// The device type of elements of a tensor: "float", "bf16", "int64_t", "bool", ...
llvm::StringRef elementDeviceType(mlir::Value value);
/// The type that kernels compute with in their place: "float" for "bf16".
std::string computedType(mlir::Value value);
/// A C++ literal of exactly that type and value.
std::string elementLiteral(mlir::DenseElementsAttr constant, int64_t element);

llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);
int64_t elementsOf(llvm::ArrayRef<int64_t> shape);

/// An element of a tensor: by its index on each axis, by its number, or by both.
struct TensorIndex {
  std::optional<std::vector<IndexExpression>> axes;
  std::optional<IndexExpression> flat;
};

class ElementWriter {
public:
  /// `indexType` is that of indices in the code.
  explicit ElementWriter(llvm::StringRef indexType) : indexType_(indexType) {}
  virtual ~ElementWriter() = default;

  /// A pointer that the kernel gets.
  struct Parameter {
    std::string type, name; // "const float", "input_0"
    PhaseArgument argument;
    uint64_t constantBytes = 0; // of a weight
  };
  std::vector<Parameter> parameters; // in the order in which they are read first
  std::vector<std::string> tables;   // constants that lie in memory, as declarations
  ScopedCode code;

  /// The name of a pointer to what `argument` says, as code reads it: "args.input_0".
  std::string addParameter(std::string type, const std::string &name, PhaseArgument argument);

  /// Lines that ask for the small weights among the parameters to be in the cache, before any element is read.
  std::vector<std::string> prefetches() const;

  /// The name or the literal of an element. Its statements stand where they can first be.
  std::string element(mlir::Value value, TensorIndex index);

  /// The index of an element on each axis of a tensor of that shape, and its number.
  const std::vector<IndexExpression> &axesOf(TensorIndex &index, llvm::ArrayRef<int64_t> shape);
  const IndexExpression &flatOf(TensorIndex &index, llvm::ArrayRef<int64_t> shape);

  /// The index of the element of `operand`, which broadcasts to a tensor of shape `to`, at `index` of that tensor.
  TensorIndex broadcastIndex(TensorIndex &index, llvm::ArrayRef<int64_t> to, mlir::Value operand);

  /// Whether an error has been reported.
  bool hasFailed() const { return failed_; }

protected:
  /// The element of a reduction, for whoever has computed it before. This one reports that nobody has.
  virtual std::string reduced(mlir::OpResult value, TensorIndex &index);

  /// What an element is kept under in scopes.
  std::string keyOf(mlir::Value value, const IndexExpression &flat);

  std::string indexType_;
  bool failed_ = false;

private:
  friend class OpWriter;
  /// `comment` says how the element came there.
  std::string load(mlir::Value value, const std::string &pointer, const IndexExpression &flat,
                   const std::string &comment);
  /// The pointer to a value that lies in memory: an input, a weight, a table.
  std::string pointerTo(mlir::Value value);
  /// A new variable of the code, of that value; with `extent`, of the value of an expression that uses `indices`.
  IndexExpression defined(const IndexExpression &value);
  IndexExpression defined(llvm::StringRef name, const std::string &expression, int64_t extent,
                          llvm::ArrayRef<IndexExpression> indices);

  llvm::DenseMap<mlir::Value, std::string> pointers_;
  llvm::DenseMap<mlir::Value, unsigned> numbers_; // of values, for keys
  std::vector<std::string> path_;                 // what moves the element that is written next, last first
};

} // namespace cadenza
