#include "runtime/reference/infer.h"

#include "runtime/reference/formulas.h"
#include "runtime/reference/packed.h"

#include <algorithm>

namespace cadenza::nn::infer {
namespace {

bool isKnown(int64_t extent) { return extent != unknownExtent; }
/// Whether they can be the same extent.
bool agree(int64_t a, int64_t b) { return a == b || !isKnown(a) || !isKnown(b); }
int64_t eitherKnown(int64_t a, int64_t b) { return isKnown(a) ? a : b; }

bool isNumber(ElementType type) { return isComputable(type) && type != ElementType::boolean; }
bool isIndex(ElementType type) { return type == ElementType::i32 || type == ElementType::i64; }

constexpr unsigned __int128 largestCount = INT64_MAX;

/// The type of the results of a row of functions.inc; an error if it does not take that type.
StatusOr<ElementType> resultElement(RowKind kind, std::string_view function, ElementType type) {
  const bool isBoolean = type == ElementType::boolean;
  const auto refuse = [&](std::string_view takes) {
    return invalid(std::string(function) + " takes " + std::string(takes) + ", not " +
                   std::string(elementTypeName(type)));
  };
  switch (kind) {
  case RowKind::REAL:
  case RowKind::TEST:
    if (!isFloat(type))
      return refuse("floats");
    return kind == RowKind::TEST ? ElementType::boolean : type;
  case RowKind::NUMBER:
    return isNumber(type) ? StatusOr(type) : refuse("floats and integers");
  case RowKind::INTEGER:
    return isNumber(type) && !isFloat(type) ? StatusOr(type) : refuse("integers");
  case RowKind::LOGICAL:
    return isBoolean ? StatusOr(type) : refuse("booleans");
  case RowKind::COMPARISON:
    return isComputable(type) ? StatusOr(ElementType::boolean) : refuse("numbers and booleans");
  }
  return type;
}

constexpr RowKind unaryKinds[] = {
#define CADENZA_UNARY(kind, name, spelling, formula) RowKind::kind,
#include "runtime/reference/functions.inc"
};
constexpr RowKind binaryKinds[] = {
#define CADENZA_BINARY(kind, name, spelling, formula) RowKind::kind,
#include "runtime/reference/functions.inc"
};

Status checkSameElement(const TensorSpec &a, const TensorSpec &b) {
  if (a.element == b.element)
    return Status::ok();
  return invalid("operands are of one element type, not of " + std::string(elementTypeName(a.element)) + " and " +
                 std::string(elementTypeName(b.element)));
}

Status checkIndices(const TensorSpec &indices) {
  if (isIndex(indices.element))
    return Status::ok();
  return invalid("indices are i32 or i64, not " + std::string(elementTypeName(indices.element)));
}

Status checkScatter(ScatterFunction function, const TensorSpec &x, const TensorSpec &updates) {
  CADENZA_RETURN_IF_ERROR(checkSameElement(x, updates));
  if (function == ScatterFunction::Replace || isNumber(x.element))
    return Status::ok();
  return invalid("scatter " + std::string(name(function)) + " takes floats and integers, not " +
                 std::string(elementTypeName(x.element)));
}

/// Checks that `shape` broadcasts to `to` without changing it.
Status checkBroadcastsTo(std::string_view what, const Shape &shape, const Shape &to) {
  bool fits = shape.size() <= to.size();
  for (size_t i = 0; fits && i < shape.size(); ++i)
    fits = shape[shape.size() - 1 - i] == 1 || agree(shape[shape.size() - 1 - i], to[to.size() - 1 - i]);
  if (fits)
    return Status::ok();
  return invalid(std::string(what) + " of shape " + text(shape) + " does not broadcast to " + text(to));
}

/// Checks that `a` and `b` have one rank and can have the same extents but on `axis`.
Status checkSameBut(int64_t axis, std::string_view what, const Shape &a, const Shape &b) {
  bool same = a.size() == b.size();
  for (size_t i = 0; same && i < a.size(); ++i)
    same = static_cast<int64_t>(i) == axis || agree(a[i], b[i]);
  if (same)
    return Status::ok();
  return invalid(std::string(what) + " " + text(a) + " and " + text(b) + " differ on other axes than axis " +
                 std::to_string(axis));
}

} // namespace

StatusOr<Shape> broadcast(const Shape &a, const Shape &b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (size_t i = 0; i < result.size(); ++i) { // i from the end
    const int64_t left = i < a.size() ? a[a.size() - 1 - i] : 1, right = i < b.size() ? b[b.size() - 1 - i] : 1;
    // An unknown extent beside a larger one than 1 is that extent or 1, so the result has it.
    const int64_t extent = left == 1 ? right : right == 1 ? left : eitherKnown(left, right);
    if (left != 1 && right != 1 && !agree(left, right))
      return invalid("shapes " + text(a) + " and " + text(b) + " do not broadcast: " + std::to_string(left) + " and " +
                     std::to_string(right) + " differ");
    result[result.size() - 1 - i] = extent;
  }
  return result;
}

StatusOr<int64_t> axisFrom0(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  return invalid("axis " + std::to_string(axis) + " is none of a tensor of rank " + std::to_string(rank));
}

StatusOr<TensorSpec> unary(UnaryFunction function, const TensorSpec &x) {
  CADENZA_ASSIGN_OR_RETURN(const ElementType element,
                           resultElement(unaryKinds[static_cast<size_t>(function)], name(function), x.element));
  return TensorSpec{element, x.shape};
}

StatusOr<TensorSpec> binary(BinaryFunction function, const TensorSpec &a, const TensorSpec &b) {
  CADENZA_RETURN_IF_ERROR(checkSameElement(a, b));
  CADENZA_ASSIGN_OR_RETURN(const ElementType element,
                           resultElement(binaryKinds[static_cast<size_t>(function)], name(function), a.element));
  CADENZA_ASSIGN_OR_RETURN(Shape shape, broadcast(a.shape, b.shape));
  return TensorSpec{element, std::move(shape)};
}

StatusOr<TensorSpec> where(const TensorSpec &condition, const TensorSpec &a, const TensorSpec &b) {
  if (condition.element != ElementType::boolean)
    return invalid("the condition is boolean, not " + std::string(elementTypeName(condition.element)));
  CADENZA_RETURN_IF_ERROR(checkSameElement(a, b));
  CADENZA_ASSIGN_OR_RETURN(const Shape values, broadcast(a.shape, b.shape));
  CADENZA_ASSIGN_OR_RETURN(Shape shape, broadcast(condition.shape, values));
  return TensorSpec{a.element, std::move(shape)};
}

StatusOr<TensorSpec> reshape(const TensorSpec &x, Shape shape) {
  // What is known of the number of elements: the product of the known extents (of hostile ones, in 128 bits, as far as
  // it matters), and how many are not known.
  const auto count = [](const Shape &shape, int64_t &unknown) {
    unsigned __int128 product = 1;
    for (int64_t extent : shape) {
      unknown += !isKnown(extent);
      if (isKnown(extent) && product < largestCount)
        product *= static_cast<uint64_t>(extent);
    }
    return static_cast<int64_t>(std::min(product, largestCount));
  };
  int64_t unknownBefore = 0, unknownAfter = 0;
  const int64_t before = count(x.shape, unknownBefore), after = count(shape, unknownAfter);
  const auto differ = [&] {
    return invalid("a tensor of shape " + text(x.shape) + " cannot be reshaped to " + text(shape));
  };
  if (unknownBefore == 0 && unknownAfter == 0 && before != after)
    return differ();
  if (unknownBefore == 0 && unknownAfter == 1) {
    if (after == 0 ? before != 0 : before % after != 0)
      return differ();
    if (after == 0)
      return invalid("the unknown extent of " + text(shape) + " does not follow from that of " + text(x.shape) +
                     ": there are no elements");
    std::replace(shape.begin(), shape.end(), unknownExtent, before / after);
  } else if (unknownAfter > 1 && unknownAfter != unknownBefore) {
    return invalid("shapes " + text(x.shape) + " and " + text(shape) +
                   " do not have the same number of unknown extents, nor the second at most one");
  } else if (unknownAfter > 1 && before != after) {
    return invalid("the unknown extents of " + text(shape) + " are not those of " + text(x.shape) +
                   ", as the others are of another product");
  }
  return TensorSpec{x.element, std::move(shape)};
}

StatusOr<TensorSpec> transpose(const TensorSpec &x, Integers permutation) {
  std::vector<bool> seen(x.shape.size());
  bool sound = permutation.size() == x.shape.size();
  for (size_t i = 0; sound && i < permutation.size(); ++i) {
    sound = permutation[i] >= 0 && permutation[i] < x.rank() && !seen[permutation[i]];
    if (sound)
      seen[permutation[i]] = true;
  }
  if (!sound)
    return invalid(text(Shape(permutation.begin(), permutation.end())) + " is no permutation of the axes of " +
                   text(x.shape));
  TensorSpec result{x.element, {}};
  for (int64_t axis : permutation)
    result.shape.push_back(x.shape[axis]);
  return result;
}

StatusOr<TensorSpec> slice(const TensorSpec &x, Integers starts, Integers sizes, Integers steps) {
  if (starts.size() != x.shape.size() || sizes.size() != x.shape.size() || steps.size() != x.shape.size())
    return invalid("a slice of " + text(x.shape) + " has a start, a size and a step for each axis");
  for (size_t axis = 0; axis < x.shape.size(); ++axis) {
    const int64_t start = starts[axis], size = sizes[axis], step = steps[axis], extent = x.shape[axis];
    const std::string place = " on axis " + std::to_string(axis);
    if (!isKnown(step) || step == 0)
      return invalid("the step" + place + " is 0 or unknown");
    if ((isKnown(size) && size < 0) || (isKnown(start) && start < 0))
      return invalid("the start or the size" + place + " is negative");
    if (!isKnown(extent) || !isKnown(size))
      continue;
    // The elements span (size - 1) * |step| + 1 positions, wherever they start. In 128 bits, which cannot overflow.
    const __int128 reach = static_cast<__int128>(size - 1) * step;
    const bool fits = size == 0 || (isKnown(start) ? start < extent && start + reach >= 0 && start + reach < extent
                                                   : (reach < 0 ? -reach : reach) < extent);
    if (!fits)
      return invalid("the slice" + place + " leaves the tensor: start " +
                     (isKnown(start) ? std::to_string(start) : "?") + ", size " + std::to_string(size) + ", step " +
                     std::to_string(step) + " of an extent of " + std::to_string(extent));
  }
  return TensorSpec{x.element, Shape(sizes.begin(), sizes.end())};
}

StatusOr<TensorSpec> concat(std::span<const TensorSpec> parts, int64_t axis) {
  if (parts.empty())
    return invalid("there is nothing to concatenate");
  TensorSpec result = parts[0];
  CADENZA_ASSIGN_OR_RETURN(axis, axisFrom0(axis, result.rank()));
  for (const TensorSpec &part : parts.subspan(1)) {
    CADENZA_RETURN_IF_ERROR(checkSameElement(result, part));
    CADENZA_RETURN_IF_ERROR(checkSameBut(axis, "shapes", result.shape, part.shape));
    for (size_t i = 0; i < part.shape.size(); ++i) {
      int64_t &extent = result.shape[i];
      if (static_cast<int64_t>(i) != axis)
        extent = eitherKnown(extent, part.shape[i]);
      else if (!isKnown(extent) || !isKnown(part.shape[i]))
        extent = unknownExtent;
      else if (__builtin_add_overflow(extent, part.shape[i], &extent))
        return invalid("the parts have more elements than an extent can count");
    }
  }
  return result;
}

StatusOr<TensorSpec> expand(const TensorSpec &x, const Shape &shape) {
  CADENZA_RETURN_IF_ERROR(checkBroadcastsTo("a tensor", x.shape, shape));
  return TensorSpec{x.element, shape};
}

StatusOr<TensorSpec> pad(const TensorSpec &x, Integers begins, Integers ends, PadMode mode, const TensorSpec *value) {
  if (begins.size() != x.shape.size() || ends.size() != x.shape.size())
    return invalid("a pad of " + text(x.shape) + " has a begin and an end for each axis");
  if (value != nullptr) {
    CADENZA_RETURN_IF_ERROR(checkSameElement(x, *value));
    if (value->rank() != 0 || mode != PadMode::Constant)
      return invalid("the value of a pad is a scalar, and of mode constant only");
  }
  TensorSpec result = x;
  for (size_t axis = 0; axis < x.shape.size(); ++axis) {
    const int64_t extent = x.shape[axis], begin = begins[axis], end = ends[axis];
    const std::string place = " on axis " + std::to_string(axis);
    constexpr int64_t largest = int64_t{1} << 40; // keeps sums from overflowing
    if (std::max(begin, end) > largest || std::min(begin, end) < -largest)
      return invalid("a pad of " + std::to_string(begin) + " and " + std::to_string(end) + place + " is too large");
    if (!isKnown(extent))
      continue;
    if (__builtin_add_overflow(extent, begin + end, &result.shape[axis]) || result.shape[axis] < 0 ||
        std::min(begin, end) < -extent)
      return invalid("a pad of " + std::to_string(begin) + " and " + std::to_string(end) + place +
                     " cuts off more than the extent of " + std::to_string(extent));
    if (mode == PadMode::Reflect && std::max(begin, end) >= std::max<int64_t>(extent, 1))
      return invalid("reflection" + place + " adds at most " + std::to_string(std::max<int64_t>(extent - 1, 0)) +
                     " elements on a side");
    if (mode != PadMode::Constant && extent == 0 && std::max(begin, end) > 0)
      return invalid("there is nothing to repeat" + place);
  }
  return result;
}

StatusOr<TensorSpec> trilu(const TensorSpec &x) {
  if (x.rank() < 2)
    return invalid("a triangle is one of matrices, not of " + text(x.shape));
  return x;
}

StatusOr<TensorSpec> range(const TensorSpec &start, const TensorSpec &limit, const TensorSpec &delta) {
  CADENZA_RETURN_IF_ERROR(checkSameElement(start, limit));
  CADENZA_RETURN_IF_ERROR(checkSameElement(start, delta));
  if (!isNumber(start.element))
    return invalid("range takes floats and integers, not " + std::string(elementTypeName(start.element)));
  if (start.rank() != 0 || limit.rank() != 0 || delta.rank() != 0)
    return invalid("start, limit and delta are scalars");
  return TensorSpec{start.element, {unknownExtent}};
}

StatusOr<TensorSpec> gather(const TensorSpec &x, const TensorSpec &indices, int64_t axis) {
  CADENZA_RETURN_IF_ERROR(checkIndices(indices));
  CADENZA_ASSIGN_OR_RETURN(axis, axisFrom0(axis, x.rank()));
  Shape shape(x.shape.begin(), x.shape.begin() + axis);
  shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
  shape.insert(shape.end(), x.shape.begin() + axis + 1, x.shape.end());
  return TensorSpec{x.element, std::move(shape)};
}

StatusOr<TensorSpec> gatherElements(const TensorSpec &x, const TensorSpec &indices, int64_t axis) {
  CADENZA_RETURN_IF_ERROR(checkIndices(indices));
  CADENZA_ASSIGN_OR_RETURN(axis, axisFrom0(axis, x.rank()));
  bool fits = indices.rank() == x.rank();
  for (int64_t i = 0; fits && i < x.rank(); ++i)
    fits = i == axis || !isKnown(x.shape[i]) || !isKnown(indices.shape[i]) || indices.shape[i] <= x.shape[i];
  if (!fits)
    return invalid("indices of shape " + text(indices.shape) + " leave a tensor of shape " + text(x.shape) +
                   " on other axes than axis " + std::to_string(axis));
  return TensorSpec{x.element, indices.shape};
}

StatusOr<TensorSpec> gatherND(const TensorSpec &x, const TensorSpec &indices, int64_t batchDims) {
  CADENZA_RETURN_IF_ERROR(checkIndices(indices));
  const int64_t components = indices.shape.empty() ? unknownExtent : indices.shape.back();
  if (!isKnown(components))
    return invalid("the last extent of indices of shape " + text(indices.shape) +
                   ", how many numbers one index has, has to be known");
  bool fits = batchDims >= 0 && batchDims < indices.rank() && components >= 0 && batchDims + components <= x.rank();
  for (int64_t i = 0; fits && i < batchDims; ++i)
    fits = agree(indices.shape[i], x.shape[i]);
  if (!fits)
    return invalid("indices of shape " + text(indices.shape) + " with " + std::to_string(batchDims) +
                   " batch axes do not index a tensor of shape " + text(x.shape));
  Shape shape(indices.shape.begin(), indices.shape.end() - 1);
  shape.insert(shape.end(), x.shape.begin() + batchDims + components, x.shape.end());
  return TensorSpec{x.element, std::move(shape)};
}

StatusOr<TensorSpec> scatterElements(const TensorSpec &x, const TensorSpec &indices, const TensorSpec &updates,
                                     int64_t axis, ScatterFunction function) {
  CADENZA_RETURN_IF_ERROR(checkScatter(function, x, updates));
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec taken, gatherElements(x, indices, axis));
  CADENZA_RETURN_IF_ERROR(checkSameBut(-1, "indices and updates of shapes", taken.shape, updates.shape));
  return x;
}

