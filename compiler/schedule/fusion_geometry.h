// How a fusion becomes a grid, and which rows its reductions share.
#pragma once

#include "compiler/ir/step/Step.h"
#include "compiler/schedule/launch_geometry.h"

namespace cadenza {

/// The rows that the reductions of a fusion work on: groups of elements of a tensor of `shape` that differ in the
/// reduced axes only.
struct RowSpace {
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<bool> isReduced;
  int64_t rows = 1, columns = 1;

  /// Whether rows are runs of elements: then an element of any tensor of rows x columns elements is in the same place.
  bool isContiguous() const;
};

/// Whether an op reduces rows: reduce, arg_reduce, softmax, log_softmax, and normalizations.
bool isReduction(mlir::Operation &op);

/// The rows of a fusion's reductions. Nothing if it has none, or if they are of different rows.
std::optional<RowSpace> rowSpaceOf(step::FusionOp fusion);

struct FusionGeometry : LaunchGeometry {
  int64_t pack = 1;  // neighbouring elements that a thread computes together
  int64_t lanes = 0; // threads that share a row; 0: the fusion reduces no rows
};

/// A thread for each element of the results, or for a pack of them; or 1, 32 or more threads for each row; or, of
/// products and attention on tensor cores, as those are divided; `clusters`: see productsOf. An error at the fusion if
/// kernels cannot do that.
llvm::FailureOr<FusionGeometry> geometryOf(step::FusionOp fusion, bool clusters);

} // namespace cadenza
