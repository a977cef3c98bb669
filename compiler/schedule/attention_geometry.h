// The attention of a fusion (codegen/kernels/attend_sequence.cuh): queries, keys and values as strided matrices, and
// how it is divided.
#pragma once

#include "compiler/schedule/element_places.h"
#include "compiler/schedule/launch_geometry.h"
#include "runtime/shared/graph_tiles.h"

#include <optional>

namespace cadenza {

struct AttentionPlan {
  mlir::Value products;     // of queries and keys
  mlir::Value softmaxInput; // what the function of a score ends with
  int64_t batches, heads, queries, keys, headDim;
  /// [batch][head][row][element]
  struct Operand {
    mlir::Value source; // null: the result
    int64_t offset, batchStride, headStride, rowStride, elementStride;
  };
  Operand q, k, v, output;
  std::optional<int64_t> causalOffset; // query i sees keys up to i + that; what hides the others is no part of a score
  bool zeroMaskedRows;                 // a row without keys is 0, not NaN
  AttendTiles tiles;

  LaunchGeometry geometry() const;
};

/// The plan of a fusion of that kind; nothing if kernels cannot do it.
std::optional<AttentionPlan> attentionOf(step::FusionOp fusion);

} // namespace cadenza