StatusOr<TensorSpec> scatterND(const TensorSpec &x, const TensorSpec &indices, const TensorSpec &updates,
                               ScatterFunction function) {
  CADENZA_RETURN_IF_ERROR(checkScatter(function, x, updates));
  CADENZA_ASSIGN_OR_RETURN(const TensorSpec taken, gatherND(x, indices, 0));
  CADENZA_RETURN_IF_ERROR(checkSameBut(-1, "what is indexed and updates of shapes", taken.shape, updates.shape));
  return x;
}

StatusOr<TensorSpec> tensorScatter(const TensorSpec &cache, const TensorSpec &update, const TensorSpec *writeIndices,
                                   int64_t axis) {
  CADENZA_RETURN_IF_ERROR(checkSameElement(cache, update));
  CADENZA_ASSIGN_OR_RETURN(axis, axisFrom0(axis, cache.rank()));
  if (axis == 0)
    return invalid("axis 0 is that of the batch, on which nothing is written");
  CADENZA_RETURN_IF_ERROR(checkSameBut(axis, "cache and update of shapes", cache.shape, update.shape));
  const int64_t room = cache.shape[axis], written = update.shape[axis];
  if (isKnown(room) && isKnown(written) && written > room)
    return invalid("an update of " + std::to_string(written) + " does not fit into a cache of " + std::to_string(room));
  if (writeIndices != nullptr) {
    CADENZA_RETURN_IF_ERROR(checkIndices(*writeIndices));
    if (writeIndices->rank() != 1 || !agree(writeIndices->shape[0], cache.shape[0]))
      return invalid("write indices are one a batch, not " + text(writeIndices->shape));
  }
  return cache;
}

