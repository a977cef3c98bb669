// What Slice takes of one axis.
#pragma once

#include "compiler/import/onnx/shapes/symbols.h"

namespace cadenza::onnx {

/// Elements start, start + step, ..., `size` of them; unknown where it depends on what is not known.
struct Cut {
  Polynomial start, size;
};

/// The elements from `start` up to `end`, which does not belong to it, as the node writes them: negative ones count
/// from the end, and what lies outside of the axis is cut off. `step` is not 0.
Cut cutOf(Symbols &symbols, const Polynomial &extent, const Polynomial &start, const Polynomial &end, int64_t step);

} // namespace cadenza::onnx
