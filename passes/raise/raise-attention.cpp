// Attention over keys and values that are concatenated to a cache becomes nn.kv_append and nn.attention. See Passes.td.
#include "passes/Passes.h"
#include "passes/raise/match.h"
#include "passes/raise/slices.h"
#include "passes/raise/visibility.h"
#include "runtime/support/float16.h"

#include <cmath>

namespace cadenza {
#define GEN_PASS_DEF_RAISEATTENTION
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;
using namespace cadenza::raise;

namespace {

using nn::Appended;

/// How many positions scores are of, after `past` tokens: those and this one, or those that the tensor has room for.
int64_t positionsOf(nn::ReadCacheOp cache, int64_t past) {
  const int64_t positions = cache.getResult().getType().getDimSize(2);
  return ShapedType::isDynamic(positions) ? past : positions;
}

/// One attention, as it stands in the graph.
struct Site {
  nn::SoftmaxOp softmax;
  nn::MatMulOp scores, sum;
  Appended keys, values;
  Value query; // heads * head_dim elements, before any scale
  int64_t heads = 0, headDim = 0, kvHeads = 0;
  double scale = 0;
  std::optional<double> cap;
  int64_t window = 0; // 0: none
};

/// The scale that a configuration gives, of which `scale` is what fp32 makes.
double exactScale(float scale) {
  // Products of two roots are off by a unit or two in the last place.
  const auto isNear = [&](double exact) { return std::abs(exact - scale) <= exact * 4.0 / (1 << 24); };
  // 1 / sqrt of head_dim, or of the number that Gemma has in its place.
  const double squared = std::round(1 / (static_cast<double>(scale) * scale));
  if (squared >= 1 && squared <= 1 << 20 && isNear(1 / std::sqrt(squared)))
    return 1 / std::sqrt(squared);
  return shortestDecimal(scale);
}

/// 1 / sqrt(head_dim) if `scale` is that but for the rounding of its root: exports of models in 16 bits multiply
/// queries and keys by the root in that type, where the model itself has the scale. Otherwise `scale`.
double withoutRoundedRoots(double scale, int64_t headDim) {
  const double meant = 1 / std::sqrt(static_cast<double>(headDim));
  const auto root = static_cast<float>(std::sqrt(meant));
  for (const double rounded : {bf16ToFloat(floatToBf16(root)), f16ToFloat(floatToF16(root))})
    if (std::abs(scale / (rounded * rounded) - 1) <= 1e-6)
      return meant;
  return scale;
}

class AttentionRaiser {
public:
  AttentionRaiser(ModuleOp module, func::FuncOp function, Value position, const WeightReader &reader)
      : module(module), function(function), position(position), reader(reader), dependences(position),
        runner(module, position, reader), visibility(dependences, runner) {}

  LogicalResult run(int64_t &raised);

private:
  FailureOr<std::optional<Appended>> appendedIn(Value value);
  FailureOr<std::optional<Site>> siteOf(nn::SoftmaxOp softmax);
  LogicalResult measureScores(Site &site);
  nn::AttentionOp replace(Site site, bool withWindows);
  LogicalResult check(Site site, nn::AttentionOp attention, nn::EvaluationState &state);

  ModuleOp module;
  func::FuncOp function;
  Value position;
  const WeightReader &reader;
  Dependences dependences;
  SliceRunner runner;
  Visibility visibility;
};

/// Whether `op` leaves keys or values what they are, but for their places and a scale.
bool keepsHeads(Operation *op, Dependences &dependences) {
  if (auto binary = dyn_cast<nn::BinaryOp>(op))
    return (binary.getFunction() == nn::BinaryFunction::Mul || binary.getFunction() == nn::BinaryFunction::Div) &&
           (dependences.of(binary.getLhs()) == Dependence::Constants ||
            dependences.of(binary.getRhs()) == Dependence::Constants);
  return isa<nn::ReshapeOp, nn::TransposeOp, nn::ExpandOp, nn::SliceOp, nn::ConcatOp, nn::CastOp>(op);
}

/// Where `value` comes from a cache: what is appended to it; nothing if it does not. What is read of a cache and is not
/// appended to, or appended to several times, is a failure.
FailureOr<std::optional<Appended>> AttentionRaiser::appendedIn(Value value) {
  SmallVector<Value> open{value};
  llvm::SmallPtrSet<Value, 16> seen;
  std::optional<Appended> found;
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (!op || !seen.insert(next).second)
      continue;
    if (std::optional<Appended> appended = nn::appendedBy(op)) {
      if (found)
        return failure();
      found = appended;
      continue;
    }
    if (isa<nn::ReadCacheOp>(op))
      return failure();
    if (keepsHeads(op, dependences))
      llvm::append_range(open, op->getOperands());
  }
  return found;
}

/// Whether what `op` does may be done with scores and weights of attention: isPlain looks at it closely.
bool keepsScores(Operation *op) {
  return isa<nn::BinaryOp, nn::UnaryOp, nn::WhereOp, nn::CastOp, nn::ReshapeOp, nn::TransposeOp>(op);
}

/// The product that scores come from, through what is done with scores; null if there is none, or several.
nn::MatMulOp scoresBefore(Value value, Dependences &dependences) {
  SmallVector<Value> open{value};
  llvm::SmallPtrSet<Value, 16> seen;
  nn::MatMulOp found;
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (!op || !seen.insert(next).second || dependences.of(next) != Dependence::Sequence)
      continue;
    if (auto product = dyn_cast<nn::MatMulOp>(op)) {
      if (found)
        return nullptr;
      found = product;
    } else if (keepsScores(op)) {
      llvm::append_range(open, op->getOperands());
    } else {
      return nullptr;
    }
  }
  return found;
}