StatusOr<TensorSpec> reduce(ReduceFunction function, const TensorSpec &x, Integers axes, bool keepDims) {
  const bool ofBooleans = function == ReduceFunction::Max || function == ReduceFunction::Min;
  if (!isNumber(x.element) && !(ofBooleans && x.element == ElementType::boolean))
    return invalid("reduce " + std::string(name(function)) + " takes floats and integers, not " +
                   std::string(elementTypeName(x.element)));
  TensorSpec result = x;
  for (int64_t given : axes) {
    CADENZA_ASSIGN_OR_RETURN(const int64_t axis, axisFrom0(given, x.rank()));
    if (result.shape[axis] == -1)
      return invalid("axis " + std::to_string(given) + " is reduced twice");
    result.shape[axis] = -1; // a mark, no extent
  }
  if (keepDims)
    std::replace(result.shape.begin(), result.shape.end(), int64_t{-1}, int64_t{1});
  else
    std::erase(result.shape, -1);
  return result;
}

StatusOr<TensorSpec> argReduce(const TensorSpec &x, int64_t axis, bool keepDims) {
  CADENZA_ASSIGN_OR_RETURN(TensorSpec result, reduce(ReduceFunction::Sum, x, {&axis, 1}, keepDims));
  CADENZA_ASSIGN_OR_RETURN(axis, axisFrom0(axis, x.rank()));
  if (x.shape[axis] == 0)
    return invalid("there is no largest or smallest of no elements");
  result.element = ElementType::i64;
  return result;
}

