#include "passes/raise/visibility.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace cadenza;
using namespace cadenza::raise;

namespace {

/// What hides a token is added to a score, or stands in its place: -1e4 (GPT-2), the lowest number of a type, infinity.
constexpr double hides = -1e4;
/// Every number of tokens up to this one is tried: a mask may be anything.
constexpr int64_t allUpTo = 160;
/// Beyond that, powers of 2 up to this one, as long as no more elements than these are made on the way.
constexpr int64_t longest = 1 << 18, mostElements = 1 << 23;
/// Numbers of tokens that the constants of a mask name are tried as long as no more than these are.
constexpr int64_t mostNamed = 18'000'000;
/// All rows of a table are tried if that makes no more than these in all.
constexpr int64_t mostOfTable = int64_t{1} << 33;
/// No text is longer: a larger constant is no number of tokens.
constexpr double longestText = 1 << 24;

} // namespace

/// What products that are all `product` become in the step at `position`.
std::optional<nn::TensorValue> Visibility::scoresOf(double product, Value scores, Value products, int64_t position) {
  const std::vector<double> all(static_cast<size_t>(elementsOf(products, position + 1)), product);
  return runner.run(scores, position, std::pair(products, valueLike(products, all, position + 1)));
}

std::optional<Visibility::Seen> Visibility::at(Value scores, Value products, int64_t position) {
  const int64_t extent = cast<RankedTensorType>(products.getType()).getShape().back();
  if (!ShapedType::isDynamic(extent) && extent <= position)
    return std::nullopt; // there is no such position
  const std::optional<nn::TensorValue> value = scoresOf(0, scores, products, position),
                                       ofOne = scoresOf(1, scores, products, position);
  if (!value || !ofOne)
    return std::nullopt;
  Seen seen;
  const std::vector<double> made = reals(*value), madeOfOne = reals(*ofOne);
  // Of a tensor that has room for more tokens, those that are not there yet are to be hidden.
  const int64_t tokens = value->shape.empty() ? 0 : value->shape.back();
  if (tokens <= 0 || tokens <= position) {
    seen.problem = "there are scores " + nn::text(value->shape) + " of " + std::to_string(position + 1) + " tokens";
    return seen;
  }
  const auto name = [](int64_t token) { return "token " + std::to_string(token); };
  std::optional<int64_t> shown; // the first one
  for (size_t i = 0; i < made.size(); ++i) {
    const int64_t token = static_cast<int64_t>(i) % tokens;
    const bool isHidden = made[i] <= hides;
    if (i < static_cast<size_t>(tokens) && isHidden && seen.first == token && token < position)
      seen.first = token + 1;
    if (!shown && !isHidden) {
      shown = token;
      seen.ofOne = madeOfOne[i];
    }
    if (!isHidden && made[i] != 0)
      seen.problem = "a score of 0 of " + name(token) + " becomes " + std::to_string(made[i]);
    else if (!isHidden && (token < seen.first || token > position))
      seen.problem = name(token) + " is seen, which is hidden elsewhere or not there yet";
    else if (isHidden && token >= seen.first && token <= position)
      seen.problem = name(token) + " is hidden, " + name(seen.first) + " is not";
    else if (!isHidden && madeOfOne[i] != seen.ofOne)
      seen.problem = "a score of 1 of " + name(token) + " becomes " + std::to_string(madeOfOne[i]) + ", of " +
                     name(*shown) + " " + std::to_string(seen.ofOne);
    if (!seen.problem.empty())
      return seen;
  }
  return seen;
}

std::vector<const void *> Visibility::keyOf(Value scores, Value products) {
  std::vector<const void *> key;
  SmallVector<Value> open{scores};
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (next == products || !op || dependences.of(next) != Dependence::Sequence) {
      key.push_back(next == products ? nullptr : next.getAsOpaquePointer());
      continue;
    }
    key.push_back(op->getName().getAsOpaquePointer());
    key.push_back(op->getAttrDictionary().getAsOpaquePointer());
    key.push_back(next.getType().getAsOpaquePointer());
    llvm::append_range(open, op->getOperands());
  }
  return key;
}

/// A number may be one of tokens; a list a table with a row, or an element, a position.
void Visibility::Slice::add(const nn::TensorValue &constant) {
  if (constant.elements() != 1) {
    for (int64_t extent : constant.shape)
      table = std::max(table, extent);
    return;
  }
  const double number = nn::reals(constant).front();
  if (number == std::floor(number) && std::abs(number) <= longestText && number > hides)
    (isInteger(constant.element) ? integers : floats).insert(static_cast<int64_t>(std::abs(number)));
}

int64_t Visibility::Slice::elements(int64_t tokens) const {
  int64_t most = 0;
  for (Value value : values) {
    int64_t elements = 1;
    for (int64_t extent : cast<RankedTensorType>(value.getType()).getShape())
      if (__builtin_mul_overflow(elements, ShapedType::isDynamic(extent) ? tokens : extent, &elements))
        return std::numeric_limits<int64_t>::max();
    most = std::max(most, elements);
  }
  return most;
}

/// The most tokens of which no more than `elements` are made.
int64_t Visibility::Slice::tokens(int64_t most) const {
  int64_t low = 0, high = 2 * static_cast<int64_t>(longestText);
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (elements(middle) <= most)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

Visibility::Slice Visibility::sliceOf(Value scores, Value products) {
  Slice slice;
  SmallVector<Value> open{scores};
  llvm::SmallPtrSet<Value, 32> visited;
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (!op || !visited.insert(next).second)
      continue;
    slice.values.push_back(next);
    if (next == products)
      continue;
    if (auto constant = dyn_cast<nn::ConstantOp>(op))
      slice.add(nn::valueOf(cast<DenseElementsAttr>(constant.getValue())));
    if (auto weight = dyn_cast<nn::GetWeightOp>(op))
      for (int64_t extent : weight.getResult().getType().getShape())
        slice.table = std::max(slice.table, extent);
    llvm::append_range(open, op->getOperands());
  }
  return slice;
}

