#include "compiler/import/onnx/shapes/symbols.h"
#include "compiler/import/text.h"

#include <algorithm>

namespace cadenza::onnx {
namespace {

constexpr int64_t infinity = INT64_MAX, minusInfinity = INT64_MIN;
/// Texts of composites grow with what they hold; what is longer is as good as unknown.
constexpr size_t maxTextSize = 1024;

bool isInfinite(int64_t bound) { return bound == infinity || bound == minusInfinity; }

/// `loose`, the infinity that says least, wins over the other.
int64_t saturatingAdd(int64_t a, int64_t b, int64_t loose) {
  int64_t sum;
  if (a == loose || b == loose)
    return loose;
  if (isInfinite(a) || isInfinite(b))
    return isInfinite(a) ? a : b;
  if (__builtin_add_overflow(a, b, &sum))
    return a > 0 ? infinity : minusInfinity;
  return sum;
}

int64_t saturatingMultiply(int64_t a, int64_t b) {
  int64_t product;
  if (a == 0 || b == 0)
    return 0;
  if (isInfinite(a) || isInfinite(b) || __builtin_mul_overflow(a, b, &product))
    return (a > 0) == (b > 0) ? infinity : minusInfinity;
  return product;
}

Bounds operator+(Bounds a, Bounds b) {
  return {saturatingAdd(a.low, b.low, minusInfinity), saturatingAdd(a.high, b.high, infinity)};
}

Bounds operator*(Bounds a, Bounds b) {
  const int64_t ends[] = {saturatingMultiply(a.low, b.low), saturatingMultiply(a.low, b.high),
                          saturatingMultiply(a.high, b.low), saturatingMultiply(a.high, b.high)};
  return {*std::ranges::min_element(ends), *std::ranges::max_element(ends)};
}

int64_t floorQuotient(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); } // b > 0

/// a // b where the ends may be infinite; b > 0.
Bounds floorQuotient(Bounds a, Bounds b) {
  // The larger the divisor, the nearer to zero: to 0, or to -1 from below.
  const auto end = [](int64_t bound, int64_t divisor) {
    if (isInfinite(bound))
      return bound;
    return divisor == infinity ? (bound < 0 ? int64_t{-1} : 0) : floorQuotient(bound, divisor);
  };
  return {end(a.low, a.low < 0 ? b.low : b.high), end(a.high, a.high < 0 ? b.high : b.low)};
}

} // namespace

Symbols::Symbols(std::map<std::string, std::string> replacements, std::map<std::string, int64_t> limits)
    : replacements(std::move(replacements)), limits(std::move(limits)) {}

Polynomial Symbols::named(const std::string &name) {
  const auto [found, isNew] = names.try_emplace(name, static_cast<SymbolId>(all.size()));
  if (isNew) {
    const auto limit = limits.find(name);
    all.push_back({Kind::Named, escaped(name, 80), "", {}, {}, {0, limit == limits.end() ? infinity : limit->second}});
  }
  return Polynomial::symbol(found->second);
}

Polynomial Symbols::unknown(std::string origin) {
  all.push_back({Kind::Unknown, "?" + std::to_string(++unknowns), std::move(origin), {}, {}, {0, infinity}});
  return Polynomial::symbol(static_cast<SymbolId>(all.size() - 1));
}

Polynomial Symbols::composite(Kind kind, const Polynomial &a, const Polynomial &b, Bounds bounds) {
  if (!a.isKnown() || !b.isKnown())
    return Polynomial::unknown();
  static constexpr std::string_view functions[] = {"", "", "min", "max", "floor_divide", "broadcast"};
  std::string name = std::string(functions[static_cast<size_t>(kind)]) + "(" + text(a) + ", " + text(b) + ")";
  if (name.size() > maxTextSize)
    return Polynomial::unknown();
  const auto [found, isNew] = composites.try_emplace(name, static_cast<SymbolId>(all.size()));
  if (isNew)
    all.push_back({kind, std::move(name), "", a, b, bounds});
  return Polynomial::symbol(found->second);
}

Polynomial Symbols::minimum(const Polynomial &a, const Polynomial &b) {
  const Bounds difference = bounds(a - b);
  if (difference.high <= 0)
    return a;
  if (difference.low >= 0)
    return b;
  const Bounds x = bounds(a), y = bounds(b);
  const bool swapped = text(b) < text(a);
  return composite(Kind::Minimum, swapped ? b : a, swapped ? a : b, {std::min(x.low, y.low), std::min(x.high, y.high)});
}

Polynomial Symbols::maximum(const Polynomial &a, const Polynomial &b) {
  const Bounds difference = bounds(a - b);
  if (difference.high <= 0)
    return b;
  if (difference.low >= 0)
    return a;
  const Bounds x = bounds(a), y = bounds(b);
  const bool swapped = text(b) < text(a);
  return composite(Kind::Maximum, swapped ? b : a, swapped ? a : b, {std::max(x.low, y.low), std::max(x.high, y.high)});
}

Polynomial Symbols::floorDivide(const Polynomial &a, const Polynomial &b) {
  const Bounds divisor = bounds(b);
  if (!a.isKnown() || !b.isKnown() || divisor.low <= 0)
    return Polynomial::unknown();
  if (a.number() && b.number())
    return floorQuotient(*a.number(), *b.number());
  auto [quotient, remainder] = a.divide(b);
  if (!remainder.isKnown())
    return Polynomial::unknown();
  if (const auto &terms = remainder.terms(); b.number() && !terms.empty() && terms.back().symbols.empty()) {
    const int64_t whole = floorQuotient(terms.back().coefficient, *b.number());
    quotient = quotient + whole;
    remainder = remainder - b * whole;
  }
  const Bounds rest = bounds(remainder);
  if (rest.low >= 0 && rest.high < divisor.low)
    return quotient;
  return quotient + composite(Kind::FloorDivide, remainder, b, floorQuotient(rest, divisor));
}