StatusOr<TensorSpec> softmax(const TensorSpec &x, int64_t axis) {
  CADENZA_ASSIGN_OR_RETURN(axis, axisFrom0(axis, x.rank()));
  if (!isFloat(x.element))
    return invalid("softmax takes floats, not " + std::string(elementTypeName(x.element)));
  return x;
}

StatusOr<TensorSpec> cumsum(const TensorSpec &x, int64_t axis) {
  CADENZA_ASSIGN_OR_RETURN(axis, axisFrom0(axis, x.rank()));
  if (!isNumber(x.element))
    return invalid("cumsum takes floats and integers, not " + std::string(elementTypeName(x.element)));
  return x;
}

StatusOr<TensorSpec> topk(const TensorSpec &x, int64_t k, int64_t axis) {
  CADENZA_ASSIGN_OR_RETURN(axis, axisFrom0(axis, x.rank()));
  if (!isNumber(x.element))
    return invalid("topk takes floats and integers, not " + std::string(elementTypeName(x.element)));
  if (k < 0 || (isKnown(x.shape[axis]) && k > x.shape[axis]))
    return invalid("there are no " + std::to_string(k) + " elements on axis " + std::to_string(axis) + " of " +
                   text(x.shape));
  TensorSpec result = x;
  result.shape[axis] = k;
  return result;
}