/// The product that weights of attention go into; likewise.
nn::MatMulOp sumAfter(Value value) {
  SmallVector<Operation *> open(value.getUsers());
  llvm::SmallPtrSet<Operation *, 16> seen;
  nn::MatMulOp found;
  while (!open.empty()) {
    Operation *op = open.pop_back_val();
    if (!seen.insert(op).second)
      continue;
    if (auto product = dyn_cast<nn::MatMulOp>(op)) {
      if (found)
        return nullptr;
      found = product;
    } else if (keepsScores(op)) {
      llvm::append_range(open, op->getResult(0).getUsers());
    }
  }
  return found;
}

/// Whether all that is done with `from` on its way to `to` is what attention does with scores and weights, the same for
/// all of them and after every number of tokens: scaled by numbers, capped, masked by what does not depend on them. The
/// numbers are measured at few scores and few positions, so there may be no others.
bool isPlain(Value from, Value to, Dependences &dependences) {
  llvm::DenseMap<Value, bool> known{{from, true}}; // whether a value comes from `from`
  const auto comesFrom = [&](Value value) {
    SmallVector<Value> open{value};
    while (!open.empty()) {
      const Value next = open.back();
      Operation *op = next.getDefiningOp();
      if (known.contains(next) || !op || dependences.of(next) != Dependence::Sequence) {
        known.try_emplace(next, false);
        open.pop_back();
        continue;
      }
      bool ready = true, any = false;
      for (Value operand : op->getOperands()) {
        const auto found = known.find(operand);
        if (found == known.end()) {
          open.push_back(operand);
          ready = false;
        } else {
          any |= found->second;
        }
      }
      if (ready) {
        known[next] = any;
        open.pop_back();
      }
    }
    return known.lookup(value);
  };
  SmallVector<Value> open{to};
  llvm::SmallPtrSet<Value, 16> seen;
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    if (next == from || !comesFrom(next) || !seen.insert(next).second)
      continue;
    Operation *op = next.getDefiningOp();
    if (auto unary = dyn_cast<nn::UnaryOp>(op); unary && unary.getFunction() != nn::UnaryFunction::Tanh)
      return false;
    if (auto where = dyn_cast<nn::WhereOp>(op)) {
      // A weight that is no number, where all tokens are hidden, becomes 0: of weights alone, so not of scores.
      auto test = where->getOperand(0).getDefiningOp<nn::UnaryOp>();
      const bool isGuard = test && test.getFunction() == nn::UnaryFunction::IsNaN;
      if ((!isGuard && comesFrom(where->getOperand(0))) ||
          (comesFrom(where->getOperand(1)) && comesFrom(where->getOperand(2))))
        return false;
      open.push_back(where->getOperand(comesFrom(where->getOperand(1)) ? 1 : 2));
      continue;
    }
    if (auto binary = dyn_cast<nn::BinaryOp>(op)) {
      const bool left = comesFrom(binary.getLhs());
      const Value other = left ? binary.getRhs() : binary.getLhs();
      const nn::BinaryFunction function = binary.getFunction();
      const bool isScale = function == nn::BinaryFunction::Mul || (function == nn::BinaryFunction::Div && left);
      const bool isMask = function == nn::BinaryFunction::Add || (function == nn::BinaryFunction::Sub && left);
      if (comesFrom(other) || !(isScale || isMask) || (isScale && dependences.of(other) != Dependence::Constants) ||
          dependences.of(other) == Dependence::Sequence)
        return false;
    }
    if (!isa<nn::UnaryOp, nn::BinaryOp, nn::ReshapeOp, nn::TransposeOp, nn::CastOp>(op))
      return false;
    llvm::append_range(open, op->getOperands());
  }
  return true;
}

