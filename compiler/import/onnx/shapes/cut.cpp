#include "compiler/import/onnx/shapes/cut.h"

namespace cadenza::onnx {
namespace {

/// Bounds from here on mean "to the end", whatever the extent; no tensor is so long.
constexpr int64_t endless = INT32_MAX;

/// `bound` counted from the start of the axis; `first` or `last` where it is endless.
Polynomial counted(const Symbols &symbols, const Polynomial &bound, const Polynomial &extent, const Polynomial &first,
                   const Polynomial &last) {
  if (symbols.isAtLeast(bound, endless))
    return last;
  if (symbols.isAtMost(bound, -endless))
    return first;
  if (symbols.isAtLeast(bound, 0))
    return bound;
  return symbols.isAtMost(bound, -1) ? bound + extent : Polynomial::unknown();
}

} // namespace

Cut cutOf(Symbols &symbols, const Polynomial &extent, const Polynomial &start, const Polynomial &end, int64_t step) {
  const bool forward = step > 0;
  const Polynomial last = extent - 1;
  Polynomial from = counted(symbols, start, extent, 0, forward ? extent : last);
  Polynomial to = counted(symbols, end, extent, forward ? 0 : -1, extent);
  // Only what is cut off is clamped: a start behind the end leaves nothing anyway.
  from = forward ? symbols.maximum(from, 0) : symbols.minimum(from, last);
  to = forward ? symbols.minimum(to, extent) : symbols.maximum(to, -1);
  const Polynomial distance = symbols.maximum(forward ? to - from : from - to, 0);
  const Polynomial stride = forward ? Polynomial(step) : Polynomial(0) - step;
  return {from, symbols.floorDivide(distance + stride - 1, stride)};
}

} // namespace cadenza::onnx