StatusOr<TensorSpec> matmul(const TensorSpec &a, const TensorSpec &b) {
  CADENZA_RETURN_IF_ERROR(checkSameElement(a, b));
  if (!isNumber(a.element))
    return invalid("matmul takes floats and integers, not " + std::string(elementTypeName(a.element)));
  if (a.rank() == 0 || b.rank() == 0)
    return invalid("matmul takes vectors and matrices, not scalars");
  const int64_t depthA = a.shape.back(), depthB = b.rank() == 1 ? b.shape[0] : b.shape[b.rank() - 2];
  if (!agree(depthA, depthB))
    return invalid("matrices of shapes " + text(a.shape) + " and " + text(b.shape) +
                   " have no product: " + std::to_string(depthA) + " columns, " + std::to_string(depthB) + " rows");
  const auto batch = [](const TensorSpec &type) {
    return Shape(type.shape.begin(), type.shape.end() - std::min<int64_t>(type.rank(), 2));
  };
  CADENZA_ASSIGN_OR_RETURN(Shape shape, broadcast(batch(a), batch(b)));
  if (a.rank() > 1)
    shape.push_back(a.shape[a.rank() - 2]);
  if (b.rank() > 1)
    shape.push_back(b.shape.back());
  return TensorSpec{a.element, std::move(shape)};
}

StatusOr<TensorSpec> normalization(const TensorSpec &x, const TensorSpec &scale, const TensorSpec *bias, int64_t axis) {
  CADENZA_ASSIGN_OR_RETURN(axis, axisFrom0(axis, x.rank()));
  if (!isFloat(x.element))
    return invalid("a normalization takes floats, not " + std::string(elementTypeName(x.element)));
  CADENZA_RETURN_IF_ERROR(checkSameElement(x, scale));
  CADENZA_RETURN_IF_ERROR(checkBroadcastsTo("a scale", scale.shape, x.shape));
  if (bias != nullptr) {
    CADENZA_RETURN_IF_ERROR(checkSameElement(x, *bias));
    CADENZA_RETURN_IF_ERROR(checkBroadcastsTo("a bias", bias->shape, x.shape));
  }
  return x;
}

} // namespace cadenza::nn::infer
