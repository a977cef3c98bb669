// Norms, recurrences, transforms: operators that are layers of their own.
#include "compiler/import/onnx/shapes/infer.h"

#include <string>

namespace cadenza::onnx::infer {
namespace {

/// The shape with the axes from `axis` on as 1: of what a norm computes once a row.
Shape rowsOf(Shape shape, size_t axis) {
  for (size_t i = axis; i < shape.size(); ++i)
    shape[i] = 1;
  return shape;
}

/// Files it unless input i, if it is there, broadcasts to input 0.
bool broadcastsToInput(NodeInference &node, size_t i) {
  if (!node.has(i))
    return true;
  const auto shape = node.broadcast(node.shape(0), node.shape(i));
  if (!shape)
    return false;
  for (size_t axis = 0; axis < shape->size(); ++axis)
    if (shape->size() != node.shape(0).size() || node.symbols.differ((*shape)[axis], node.shape(0)[axis])) {
      node.invalid("input " + std::to_string(i) + " of shape " + node.symbols.text(node.shape(i)) +
                   " does not broadcast to " + node.symbols.text(node.shape(0)));
      return false;
    }
  return true;
}

/// Type of the statistics: stash_type, or f32.
std::optional<ElementType> stashType(NodeInference &node) {
  const auto type = node.elementType("stash_type");
  return node.failed() ? std::nullopt : std::optional(type.value_or(ElementType::f32));
}

} // namespace

void layerNormalization(NodeInference &node) {
  const auto axis = node.axis(node.integer("axis", -1), node.rank(0));
  const auto stash = axis ? stashType(node) : std::nullopt;
  if (!stash || !broadcastsToInput(node, 1) || !broadcastsToInput(node, 2))
    return;
  node.set(0, node.type(0), node.shape(0));
  node.set(1, *stash, rowsOf(node.shape(0), *axis)); // mean
  node.set(2, *stash, rowsOf(node.shape(0), *axis)); // 1 / standard deviation
}

void rmsNormalization(NodeInference &node) {
  if (node.axis(node.integer("axis", -1), node.rank(0)) && broadcastsToInput(node, 1))
    node.set(0, node.type(1), node.shape(0));
}

void simplifiedLayerNormalization(NodeInference &node) {
  const auto axis = node.axis(node.integer("axis", -1), node.rank(0));
  const auto stash = axis ? stashType(node) : std::nullopt;
  if (!stash || !broadcastsToInput(node, 1))
    return;
  node.set(0, node.type(1), node.shape(0));
  node.set(1, *stash, rowsOf(node.shape(0), *axis));
}

void skipNormalization(NodeInference &node) { // input, skip, gamma, ...; the sum is output 3
  if (!node.hasRank(0, 2, 3) || !node.sameType(0, 1) || !broadcastsToInput(node, 1))
    return;
  for (size_t i = 2; i < node.inputs(); ++i)
    if (!broadcastsToInput(node, i))
      return;
  const Shape rows = rowsOf(node.shape(0), node.shape(0).size() - 1);
  node.set(0, node.type(0), node.shape(0));
  node.set(1, ElementType::f32, rows);
  node.set(2, ElementType::f32, rows);
  node.set(3, node.type(0), node.shape(0));
}

void embedLayerNormalization(NodeInference &node) {
  if (!node.hasRank(0, 2) || !node.hasRank(2, 2))
    return;
  const Shape &ids = node.shape(0); // [B, S]
  const Shape hidden = {ids[0], ids[1], node.shape(2)[1]};
  node.set(0, node.type(2), hidden);
  node.set(1, ElementType::i32, {ids[0]});
  node.set(2, node.type(2), hidden);
}

void batchNormalization(NodeInference &node) { // X, scale, bias, mean, variance
  if (!node.hasRank(0, 1, INT64_MAX))
    return;
  const Extent channels = node.rank(0) > 1 ? node.shape(0)[1] : Extent(1);
  for (size_t i = 1; i < 5; ++i) {
    if (!node.hasRank(i, 1))
      return;
    node.same(channels, node.shape(i)[0], "the channels of input 0 and the elements of input " + std::to_string(i));
  }
  node.set(0, node.type(0), node.shape(0));
  node.set(1, node.type(3), {channels});
  node.set(2, node.type(4), {channels});
}

void channelNormalization(NodeInference &node) {
  if (node.hasRank(0, 2, INT64_MAX) && node.hasRank(1, 1) && node.hasRank(2, 1))
    node.set(0, node.type(0), node.shape(0));
}

void recurrent(NodeInference &node) { // X, W, R, ...
  if (!node.hasRank(0, 3) || !node.hasRank(1, 3) || !node.hasRank(2, 3))
    return;
  const bool batchFirst = node.integer("layout", 0) != 0;
  const Shape &x = node.shape(0);
  const Extent &sequence = x[batchFirst ? 1 : 0], &batch = x[batchFirst ? 0 : 1];
  const Extent directions = node.shape(1)[0], hidden = node.shape(2)[2];
  if (const auto written = node.integer("hidden_size"))
    node.same(hidden, *written, "attribute 'hidden_size' and the last extent of input 2");
  const Shape state = batchFirst ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  node.set(0, node.type(0),
           batchFirst ? Shape{batch, sequence, directions, hidden} : Shape{sequence, directions, batch, hidden});
  node.set(1, node.type(0), state);
  node.set(2, node.type(0), state);
}

void dft(NodeInference &node) { // X [..., 1 or 2], length, axis
  const bool axisIsInput = node.node.version->since >= 20;
  int64_t written = node.integer("axis", axisIsInput ? -2 : 1);
  if (axisIsInput && node.has(2)) {
    const auto input = node.numbers(2);
    if (!input || input->size() != 1)
      return node.unsupported("an axis that is no constant is not supported");
    written = input->front();
  }
  const auto axis = node.axis(written, node.rank(0));
  if (!axis || !node.hasRank(0, 2, INT64_MAX))
    return;
  Shape shape = node.shape(0);
  const bool oneSided = node.integer("onesided", 0) != 0, inverse = node.integer("inverse", 0) != 0;
  if (node.has(1)) {
    const Elements *length = node.parameter(1);
    shape[*axis] = length && length->size() == 1 ? length->front() : Extent::unknown();
  } else if (oneSided && inverse)
    shape[*axis] = (shape[*axis] - 1) * 2;
  if (oneSided && !inverse)
    shape[*axis] = node.symbols.floorDivide(shape[*axis], 2) + 1;
  shape.back() = oneSided && inverse ? 1 : 2;
  node.set(0, node.type(0), std::move(shape));
}

void stft(NodeInference &node) { // signal [B, L, 1 or 2], step, window, length
  if (!node.hasRank(0, 3) || !node.hasRank(2, 1))
    return;
  const auto scalar = [&](size_t i) {
    const Elements *elements = node.has(i) ? node.parameter(i) : nullptr;
    return elements && elements->size() == 1 ? elements->front() : Extent::unknown();
  };
  const Extent length = node.has(3) ? scalar(3) : node.has(2) ? node.shape(2)[0] : Extent::unknown();
  const Extent frames = node.symbols.floorDivide(node.shape(0)[1] - length, scalar(1)) + 1;
  const bool oneSided = node.integer("onesided", 1) != 0;
  node.set(0, node.type(0), {node.shape(0)[0], frames, oneSided ? node.symbols.floorDivide(length, 2) + 1 : length, 2});
}

void swiglu(NodeInference &node) {
  if (!node.sameType(0, 1) || !node.hasRank(1, node.rank(0)))
    return;
  Shape shape = node.shape(0);
  for (size_t axis = 0; axis < shape.size(); ++axis)
    shape[axis] = node.same(shape[axis], node.shape(1)[axis], "extents of gate and value");
  node.set(0, node.type(0), std::move(shape));
}

void causalConvolution(NodeInference &node) { // X [B, C, L], W [C, 1, k], bias, state
  if (!node.hasRank(0, 3) || !node.hasRank(1, 3))
    return;
  const Shape &x = node.shape(0);
  node.set(0, node.type(0), x);
  node.set(1, node.type(0), {x[0], x[1], node.shape(1)[2] - 1});
}

void linearAttention(NodeInference &node) { // query [B, T, Hq * Dk], key [B, T, H * Dk], value [B, T, H * Dv]
  for (size_t i = 0; i < 3; ++i)
    if (!node.hasRank(i, 3))
      return;
  const int64_t queries = node.integer("q_num_heads", 1), heads = node.integer("kv_num_heads", 1);
  const Extent keyDim = node.shape(1)[2].dividedBy(heads), valueDim = node.shape(2)[2].dividedBy(heads);
  node.set(0, node.type(0), {node.shape(0)[0], node.shape(0)[1], valueDim * queries});
  node.set(1, node.has(3) ? node.type(3) : node.type(0), {node.shape(0)[0], heads, keyDim, valueDim});
}

} // namespace cadenza::onnx::infer
