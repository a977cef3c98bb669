// The `step` dialect (StepDialect.td, StepInterfaces.td, StepAttrs.td, StepOps.td).
#pragma once

#include "compiler/ir/nn/NN.h"
#include "runtime/shared/encoding.h"
#include "runtime/support/encoding_name.h"

#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"

#include "llvm/ADT/StringExtras.h"

namespace cadenza::step {

class WeightEncodingAttrInterface;

/// The encoding of matrices of that name, if there is one.
std::optional<Encoding> findEncoding(llvm::StringRef name);
/// The attribute of an encoding of matrices.
WeightEncodingAttrInterface encodingAttr(mlir::MLIRContext *context, const Encoding &encoding);

// What attributes of encodings are made of. Their parameters: columns of a group; whether groups have zeros; the type
// of groups' scales, null for the usual one.
Encoding encodingWith(Encoding::Kind kind, int64_t group, bool zeros, mlir::Type scale);
llvm::LogicalResult verifyEncoding(llvm::function_ref<mlir::InFlightDiagnostic()> emitError, Encoding::Kind kind,
                                   int64_t group, bool zeros, mlir::Type scale);
/// The device functor (codegen/kernels/encodings.cuh), given the device's type of the vector.
std::string deviceTypeOf(const Encoding &encoding, llvm::StringRef operand);

/// Finds what symbols stand for; inside step.layers a table stands for its entries.
class SymbolLookup {
public:
  SymbolLookup(mlir::Operation *user, mlir::SymbolTableCollection &symbols) : user(user), symbols(&symbols) {}

  /// The type of the weight, or of the weights of the table, that `reference` names; null if it names something else.
  mlir::RankedTensorType weightType(mlir::FlatSymbolRefAttr reference) const;
  /// How that weight, or those of the table, is stored; `reference` names a matrix.
  WeightEncodingAttrInterface encoding(mlir::FlatSymbolRefAttr reference) const;
  /// The cache, or the first of the caches of the table, that `reference` names; null if it names something else.
  nn::CacheOp cache(mlir::FlatSymbolRefAttr reference) const;
  /// Whether it is a cache that keeps its last positions only, or a table with one that does.
  bool isRing(mlir::FlatSymbolRefAttr reference) const;
  /// The scalar, or the first of the scalars of the table, that `reference` names; null if it names something else.
  nn::ScalarOp scalar(mlir::FlatSymbolRefAttr reference) const;

private:
  /// The op itself, or the first entry of a table.
  mlir::Operation *resolve(mlir::FlatSymbolRefAttr reference) const;

  mlir::Operation *user;
  mlir::SymbolTableCollection *symbols;
};

/// What a function sums, or compares, to compute an element of its result.
enum class Reduction {
  None,   // nothing
  Group,  // the run of FunctionAttrInterface::getRowGroup() elements that the element is in
  Vector, // the whole vector
};

} // namespace cadenza::step

#include "compiler/ir/step/StepAttrInterfaces.h.inc"
#include "compiler/ir/step/StepOpInterfaces.h.inc"

#include "compiler/ir/step/StepDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/ir/step/StepAttrs.h.inc"
#define GET_OP_CLASSES
#include "compiler/ir/step/StepOps.h.inc"

namespace cadenza::step {

/// How a matrix is stored: its `step.encoding`, or tiles16.
WeightEncodingAttrInterface encodingOf(nn::WeightOp weight);
/// How many positions a cache keeps (`step.positions`), 0: all.
int64_t positionsOf(nn::CacheOp cache);

/// What kind of kernel computes a fusion: a function of its body.
enum class FusionKind {
  Map,  // elementwise and movement ops only: an element of a result follows from elements of the inputs
  Rows, // reductions over the last axes, all of one number of elements, and elementwise ops on the same rows
  // A matmul of views, elementwise ops on its elements, and movement that only says where they are stored; or several
  // such of one left operand, side by side.
  Product,
  // A matmul of views, elementwise ops on these scores, softmax along their last axis, a guard against its NaN, and a
  // matmul with a view, stored as a product's result is.
  Attention,
  Single, // anything else, such as one topk
};
FusionKind fusionKind(FusionOp fusion);

} // namespace cadenza::step