/// Whether `value` is one number.
bool isNumber(Value value, Dependences &dependences) {
  const auto type = cast<RankedTensorType>(value.getType());
  return dependences.of(value) == Dependence::Constants && type.hasStaticShape() && type.getNumElements() == 1;
}

/// What queries are before they are scaled by numbers and reshaped.
Value unscaled(Value value, Dependences &dependences) {
  for (;;) {
    Operation *op = value.getDefiningOp();
    if (auto reshape = dyn_cast_if_present<nn::ReshapeOp>(op)) {
      value = reshape.getInput();
      continue;
    }
    auto binary = dyn_cast_if_present<nn::BinaryOp>(op);
    const bool isProduct =
        binary && (binary.getFunction() == nn::BinaryFunction::Mul || binary.getFunction() == nn::BinaryFunction::Div);
    if (isProduct && isNumber(binary.getRhs(), dependences))
      value = binary.getLhs();
    else if (isProduct && binary.getFunction() == nn::BinaryFunction::Mul && isNumber(binary.getLhs(), dependences))
      value = binary.getRhs();
    else
      return value;
  }
}

/// The parts of the attention that `softmax` is of. Nothing: it is none over a cache. What is one over a cache, but not
/// one that nn.attention computes, is an error.
FailureOr<std::optional<Site>> AttentionRaiser::siteOf(nn::SoftmaxOp softmax) {
  Site site;
  site.softmax = softmax;
  site.scores = scoresBefore(softmax.getInput(), dependences);
  if (!site.scores)
    return std::optional<Site>();
  const auto refused = [&](const Twine &why) { return softmax.emitError() << "is over a cache, but " << why; };
  FailureOr<std::optional<Appended>> left = appendedIn(site.scores.getLhs()), right = appendedIn(site.scores.getRhs());
  if (failed(left) || failed(right))
    return refused("the keys are not one token's behind those of a cache");
  if (!*left && !*right)
    return std::optional<Site>();
  if (*left && *right)
    return refused("queries are of the cache, too");
  site.sum = sumAfter(softmax.getResult());
  if (!site.sum)
    return refused("there is no one product of its result with values");
  FailureOr<std::optional<Appended>> first = appendedIn(site.sum.getLhs()), second = appendedIn(site.sum.getRhs());
  if (failed(first) || failed(second) || first->has_value() == second->has_value())
    return refused("the values are not one token's behind those of a cache");
  site.keys = *left ? **left : **right;
  site.values = *first ? **first : **second;
  if (site.keys.past.getCacheAttr() != site.values.past.getCacheAttr() || site.keys.past.getOfValues() ||
      !site.values.past.getOfValues())
    return refused("keys and values are not those of one cache");
  if (site.keys.past.getPosition() != position || site.values.past.getPosition() != position)
    return refused("the cache is read at another position than the step's");
  for (Appended part : {site.keys, site.values}) {
    auto type = cast<RankedTensorType>(part.added.getType());
    const ArrayRef<int64_t> past = part.past.getResult().getType().getShape();
    if (!type.hasStaticShape() || type.getNumElements() != past[1] * past[3])
      return refused("what is appended is not one token's keys or values");
    if (!type.getElementType().isF32())
      return refused("it is not in f32: raise-types comes first");
  }
  site.query = unscaled(*left ? site.scores.getRhs() : site.scores.getLhs(), dependences);
  const auto queries = cast<RankedTensorType>(site.query.getType()),
             result = cast<RankedTensorType>(site.sum.getResult().getType());
  const ArrayRef<int64_t> past = site.keys.past.getResult().getType().getShape();
  site.kvHeads = past[1];
  site.headDim = past[3];
  if (!queries.hasStaticShape() || !queries.getElementType().isF32() || queries.getNumElements() % site.headDim != 0 ||
      !result.hasStaticShape() || !result.getElementType().isF32() ||
      result.getNumElements() != queries.getNumElements())
    return refused("queries or the result are not one token's heads in f32");
  site.heads = queries.getNumElements() / site.headDim;
  if (site.heads % site.kvHeads != 0)
    return refused("the query heads are no multiple of the key heads");
  if (failed(measureScores(site)))
    return failure();
  FailureOr<int64_t> window = visibility.windowOf(softmax.getInput(), site.scores.getResult());
  if (failed(window))
    return failure();
  const bool valuesAreLeft = first->has_value();
  if (!isPlain(site.scores.getResult(), softmax.getInput(), dependences) ||
      !isPlain(softmax.getResult(), valuesAreLeft ? site.sum.getRhs() : site.sum.getLhs(), dependences))
    return refused(
        "its scores or weights are not those of queries and keys but for constant factors, a cap and a mask");
  site.window = *window;
  return std::optional(site);
}