Polynomial Symbols::broadcast(const Polynomial &a, const Polynomial &b) {
  const auto covers = [&](const Polynomial &wide, const Polynomial &extent) { // is it broadcast(extent, ...)?
    if (wide.terms().size() != 1 || wide.terms()[0].symbols.size() != 1 || wide.terms()[0].coefficient != 1)
      return false;
    const Symbol &symbol = all[wide.terms()[0].symbols[0]];
    return symbol.kind == Kind::Broadcast && (symbol.a == extent || symbol.b == extent);
  };
  if (a == b || b.is(1) || covers(a, b))
    return a;
  if (a.is(1) || covers(b, a))
    return b;
  // An extent that is surely not 1 decides: the other is the same or 1.
  for (const Polynomial *extent : {&a, &b})
    if (const Bounds range = bounds(*extent); extent->isKnown() && (range.low > 1 || range.high < 1))
      return *extent;
  const Bounds x = bounds(a), y = bounds(b);
  const bool swapped = text(b) < text(a);
  return composite(Kind::Broadcast, swapped ? b : a, swapped ? a : b,
                   {std::min(x.low, y.low), std::max(x.high, y.high)});
}

Bounds Symbols::bounds(const Polynomial &polynomial) const {
  if (!polynomial.isKnown())
    return {minusInfinity, infinity};
  Bounds sum = {0, 0};
  for (const Polynomial::Term &term : polynomial.terms()) {
    Bounds product = {term.coefficient, term.coefficient};
    for (SymbolId symbol : term.symbols)
      product = product * all[symbol].bounds;
    sum = sum + product;
  }
  return sum;
}

bool Symbols::differ(const Polynomial &a, const Polynomial &b) const {
  const Bounds difference = bounds(a - b);
  return difference.low > 0 || difference.high < 0;
}

void Symbols::demandEqual(const Polynomial &a, const Polynomial &b) {
  if (b.number() && !a.number())
    return demandEqual(b, a);
  const auto extent = a.number();
  if (!extent || *extent < 0)
    return;
  for (const auto &[name, id] : names)
    if (b == Polynomial::symbol(id))
      demanded.emplace(name, *extent);
}

std::optional<int64_t> Symbols::evaluate(SymbolId id,
                                         const std::function<std::optional<int64_t>(SymbolId)> &value) const {
  const Symbol &symbol = all[id];
  if (symbol.kind == Kind::Named || symbol.kind == Kind::Unknown)
    return value(id);
  const auto a = evaluate(symbol.a, value), b = evaluate(symbol.b, value);
  if (!a || !b)
    return std::nullopt;
  switch (symbol.kind) {
  case Kind::Minimum:
    return std::min(*a, *b);
  case Kind::Maximum:
    return std::max(*a, *b);
  case Kind::FloorDivide:
    return *b > 0 ? std::optional(floorQuotient(*a, *b)) : std::nullopt;
  default:
    return *a == 1 ? *b : *a;
  }
}

std::optional<int64_t> Symbols::evaluate(const Polynomial &polynomial,
                                         const std::function<std::optional<int64_t>(SymbolId)> &value) const {
  if (!polynomial.isKnown())
    return std::nullopt;
  int64_t sum = 0;
  for (const Polynomial::Term &term : polynomial.terms()) {
    int64_t product = term.coefficient;
    for (SymbolId symbol : term.symbols) {
      const auto factor = evaluate(symbol, value);
      if (!factor || __builtin_mul_overflow(product, *factor, &product))
        return std::nullopt;
    }
    if (__builtin_add_overflow(sum, product, &sum))
      return std::nullopt;
  }
  return sum;
}

void Symbols::addLeaves(const Polynomial &polynomial, std::vector<SymbolId> &leaves) const {
  for (const Polynomial::Term &term : polynomial.terms())
    for (SymbolId id : term.symbols) {
      const Symbol &symbol = all[id];
      if (symbol.kind == Kind::Named || symbol.kind == Kind::Unknown)
        leaves.push_back(id);
      else {
        addLeaves(symbol.a, leaves);
        addLeaves(symbol.b, leaves);
      }
    }
}

std::vector<SymbolId> Symbols::leaves(const Polynomial &polynomial) const {
  std::vector<SymbolId> leaves;
  addLeaves(polynomial, leaves);
  std::ranges::sort(leaves);
  leaves.erase(std::unique(leaves.begin(), leaves.end()), leaves.end());
  return leaves;
}

std::string Symbols::text(const Polynomial &polynomial) const {
  if (!polynomial.isKnown())
    return "?";
  std::string text;
  for (const Polynomial::Term &term : polynomial.terms()) {
    const bool negative = term.coefficient < 0;
    text += text.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
    const uint64_t size = negative ? -static_cast<uint64_t>(term.coefficient) : static_cast<uint64_t>(term.coefficient);
    std::string factors = size == 1 && !term.symbols.empty() ? "" : std::to_string(size);
    for (SymbolId symbol : term.symbols)
      factors += (factors.empty() ? "" : "*") + all[symbol].name;
    text += factors;
  }
  return text.empty() ? "0" : text;
}

std::string Symbols::text(const std::vector<Polynomial> &shape) const {
  std::string list = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    list += (i == 0 ? "" : ", ") + text(shape[i]);
  return list + "]";
}

} // namespace cadenza::onnx
