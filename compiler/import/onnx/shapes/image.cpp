#include "compiler/import/onnx/shapes/infer.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace cadenza::onnx::infer {
namespace {

/// floor(extent * scale), as Resize says it: in the type of its scales, f32.
Extent scaled(const Extent &extent, double scale) {
  const auto number = extent.number();
  if (!number)
    return scale == std::floor(scale) && std::abs(scale) < 1e9 ? extent * static_cast<int64_t>(scale)
                                                               : Extent::unknown();
  const double size = std::floor(static_cast<double>(static_cast<float>(*number) * static_cast<float>(scale)));
  return size >= 0 && size < 1e15 ? Extent(static_cast<int64_t>(size)) : Extent::unknown();
}

/// Sizes of Resize that keep the ratio of the extents of `axes`: the smallest or the largest scale goes for all.
void keepRatio(Shape &shape, const std::vector<size_t> &axes, const Elements &sizes, bool notLarger) {
  std::vector<double> scales;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto from = shape[axes[i]].number(), to = sizes[i].number();
    if (from && to && *from > 0)
      scales.push_back(static_cast<double>(*to) / static_cast<double>(*from));
  }
  for (size_t axis : axes) {
    const auto from = shape[axis].number();
    if (scales.size() != axes.size() || !from)
      shape[axis] = Extent::unknown();
    else
      shape[axis] = static_cast<int64_t>(
          std::floor((notLarger ? *std::ranges::min_element(scales) : *std::ranges::max_element(scales)) *
                         static_cast<double>(*from) +
                     0.5));
  }
}

} // namespace

void resize(NodeInference &node) { // X, roi, scales, sizes; Upsample: X, scales
  Shape shape = node.shape(0);
  std::vector<size_t> axes;
  if (const auto written = node.integers("axes")) {
    if (!node.axes(*written, node.rank(0)))
      return;
    for (int64_t axis : *written)
      axes.push_back(static_cast<size_t>(axis < 0 ? axis + node.rank(0) : axis));
  } else
    for (size_t axis = 0; axis < shape.size(); ++axis)
      axes.push_back(axis);
  const size_t scalesInput = node.node.op == "Upsample" ? 1 : 2;
  const bool hasSizes = node.has(3);
  const bool hasScales = node.has(scalesInput) && !node.shape(scalesInput).empty() && !node.shape(scalesInput)[0].is(0);
  if (hasSizes == hasScales)
    return node.invalid("either scales or sizes have to be there");
  const size_t from = hasSizes ? 3 : scalesInput;
  if (!node.hasRank(from, 1) || (node.symbols.differ(node.shape(from)[0], static_cast<int64_t>(axes.size()))))
    return node.invalid("input " + std::to_string(from) + " has shape " + node.symbols.text(node.shape(from)) +
                        " for " + std::to_string(axes.size()) + " axes");
  const std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
  if (const Elements *sizes = hasSizes ? node.parameter(3) : nullptr) {
    if (policy != "stretch")
      keepRatio(shape, axes, *sizes, policy == "not_larger");
    else
      for (size_t i = 0; i < axes.size(); ++i)
        shape[axes[i]] = (*sizes)[i];
  } else if (const auto scales = hasScales ? node.realNumbers(from) : std::nullopt;
             scales && scales->size() == axes.size()) {
    for (size_t i = 0; i < axes.size(); ++i)
      shape[axes[i]] = scaled(shape[axes[i]], (*scales)[i]);
  } else
    for (size_t axis : axes)
      shape[axis] = Extent::unknown();
  node.set(0, node.type(0), std::move(shape));
}

void gridSample(NodeInference &node) {
  if (!node.hasRank(0, 3, INT64_MAX) || !node.hasRank(1, node.rank(0)))
    return;
  Shape shape = {node.shape(0)[0], node.shape(0)[1]};
  shape.insert(shape.end(), node.shape(1).begin() + 1, node.shape(1).end() - 1);
  node.set(0, node.type(0), std::move(shape));
}

void affineGrid(NodeInference &node) { // theta, size [N, C, spatial...]
  if (!node.hasRank(0, 3) || !node.hasRank(1, 1))
    return;
  const auto count = node.shape(1)[0].number();
  if (!count || *count < 3 || *count > maxElements)
    return node.unsupported("the rank of the result is not known");
  const Elements *size = node.parameter(1);
  Shape shape = {node.shape(0)[0]};
  for (size_t i = 2; i < static_cast<size_t>(*count); ++i)
    shape.push_back(size ? (*size)[i] : Extent::unknown());
  shape.push_back(*count - 2);
  node.set(0, node.type(0), std::move(shape));
}

} // namespace cadenza::onnx::infer
