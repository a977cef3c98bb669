// Where the elements of a value in a fusion's body lie in what the value was moved from.
#pragma once

#include "compiler/ir/step/Step.h"

#include <optional>

namespace cadenza::step {

/// The element at index i is the one at offset + sum of i[axis] * strides[axis] of `source`, row-major.
struct StridedView {
  mlir::Value source; // an input of the fusion, a weight, a constant, or what an op computes that moves nothing
  int64_t offset = 0;
  llvm::SmallVector<int64_t> strides; // of each axis of the value; 0 where it repeats, and where its extent is 1
};

/// The view that reshapes, transposes, static slices and expansions make of their source. A reshape is one if each of
/// its axes runs through axes of its operand that lie one in the other without gaps. Movement that is no view ends the
/// walk: what it makes is a source of its own.
StridedView stridedView(mlir::Value value);

/// The same for an axis order and shape that a chain of such ops, from `from` to `to`, gives: where the element of
/// `from` at row-major place p lies in `to`, as strides of `from`'s axes. Nothing if the chain from `to` does not end
/// at `from`, leaves elements out, or repeats some.
std::optional<llvm::SmallVector<int64_t>> placesIn(mlir::Value from, mlir::Value to);

} // namespace cadenza::step
