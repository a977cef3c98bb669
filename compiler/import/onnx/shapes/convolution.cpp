// Convolutions and pools: tensors [N, C, spatial...].
#include "compiler/import/onnx/shapes/infer.h"

#include <algorithm>
#include <string>

namespace cadenza::onnx::infer {
namespace {

/// A window that slides over `rank` spatial axes, as attributes say it.
struct Window {
  std::vector<int64_t> kernel, strides, dilations, begins, ends;
  std::string autoPad;
  bool ceil = false;
};

std::optional<Window> windowOf(NodeInference &node, size_t rank, std::vector<int64_t> kernel) {
  Window window;
  const auto list = [&](std::string_view name, size_t count, int64_t otherwise) {
    auto values = node.integers(name).value_or(std::vector<int64_t>(count, otherwise));
    if (values.size() != count)
      node.invalid("attribute '" + std::string(name) + "' has " + std::to_string(values.size()) + " elements, not " +
                   std::to_string(count));
    values.resize(count);
    return values;
  };
  window.kernel = node.integers("kernel_shape").value_or(kernel);
  if (window.kernel.size() != rank)
    node.invalid("kernel_shape has " + std::to_string(window.kernel.size()) + " elements, not " + std::to_string(rank));
  window.strides = list("strides", rank, 1);
  window.dilations = list("dilations", rank, 1);
  const std::vector<int64_t> pads = list("pads", 2 * rank, 0);
  window.begins.assign(pads.begin(), pads.begin() + static_cast<ptrdiff_t>(rank));
  window.ends.assign(pads.begin() + static_cast<ptrdiff_t>(rank), pads.end());
  window.autoPad = node.text("auto_pad", "NOTSET");
  window.ceil = node.integer("ceil_mode", 0) != 0;
  const auto isSane = [](int64_t value) { return value >= 1 && value <= INT32_MAX; };
  if (!std::ranges::all_of(window.strides, isSane) || !std::ranges::all_of(window.dilations, isSane) ||
      !std::ranges::all_of(window.kernel, isSane))
    node.invalid("kernel, strides and dilations have to be positive");
  for (int64_t padding : pads)
    if (padding < -INT32_MAX || padding > INT32_MAX)
      node.invalid("pads are out of range");
  return node.failed() ? std::nullopt : std::optional(window);
}

/// How often the window fits on spatial axis `i` of that extent.
Extent slid(NodeInference &node, const Window &window, size_t i, const Extent &extent) {
  const int64_t stride = window.strides[i];
  if (window.autoPad == "SAME_UPPER" || window.autoPad == "SAME_LOWER")
    return node.symbols.floorDivide(extent + (stride - 1), stride);
  const bool valid = window.autoPad == "VALID";
  const int64_t begin = valid ? 0 : window.begins[i], end = valid ? 0 : window.ends[i];
  const Extent rest = extent + begin + end - ((window.kernel[i] - 1) * window.dilations[i] + 1);
  if (!window.ceil)
    return node.symbols.floorDivide(rest, stride) + 1;
  Extent count = node.symbols.floorDivide(rest + (stride - 1), stride) + 1;
  // A last window that begins in the padding at the end does not count.
  if (count.number() && extent.number() && (*count.number() - 1) * stride >= *extent.number() + begin)
    count = count - 1;
  return count;
}

std::vector<int64_t> spatialNumbers(const Shape &shape) { // 0, which windowOf refuses, where it is not known
  std::vector<int64_t> extents;
  for (size_t i = 2; i < shape.size(); ++i)
    extents.push_back(shape[i].number().value_or(0));
  return extents;
}

void convolve(NodeInference &node, size_t weights, ElementType type) {
  const Shape &x = node.shape(0);
  if (!node.hasRank(0, 3, INT64_MAX) || !node.hasRank(weights, node.rank(0)))
    return;
  const Shape &w = node.shape(weights); // [M, C / groups, kernel...]
  const auto window = windowOf(node, x.size() - 2, spatialNumbers(w));
  if (!window)
    return;
  node.same(x[1], w[1] * node.integer("group", 1), "the channels of input and weights");
  Shape shape = {x[0], w[0]};
  for (size_t i = 0; i < window->kernel.size(); ++i)
    shape.push_back(slid(node, *window, i, x[i + 2]));
  node.set(0, type, std::move(shape));
}

} // namespace

void convolution(NodeInference &node) {
  if (node.sameType(0, 1) && node.sameType(0, 2))
    convolve(node, 1, node.type(0));
}

void convolutionInteger(NodeInference &node) { convolve(node, 1, ElementType::i32); }

void qlinearConvolution(NodeInference &node) { convolve(node, 3, node.type(7)); }

void transposedConvolution(NodeInference &node) {
  const Shape &x = node.shape(0), &w = node.shape(1); // [C, M / groups, kernel...]
  if (!node.hasRank(0, 3, INT64_MAX) || !node.hasRank(1, node.rank(0)) || !node.sameType(0, 1))
    return;
  const size_t rank = x.size() - 2;
  const auto window = windowOf(node, rank, spatialNumbers(w));
  const auto extra = node.integers("output_padding").value_or(std::vector<int64_t>(rank, 0));
  const auto written = node.integers("output_shape");
  if (!window)
    return;
  if (extra.size() != rank || (written && written->size() != rank && written->size() != rank + 2))
    return node.invalid("output_padding or output_shape has another number of elements than the kernel");
  Shape shape = {x[0], w[1] * node.integer("group", 1)};
  for (size_t i = 0; i < rank; ++i) {
    const int64_t stride = window->strides[i];
    if (written)
      shape.push_back((*written)[i + written->size() - rank]);
    else if (window->autoPad == "SAME_UPPER" || window->autoPad == "SAME_LOWER")
      shape.push_back(x[i + 2] * stride);
    else
      shape.push_back((x[i + 2] - 1) * stride + extra[i] + ((window->kernel[i] - 1) * window->dilations[i] + 1) -
                      (window->autoPad == "VALID" ? 0 : window->begins[i] + window->ends[i]));
  }
  node.set(0, node.type(0), std::move(shape));
}

void pool(NodeInference &node) {
  const Shape &x = node.shape(0);
  if (!node.hasRank(0, 3, INT64_MAX))
    return;
  const auto window = windowOf(node, x.size() - 2, {});
  if (!window)
    return;
  Shape shape = {x[0], x[1]};
  for (size_t i = 0; i < window->kernel.size(); ++i)
    shape.push_back(slid(node, *window, i, x[i + 2]));
  node.set(0, node.type(0), shape);
  node.set(1, ElementType::i64, std::move(shape)); // MaxPool's indices
}

void globalPool(NodeInference &node) {
  if (!node.hasRank(0, 2, INT64_MAX))
    return;
  Shape shape = node.shape(0);
  std::fill(shape.begin() + 2, shape.end(), Extent(1));
  node.set(0, node.type(0), std::move(shape));
}

void maxUnpool(NodeInference &node) {
  const Shape &x = node.shape(0);
  if (!node.hasRank(0, 3, INT64_MAX))
    return;
  const auto window = windowOf(node, x.size() - 2, {});
  if (!window)
    return;
  Shape shape = {x[0], x[1]};
  const Elements *written = node.parameter(2);
  if (written && written->size() == x.size())
    shape = *written;
  else
    for (size_t i = 0; i < window->kernel.size(); ++i)
      shape.push_back(node.has(2) ? Extent::unknown()
                                  : (x[i + 2] - 1) * window->strides[i] - window->begins[i] - window->ends[i] +
                                        window->kernel[i]);
  node.set(0, node.type(0), std::move(shape));
}

void maxRoiPool(NodeInference &node) {
  const auto pooled = node.integers("pooled_shape");
  if (!node.hasRank(0, 4) || !node.hasRank(1, 2) || pooled->size() != 2)
    return node.invalid("pooled_shape has " + std::to_string(pooled->size()) + " elements, not 2");
  node.set(0, node.type(0), {node.shape(1)[0], node.shape(0)[1], (*pooled)[0], (*pooled)[1]});
}

void roiAlign(NodeInference &node) {
  if (!node.hasRank(0, 4) || !node.hasRank(1, 2))
    return;
  node.set(0, node.type(0),
           {node.shape(1)[0], node.shape(0)[1], node.integer("output_height", 1), node.integer("output_width", 1)});
}

void col2Im(NodeInference &node) {
  if (!node.hasRank(0, 3) || !node.hasRank(1, 1) || !node.hasRank(2, 1))
    return;
  const Elements *image = node.parameter(1), *block = node.parameter(2);
  const auto rank = node.shape(1)[0].number();
  if (!rank || *rank > maxElements)
    return node.unsupported("the rank of the result is not known");
  Extent area = 1;
  for (size_t i = 0; block && i < block->size(); ++i)
    area = area * (*block)[i];
  Shape shape = {node.shape(0)[0], block ? node.shape(0)[1].dividedBy(area) : Extent::unknown()};
  for (size_t i = 0; i < static_cast<size_t>(*rank); ++i)
    shape.push_back(image ? (*image)[i] : Extent::unknown());
  node.set(0, node.type(0), std::move(shape));
}

} // namespace cadenza::onnx::infer
