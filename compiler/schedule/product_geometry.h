// The matmuls of a fusion as products on tensor cores (codegen/kernels/matmul.cuh): their operands as strided matrices,
// where results are stored, and how they are divided.
#pragma once

#include "compiler/schedule/element_places.h"
#include "compiler/schedule/launch_geometry.h"
#include "runtime/shared/graph_tiles.h"

namespace cadenza {

/// C[batch..][rows][columns] = A[batch..][rows][depth] · B[batch..][depth][columns]. A batch is any dimension that is
/// not the matrices' own, such as the heads that the columns of a weight are divided into.
struct ProductPlan {
  mlir::Value product;  // what the matmul makes
  unsigned result;      // of the fusion
  mlir::Value computed; // what the epilogue ends with: result `result` before it is moved
  step::StridedView a, b;
  ProductDimension rows, columns;
  int64_t depth, aDepth, bDepth; // its extent, and its strides
  llvm::SmallVector<ProductDimension> batch;
  MatmulTiles tiles;

  int64_t batches() const;
  LaunchGeometry geometry() const;
};

/// The plans of a fusion whose results are matmuls of floats of 16 or 32 bits with elementwise ops after them. All have
/// the same tiles: one launch computes them, by the blocks of the first, then those of the second, and so on. Empty for
/// any other fusion. `clusters`: whether every GPU that runs it has thread block clusters, whose blocks may then divide
/// the depth.
std::vector<ProductPlan> productsOf(step::FusionOp fusion, bool clusters);
LaunchGeometry geometryOf(llvm::ArrayRef<ProductPlan> products);

} // namespace cadenza
