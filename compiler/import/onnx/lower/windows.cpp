// Convolutions and pools, as slices: of each place of the window, the elements that lie there wherever it stands.
#include "compiler/import/onnx/lower/lower.h"

#include <algorithm>
#include <limits>

namespace cadenza::onnx::lower {
namespace {

constexpr int64_t maxPlaces = 256; // of a window: one slice each

/// A window on the spatial axes of input 0, all in numbers.
struct Window {
  std::vector<int64_t> kernel, strides, dilations, begins, ends, extents, results;

  size_t rank() const { return kernel.size(); }
  int64_t places() const {
    int64_t count = 1;
    for (int64_t size : kernel)
      count *= size;
    return count;
  }
  /// The offset on each axis of place `index`.
  std::vector<int64_t> offsets(int64_t index) const {
    std::vector<int64_t> offsets(rank());
    for (size_t axis = rank(); axis-- > 0; index /= kernel[axis])
      offsets[axis] = index % kernel[axis] * dilations[axis];
    return offsets;
  }
};

/// Inference has checked the attributes. Padding at the end is as much as the windows reach.
std::optional<Window> windowOf(NodeLowering &node, const std::vector<int64_t> &kernel) {
  const auto extents = numbers(node.shape(0)), results = numbers(node.out(0).shape);
  Window window;
  window.kernel = node.integers("kernel_shape").value_or(kernel);
  const size_t rank = window.rank();
  if (!extents || !results) {
    node.unsupported("a window over open extents");
    return std::nullopt;
  }
  if (window.places() > maxPlaces) {
    node.unsupported("a window of " + std::to_string(window.places()) + " elements (" + std::to_string(maxPlaces) +
                     " are possible)");
    return std::nullopt;
  }
  window.strides = node.integers("strides").value_or(std::vector<int64_t>(rank, 1));
  window.dilations = node.integers("dilations").value_or(std::vector<int64_t>(rank, 1));
  window.extents.assign(extents->begin() + 2, extents->end());
  window.results.assign(results->begin() + 2, results->end());
  const std::string autoPad = node.text("auto_pad", "NOTSET");
  const std::vector<int64_t> pads = node.integers("pads").value_or(std::vector<int64_t>(2 * rank, 0));
  for (size_t axis = 0; axis < rank; ++axis) {
    const int64_t reach =
        (window.results[axis] - 1) * window.strides[axis] + (window.kernel[axis] - 1) * window.dilations[axis] + 1;
    const int64_t missing = std::max<int64_t>(reach - window.extents[axis], 0);
    const int64_t begin = autoPad == "SAME_UPPER"   ? missing / 2
                          : autoPad == "SAME_LOWER" ? missing - missing / 2
                          : autoPad == "VALID"      ? 0
                                                    : pads[axis];
    window.begins.push_back(begin);
    window.ends.push_back(std::max<int64_t>(reach - window.extents[axis] - begin, 0));
  }
  return window;
}

/// Input 0, [N, C, extents...], with `padding` around it.
Operand padded(NodeLowering &node, const Window &window, Operand padding) {
  std::vector<int64_t> begins = {0, 0}, ends = {0, 0};
  begins.insert(begins.end(), window.begins.begin(), window.begins.end());
  ends.insert(ends.end(), window.ends.begin(), window.ends.end());
  const bool isNone = std::ranges::all_of(begins, [](int64_t n) { return n == 0; }) &&
                      std::ranges::all_of(ends, [](int64_t n) { return n == 0; });
  return isNone ? node.in(0) : node.nn.pad(node.in(0), begins, ends, nn::PadMode::Constant, padding);
}

/// What lies at place `index` of the window: [N, C, results...].
Operand sliceAt(NodeLowering &node, const Window &window, Operand padded, int64_t index) {
  std::vector<Polynomial> starts = {0, 0};
  Shape sizes = {node.shape(0)[0], node.shape(0)[1]};
  std::vector<int64_t> steps = {1, 1};
  const std::vector<int64_t> offsets = window.offsets(index);
  for (size_t axis = 0; axis < window.rank(); ++axis) {
    starts.emplace_back(offsets[axis]);
    sizes.emplace_back(window.results[axis]);
    steps.push_back(window.results[axis] == 1 ? 1 : window.strides[axis]);
  }
  return node.nn.slice(padded, starts, sizes, steps);
}

/// How many elements of the tensor, or of its declared padding too, the window covers where it stands: [results...].
nn::TensorValue coverage(NodeLowering &node, const Window &window, ElementType type) {
  const bool countsPadding = node.integer("count_include_pad", 0) != 0;
  const std::vector<int64_t> pads = node.integers("pads").value_or(std::vector<int64_t>(2 * window.rank(), 0));
  const bool isGiven = node.text("auto_pad", "NOTSET") == "NOTSET";
  std::vector<double> counts = {1};
  for (size_t axis = 0; axis < window.rank(); ++axis) {
    const int64_t before = countsPadding ? window.begins[axis] : 0;
    const int64_t after = !countsPadding ? 0 : isGiven ? pads[axis + window.rank()] : window.ends[axis];
    std::vector<double> extended;
    for (double count : counts)
      for (int64_t at = 0; at < window.results[axis]; ++at) {
        int64_t covered = 0;
        for (int64_t k = 0; k < window.kernel[axis]; ++k) {
          const int64_t place = at * window.strides[axis] + k * window.dilations[axis] - window.begins[axis];
          covered += place >= -before && place < window.extents[axis] + after;
        }
        extended.push_back(count * static_cast<double>(covered));
      }
    counts = std::move(extended);
  }
  return nn::tensorOf(type, window.results, std::span<const double>(counts));
}

/// f(f(places of the window), ...)
Operand foldPlaces(NodeLowering &node, const Window &window, Operand padded, B function) {
  Operand result = sliceAt(node, window, padded, 0);
  for (int64_t index = 1; index < window.places(); ++index)
    result = node.binary(function, result, sliceAt(node, window, padded, index));
  return result;
}

} // namespace

// With g groups: [N, g, C/g * places, results] of the input times [g, M/g, C/g * places] of the weights.
void convolution(NodeLowering &node) {
  const auto weights = numbers(node.shape(1));
  if (!weights)
    return node.unsupported("weights of an open shape");
  const auto window = windowOf(node, {weights->begin() + 2, weights->end()});
  if (!window)
    return;
  const int64_t groups = node.integer("group", 1), outputs = (*weights)[0], channels = (*weights)[1];
  const int64_t places = window->places();
  Extent area = 1;
  for (int64_t extent : window->results)
    area = area * extent;
  const Operand input = padded(node, *window, node.scalar(0.0, node.type(0)));
  std::vector<Operand> parts;
  parts.reserve(static_cast<size_t>(places));
  for (int64_t index = 0; index < places; ++index)
    parts.push_back(
        node.nn.reshape(sliceAt(node, *window, input, index), {node.shape(0)[0], groups, channels, 1, area}));
  const Operand columns =
      node.nn.reshape(node.nn.concat(parts, 3), {node.shape(0)[0], groups, channels * places, area});
  const Operand matrix = node.nn.reshape(node.in(1), {groups, outputs / groups, channels * places});
  Operand result = node.nn.reshape(node.nn.matmul(matrix, columns), node.out(0).shape);
  if (node.has(2)) {
    Shape bias(node.shape(0).size(), 1);
    bias[1] = outputs;
    result = node.binary(B::Add, result, node.nn.reshape(node.in(2), bias));
  }
  node.set(0, result);
}

void maxPool(NodeLowering &node) {
  if (node.makes(1))
    return node.unsupported("an output of indices");
  const auto window = windowOf(node, {});
  if (!window)
    return;
  const ElementType type = node.type(0);
  if (!isFloat(type) && type != ElementType::i8 && type != ElementType::u8)
    return node.unsupported("elements of type " + std::string(elementTypeName(type)));
  const double lowest = isFloat(type)             ? -std::numeric_limits<double>::infinity()
                        : type == ElementType::i8 ? -128.0
                                                  : 0.0;
  node.set(0, foldPlaces(node, *window, padded(node, *window, node.scalar(lowest, type)), B::Max));
}

void averagePool(NodeLowering &node) {
  const auto window = windowOf(node, {});
  if (!window)
    return;
  const ElementType type = node.type(0), wide = type == ElementType::f64 ? type : ElementType::f32; // of the sum
  const Operand input = node.cast(padded(node, *window, node.scalar(0.0, type)), type, wide);
  const Operand sum = foldPlaces(node, *window, input, B::Add);
  const Operand mean = node.binary(B::Div, sum, node.nn.constant(coverage(node, *window, wide)));
  node.set(0, node.cast(mean, wide, type));
}

} // namespace cadenza::onnx::lower
