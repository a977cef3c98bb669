// Where the elements of products lie: dimensions with their strides in each tensor that takes part.
#pragma once

#include "compiler/ir/step/StridedView.h"

namespace cadenza {

/// A dimension of a product: its extent, and how far neighbours along it are apart, in elements: in A and B (0 where
/// they repeat), in what is stored, and in the row-major order of the product's own result.
struct ProductDimension {
  int64_t extent;
  int64_t a = 0, b = 0, stored = 0, place = 0;
};

/// Where a value that a fusion yields is computed, before it is only moved: the operand of the first transpose of the
/// movement at its end, or the value itself.
mlir::Value beforeMovement(mlir::Value yielded);

/// `dimensions`, outermost first, of a result that becomes `computed` without changing places, and is stored as
/// `yielded`: each divided into the axes of `computed`, innermost last, with their `stored` strides. Nothing if axes
/// run over several dimensions, or if the movement is none of strides.
std::optional<std::vector<llvm::SmallVector<ProductDimension>>>
storedDimensions(llvm::ArrayRef<ProductDimension> dimensions, mlir::Value computed, mlir::Value yielded);

/// Whether products on tensor cores take elements of that type.
bool isMultiplied(mlir::Value value);

} // namespace cadenza
