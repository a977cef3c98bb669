#include "passes/raise/visibility.h"

using namespace mlir;
using namespace cadenza;
using namespace cadenza::raise;

namespace {

/// What hides a token is added to a score, or stands in its place: -1e4 (GPT-2), the lowest number of a type, infinity.
constexpr double hides = -1e4;
/// No window is longer.
constexpr int64_t longest = 1 << 18;
/// Scores of so many positions and heads are evaluated in little time.
constexpr int64_t mostScores = 1 << 23;
/// Every number of tokens up to this one is tried: a mask may be anything.
constexpr int64_t allUpTo = 160;
/// Where a mask is made for all pairs of tokens, that takes their square.
constexpr int64_t longestSquare = 1 << 11;

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

FailureOr<int64_t> Visibility::windowOf(Value scores, Value products) {
  const std::vector<const void *> key = keyOf(scores, products);
  if (const auto found = known.find(key); found != known.end())
    return found->second;
  Operation *place = scores.getDefiningOp();
  const auto refused = [&](int64_t position) {
    return place->emitError() << "masks scores in a way that is neither causal nor a window: after " << position
                              << " tokens ";
  };
  // Whether a type on the way is of all pairs of tokens.
  bool isSquare = false;
  SmallVector<Value> open{scores};
  llvm::SmallPtrSet<Value, 32> visited;
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    if (next == products || !next.getDefiningOp() || !visited.insert(next).second)
      continue;
    isSquare |= llvm::count_if(cast<RankedTensorType>(next.getType()).getShape(), ShapedType::isDynamic) > 1;
    llvm::append_range(open, next.getDefiningOp()->getOperands());
  }
  const int64_t limit =
      isSquare ? longestSquare : std::min(longest, mostScores / std::max<int64_t>(1, elementsOf(products, 1)));
  const std::optional<Seen> start = at(scores, products, 0);
  if (!start)
    return place->emitError() << "masks scores, but cannot be evaluated: " << runner.error();
  const auto scalesAlike = [&](const Seen &seen, int64_t past) -> LogicalResult {
    if (seen.ofOne == start->ofOne)
      return success();
    return place->emitError() << "scales scores by the position: a score of 1 becomes " << start->ofOne
                              << " at the beginning, " << seen.ofOne << " after " << past << " tokens";
  };
  // The least number of tokens before this one that hides the first one is the window.
  int64_t sees = 0, window = 0;
  for (int64_t past = 1; past <= limit; past *= 2) {
    const std::optional<Seen> seen = at(scores, products, past);
    if (!seen) // room or a table for fewer tokens: there is no text that is longer
      break;
    if (!seen->problem.empty())
      return refused(past) << seen->problem;
    if (failed(scalesAlike(*seen, past)))
      return failure();
    if (seen->first > 0) {
      window = past;
      break;
    }
    sees = past;
  }
  while (window > sees + 1) {
    const int64_t middle = (sees + window) / 2;
    const std::optional<Seen> seen = at(scores, products, middle);
    if (!seen)
      return place->emitError() << "masks scores, but cannot be evaluated: " << runner.error();
    (seen->first > 0 ? window : sees) = middle;
  }
  SmallVector<int64_t> positions = llvm::to_vector(llvm::seq<int64_t>(0, allUpTo));
  if (window != 0)
    positions.append({window - 1, window, window + 1, 2 * window + 3});
  for (int64_t past : positions) {
    const std::optional<Seen> seen = at(scores, products, past);
    if (!seen && past > std::max(sees, window))
      continue;
    if (!seen)
      return place->emitError() << "masks scores, but cannot be evaluated: " << runner.error();
    if (!seen->problem.empty())
      return refused(past) << seen->problem;
    if (failed(scalesAlike(*seen, past)))
      return failure();
    const int64_t first = window != 0 ? std::max<int64_t>(0, past + 1 - window) : 0;
    if (seen->first != first)
      return refused(past) << "the first token that is seen is " << seen->first << ", with a window of " << window
                           << " it would be " << first;
  }
  known[key] = window;
  return window;
}
