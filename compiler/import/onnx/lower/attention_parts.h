// What lowerings of attention are made of. B batch, S positions of queries, L of keys and values, H heads, D their
// size.
#pragma once

#include "compiler/import/onnx/lower/node_lowering.h"

namespace cadenza::onnx::lower {

/// Input i as [B, H, S, D], of [B, S, H * D] if it has three axes.
Operand asHeads(NodeLowering &node, size_t i, int64_t heads);
/// [B, kv, L, D] to [B, kv * groups, L, D]: every head `groups` times.
Operand repeatHeads(NodeLowering &node, Operand x, const Shape &shape, int64_t groups);
/// 0, 1, ... up to an extent, as `shape`.
Operand positions(NodeLowering &node, const Extent &extent, const Shape &shape);
/// How X [B, S, H, D] (or [B, H, S, D]) is turned: the first `rotated` of D, by tables that broadcast to
/// [..., rotated / 2], pairs next to each other or half apart.
Operand rotate(NodeLowering &node, Operand x, const Shape &shape, int64_t rotated, bool interleaved, Operand cos,
               Operand sin);
/// Of x, which has that shape, `size` elements of an axis from `start` on, at a distance of `step`.
Operand part(NodeLowering &node, Operand x, const Shape &shape, size_t axis, const Polynomial &start,
             const Extent &size, int64_t step = 1);

} // namespace cadenza::onnx::lower