/// The window is the least number of tokens before this one that hides the first one.
FailureOr<Visibility::Reach> Visibility::findWindow(Value scores, Value products, double ofOne, int64_t limit) {
  Reach reach;
  for (int64_t past = 1; past <= limit && reach.window == 0; past *= 2) {
    const std::optional<Seen> seen = at(scores, products, past);
    if (!seen) // room or a table for fewer tokens: there is no text that is longer
      break;
    if (failed(check(scores, *seen, ofOne, past)))
      return failure();
    (seen->first > 0 ? reach.window : reach.sees) = past;
  }
  while (reach.window > reach.sees + 1) {
    const int64_t middle = (reach.sees + reach.window) / 2;
    const std::optional<Seen> seen = at(scores, products, middle);
    if (!seen)
      return notEvaluated(scores);
    (seen->first > 0 ? reach.window : reach.sees) = middle;
  }
  return reach;
}

/// Whether what is seen is one run of tokens, in scores that are scaled as at the beginning.
LogicalResult Visibility::check(Value scores, const Seen &seen, double ofOne, int64_t past) {
  if (!seen.problem.empty())
    return refused(scores, past) << seen.problem;
  if (seen.ofOne == ofOne)
    return success();
  return scores.getDefiningOp()->emitError() << "scales scores by the position: a score of 1 becomes " << ofOne
                                             << " at the beginning, " << seen.ofOne << " after " << past << " tokens";
}

/// Whether all that may make a difference can be tried.
LogicalResult Visibility::checkSize(Value scores, const Slice &slice) {
  Operation *place = scores.getDefiningOp();
  if (const int64_t elements = slice.elements(allUpTo); elements > mostElements)
    return place->emitError() << "masks scores by values of " << elements << " elements where there are " << allUpTo
                              << " tokens; no more than " << mostElements << " are evaluated";
  if (slice.table > allUpTo && slice.elements(slice.table) > mostOfTable / slice.table)
    return place->emitError() << "masks scores by a table of " << slice.table
                              << " positions, which are too many to try each";
  const int64_t limit = slice.tokens(mostNamed) - 1;
  if (!slice.integers.empty() && *slice.integers.rbegin() > limit)
    return place->emitError() << "masks scores by the number " << *slice.integers.rbegin() << "; no more than " << limit
                              << " tokens can be tried";
  return success();
}

/// The numbers of tokens that may make a difference: small ones, those at the window, those that the mask's constants
/// name, and some between.
SmallVector<int64_t> Visibility::positionsToTry(const Slice &slice, int64_t window) {
  const int64_t limit = slice.tokens(mostNamed) - 1;
  SmallVector<int64_t> positions = llvm::to_vector(llvm::seq<int64_t>(0, allUpTo));
  for (int64_t past = allUpTo; past < slice.table; ++past)
    positions.push_back(past);
  for (int64_t past = allUpTo; past <= std::min<int64_t>(limit, 1 << 14); past *= 2)
    positions.append({past, past + past / 2 + 1});
  if (window != 0)
    positions.append({window - 1, window, window + 1, 2 * window + 3});
  for (const std::set<int64_t> &numbers : {slice.integers, slice.floats})
    for (int64_t number : numbers)
      if (number >= allUpTo && number <= limit)
        positions.append({number - 1, number, number + 1});
  return positions;
}

InFlightDiagnostic Visibility::refused(Value scores, int64_t past) {
  return scores.getDefiningOp()->emitError()
         << "masks scores in a way that is neither causal nor a window: after " << past << " tokens ";
}

InFlightDiagnostic Visibility::notEvaluated(Value scores) {
  return scores.getDefiningOp()->emitError() << "masks scores, but cannot be evaluated: " << runner.error();
}

FailureOr<int64_t> Visibility::windowOf(Value scores, Value products) {
  const std::vector<const void *> key = keyOf(scores, products);
  if (const auto found = known.find(key); found != known.end())
    return found->second;
  const Slice slice = sliceOf(scores, products);
  if (failed(checkSize(scores, slice)))
    return failure();
  const std::optional<Seen> start = at(scores, products, 0);
  if (!start)
    return notEvaluated(scores);
  int64_t limit = std::min(longest, slice.tokens(mostElements) - 1);
  if (const int64_t named = slice.integers.empty() ? 0 : *slice.integers.rbegin(); named > limit)
    limit = std::min(2 * named, slice.tokens(mostNamed) - 1);
  const FailureOr<Reach> reach = findWindow(scores, products, start->ofOne, limit);
  if (failed(reach))
    return failure();
  const int64_t window = reach->window;
  for (int64_t past : positionsToTry(slice, window)) {
    const std::optional<Seen> seen = at(scores, products, past);
    if (!seen && past > std::max(reach->sees, window))
      continue; // no room for so many
    if (!seen)
      return notEvaluated(scores);
    if (failed(check(scores, *seen, start->ofOne, past)))
      return failure();
    const int64_t first = window != 0 ? std::max<int64_t>(0, past + 1 - window) : 0;
    if (seen->first != first)
      return refused(scores, past) << "the first token that is seen is " << seen->first << ", with a window of "
                                   << window << " it would be " << first;
  }
  known[key] = window;
  return window;
}