/// Finds the scale and the cap: scores of queries and keys of which one element is not 0, where the cache is empty.
LogicalResult AttentionRaiser::measureScores(Site &site) {
  const Value score = site.softmax.getInput();
  const auto scoreOf = [&](double key) -> std::optional<double> {
    std::vector<double> queries(static_cast<size_t>(site.heads * site.headDim)),
        keys(static_cast<size_t>(site.kvHeads * site.headDim));
    for (size_t i = 0; i < queries.size(); i += site.headDim)
      queries[i] = 1;
    for (size_t i = 0; i < keys.size(); i += site.headDim)
      keys[i] = key;
    const std::vector<double> nothing(static_cast<size_t>(elementsOf(site.keys.past.getResult())));
    const std::pair<Value, nn::TensorValue> bindings[] = {
        {site.query, valueLike(site.query, queries)},
        {site.keys.added, valueLike(site.keys.added, keys)},
        {site.keys.past.getResult(), valueLike(site.keys.past.getResult(), nothing, 0)}};
    const std::optional<nn::TensorValue> value = runner.run(score, 0, bindings);
    if (!value)
      return std::nullopt;
    const std::vector<double> scores = reals(*value);
    // Of each head the token's own; where there is room for more, those are hidden.
    for (size_t i = 0; i < scores.size(); i += value->shape.back())
      if (scores[i] != scores[0])
        return std::nullopt;
    return scores.empty() ? std::nullopt : std::optional(scores[0]);
  };
  // Powers of two, so that products with them are exact.
  const double small = 0x1p-20, large = 0x1p40;
  const std::optional<double> one = scoreOf(1), low = scoreOf(small), high = scoreOf(large);
  if (!one || !low || !high || !(*one > 0))
    return site.softmax.emitError()
           << "is over a cache, but its scores are not the products of queries and keys, scaled"
           << (runner.error().empty() ? "" : ": ") << runner.error();
  if (*high == *one * large && *low == *one * small) {
    site.scale = exactScale(static_cast<float>(*one));
    return success();
  }
  // cap * tanh(scale / cap * x) is cap where x is large, and scale * x where it is small.
  site.cap = shortestDecimal(static_cast<float>(*high));
  site.scale = exactScale(static_cast<float>(*low / small));
  if (std::abs(*site.cap * std::tanh(site.scale / *site.cap) - *one) <= 1e-5 * *one)
    return success();
  return site.softmax.emitError()
         << "is over a cache, but its scores are neither scaled nor capped products of queries "
            "and keys: products of "
         << small << ", 1 and " << large << " become " << *low << ", " << *one << " and " << *high;
}

/// The ops of a decoder in the place of a site.
nn::AttentionOp AttentionRaiser::replace(Site site, bool withWindows) {
  OpBuilder builder(site.sum);
  const Location location = site.sum.getLoc();
  const FlatSymbolRefAttr cache = site.keys.past.getCacheAttr();
  FlatSymbolRefAttr window;
  if (withWindows) {
    StringRef layer = cache.getValue();
    layer.consume_back(".cache");
    auto declared = SymbolTable::lookupNearestSymbolFrom<nn::CacheOp>(site.sum, cache);
    OpBuilder symbols(declared->getContext());
    symbols.setInsertionPointAfter(declared);
    const std::string name = (layer + ".attention.window").str();
    nn::ScalarOp::create(symbols, declared.getLoc(), name, site.window);
    window = FlatSymbolRefAttr::get(builder.getContext(), name);
  }
  const Value key = asRow(builder, location, site.keys.added), value = asRow(builder, location, site.values.added);
  const Value query = asRow(builder, location, site.query);
  nn::KVAppendOp::create(builder, location, key, value, position, cache);
  return nn::AttentionOp::create(builder, location, query.getType(), query, position, cache,
                                 builder.getI64IntegerAttr(site.heads), builder.getF64FloatAttr(site.scale), window,
                                 site.cap ? builder.getF64FloatAttr(*site.cap) : FloatAttr());
}

/// Whether `attention` computes what the graph does, from made-up queries, keys and values.
LogicalResult AttentionRaiser::check(Site site, nn::AttentionOp attention, nn::EvaluationState &state) {
  const int64_t row = site.kvHeads * site.headDim;
  for (const int64_t past : {0, 1, 5}) {
    const int64_t positions = positionsOf(site.keys.past, past);
    if (past > positions - !ShapedType::isDynamic(site.keys.past.getResult().getType().getDimSize(2)))
      break; // no room for this token
    nn::EvaluationState::Cache &cache = state.cache(attention.getCacheAttr());
    cache = {};
    // Of what is read [kv_heads, positions, head_dim], of the op a token after the other.
    std::vector<double> keys(row * positions), values(row * positions), newKey, newValue;
    const std::vector<double> query = madeUp(site.heads * site.headDim, 3);
    for (int64_t p = 0; p <= past; ++p) {
      const std::vector<double> key = madeUp(row, 100 + p), value = madeUp(row, 200 + p);
      cache.keys.emplace_back(key.begin(), key.end());
      cache.values.emplace_back(value.begin(), value.end());
      newKey = key;
      newValue = value;
      for (int64_t i = 0; i < row && p < past; ++i) {
        const int64_t at = (i / site.headDim * positions + p) * site.headDim + i % site.headDim;
        keys[at] = key[i];
        values[at] = value[i];
      }
    }
    const std::pair<Value, nn::TensorValue> bindings[] = {
        {site.query, valueLike(site.query, query)},
        {site.keys.added, valueLike(site.keys.added, newKey)},
        {site.values.added, valueLike(site.values.added, newValue)},
        {site.keys.past.getResult(), valueLike(site.keys.past.getResult(), keys, past)},
        {site.values.past.getResult(), valueLike(site.values.past.getResult(), values, past)}};
    const std::optional<nn::TensorValue> graph = runner.run(site.sum.getResult(), past, bindings);
    if (!graph)
      return site.softmax.emitError() << "is over a cache, but cannot be evaluated: " << runner.error();
    SmallVector<nn::Vector> results;
    if (failed(
            attention.evaluate(state, {nn::Vector(query.begin(), query.end()), {static_cast<float>(past)}}, results)))
      return failure();
    for (auto [expected, actual] : llvm::zip_equal(results[0], reals(*graph)))
      if (!(std::abs(expected - actual) <= 1e-4))
        return site.softmax.emitError() << "is over a cache, but not attention as nn.attention computes it: after "
                                        << past << " tokens it yields " << actual << " where that yields " << expected;
  }
  return success();
}

LogicalResult AttentionRaiser::run(int64_t &raised) {
  SmallVector<Site> sites;
  for (auto softmax : function.getOps<nn::SoftmaxOp>()) {
    FailureOr<std::optional<Site>> site = siteOf(softmax);
    if (failed(site))
      return failure();
    if (*site)
      sites.push_back(**site);
  }
  // A layer without a window in a model that has windows has one of 0, so that layers are alike.
  const bool withWindows = llvm::any_of(sites, [](const Site &site) { return site.window != 0; });
  SmallVector<std::pair<Site, nn::AttentionOp>> replaced;
  for (Site site : sites)
    replaced.emplace_back(site, replace(site, withWindows));
  nn::EvaluationState state(module, nullptr);
  for (auto &[site, attention] : replaced) {
    if (failed(check(site, attention, state)))
      return failure();
  }
  for (auto &[site, attention] : replaced) {
    OpBuilder builder(site.sum);
    Value result = nn::ReshapeOp::create(builder, site.sum.getLoc(), site.sum.getResult().getType(), attention);
    Value(site.sum.getResult()).replaceAllUsesWith(result);
    attention.setScale(llvm::APFloat(withoutRoundedRoots(site.scale, site.headDim)));
  }
  eraseDead(function);
  raised += static_cast<int64_t>(replaced.size());
  return success();
}

struct RaiseAttentionPass : cadenza::impl::RaiseAttentionBase<RaiseAttentionPass> {
  RaiseAttentionPass() = default;
  explicit RaiseAttentionPass(WeightReader reader) : reader(std::move(reader)) {}

  void runOnOperation() final {
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      const Value position = function.isExternal() ? Value() : positionOf(function);
      int64_t count = 0;
      if (position && failed(AttentionRaiser(getOperation(), function, position, reader).run(count)))
        return signalPassFailure();
      attentions += count;
    }
  }

private:
  WeightReader reader;
};

} // namespace

std::unique_ptr<Pass> cadenza::createRaiseAttention(nn::EvaluationState::TensorReader reader) {
  return std::make_unique<RaiseAttentionPass>(std::move(reader));
}
